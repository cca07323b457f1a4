"""Deposits in one block: what the watched addresses really gained.

Rules:
    * Native coins count only in transactions with status 1: directly, and through internal calls none
      of whose frames reverted, where the node serves traces.
    * Tokens count only from listed contracts, by Transfer events *and* by what the balance of the
      address really gained in this block; the smaller is credited.
    * The senders are the account behind the transaction and whoever moved the coins: the caller of an internal
      call, the `from` of a token's event.
    * Gas that our own station gives to a deposit account is no deposit.
    * The index is stable across a reorg: 2 * position of the call frame, or 2 * position of the
      event + 1, counted inside the transaction.
    * The block is asked by its hash: a node that reorganised meanwhile raises and is asked again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from custody.chains.evm.address import checksum
from custody.chains.evm.answers import Receipt, address_text, integer, receipt_from
from custody.chains.evm.keccak import keccak256
from custody.chains.evm.node import EvmNode
from custody.chains.port import SeenDeposit
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef
from custody.primitives.errors import NodeUnavailable
from custody.primitives.ids import TxId

TRANSFER_TOPIC = keccak256(b"Transfer(address,address,uint256)")
MAX_TRACE_FRAMES = 100_000
"""A full block has room for a few thousand calls; a longer trace is not believed."""

_VALUE_CALLS = frozenset({"CALL", "CREATE", "CREATE2", "SELFDESTRUCT"})


@dataclass(frozen=True, slots=True)
class Watched:
    """What counts as a deposit.

    Attributes:
        addresses: Where customers pay, EIP-55.
        tokens: Allow-list.
        ours: Accounts whose native payments are moves of our own, EIP-55.
    """

    addresses: Set[str]
    tokens: Sequence[Asset]
    ours: Set[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Gain:
    """One movement: its index among the deposits of the transaction, from, to, base units."""

    index: int
    source: str
    to: str
    units: int


def scan_block(node: EvmNode, watched: Watched, block: BlockRef) -> tuple[SeenDeposit, ...]:
    """Find every deposit in a block.

    Args:
        node: Whom to ask.
        watched: What counts.
        block: Which block.

    Raises:
        NodeUnavailable: No answer, or the block is not on the node's chain any more.
    """
    receipts = _receipts(node, block)
    native = list(_native(node, receipts, watched, block))
    tokens = _tokens(node, receipts, watched, block)
    return tuple(sorted([*native, *tokens], key=_place))


def _place(seen: SeenDeposit) -> tuple[str, int]:
    return seen.txid, seen.index


def _receipts(node: EvmNode, block: BlockRef) -> list[Receipt]:
    answer = node.rpc.call("eth_getBlockReceipts", block.hash)
    if not isinstance(answer, list):
        raise NodeUnavailable(f"{block.chain}: the node does not have block {block.hash}")
    receipts = [receipt_from(entry) for entry in answer]
    if any(receipt.block_hash != block.hash for receipt in receipts):
        raise NodeUnavailable(f"{block.chain}: receipts of another block than {block.hash}")
    return receipts


def _native(node: EvmNode, receipts: Sequence[Receipt], watched: Watched, block: BlockRef) -> Iterator[SeenDeposit]:
    succeeded = [receipt for receipt in receipts if receipt.succeeded and receipt.sender not in watched.ours]
    if not succeeded:
        return
    gains = _traced(node, block) if node.params.tracing else _direct(node, block)
    for receipt in succeeded:
        for gain in gains.get(receipt.txid, ()):
            if gain.to in watched.addresses and gain.units > 0:
                yield _seen(block, receipt, gain, node.params.native)


def _direct(node: EvmNode, block: BlockRef) -> dict[str, list[Gain]]:
    answer = node.rpc.call("eth_getBlockByHash", block.hash, True)  # noqa: FBT003 - with full transactions
    if not isinstance(answer, dict):
        raise NodeUnavailable(f"{block.chain}: the node does not have block {block.hash}")
    return {
        str(tx["hash"]).lower(): [Gain(0, address_text(tx["from"]), address_text(tx["to"]), integer(tx["value"]))]
        for tx in answer["transactions"]
        if tx.get("to") is not None
    }


def _traced(node: EvmNode, block: BlockRef) -> dict[str, list[Gain]]:
    answer = node.rpc.call("debug_traceBlockByHash", block.hash, {"tracer": "callTracer"})
    if not isinstance(answer, list):
        raise NodeUnavailable(f"{block.chain}: the node does not trace block {block.hash}")
    return {str(entry["txHash"]).lower(): list(_frames(entry["result"])) for entry in answer}


def _frames(root: Mapping[str, Any]) -> Iterator[Gain]:
    """Value-moving frames in depth-first order, without those inside a frame that reverted."""
    waiting = [root]
    for position in range(MAX_TRACE_FRAMES):
        if not waiting:
            return
        frame = waiting.pop()
        if frame.get("error"):
            continue
        waiting.extend(reversed(frame.get("calls") or []))
        # A delegatecall shows the value of its caller, but moves none.
        if frame.get("type") in _VALUE_CALLS and frame.get("to"):
            source, to = address_text(frame.get("from")), address_text(frame["to"])
            yield Gain(2 * position, source, to, integer(frame.get("value") or "0x0"))
    raise NodeUnavailable(f"a trace of more than {MAX_TRACE_FRAMES} calls")


def _tokens(node: EvmNode, receipts: Sequence[Receipt], watched: Watched, block: BlockRef) -> Iterator[SeenDeposit]:
    listed = {token.contract: token for token in watched.tokens}
    gained: dict[tuple[Asset, str], list[tuple[Receipt, Gain]]] = defaultdict(list)
    spent: dict[tuple[Asset, str], int] = defaultdict(int)
    for receipt in receipts:
        for log in receipt.logs if receipt.succeeded else ():
            token = listed.get(log.emitter)
            if token is None or len(log.topics) != 3 or log.topics[0] != TRANSFER_TOPIC or len(log.body) != 32:
                continue
            units = int.from_bytes(log.body, "big")
            source, target = checksum(log.topics[1][12:]), checksum(log.topics[2][12:])
            if source == target:
                continue  # nobody gained
            if source in watched.addresses:
                spent[token, source] += units
            if target in watched.addresses and units > 0:
                gained[token, target].append((receipt, Gain(2 * log.position + 1, source, target, units)))
    for (token, owner), events in gained.items():
        before = _held_before(node, token, owner, block)
        # What came in is what the balance grew by, plus what left in the same block.
        left = node.balance(owner, token, block) - before + spent[token, owner]
        for receipt, gain in events:
            credited = max(0, min(gain.units, left))
            left -= credited
            if credited:
                yield _seen(block, receipt, replace(gain, units=credited), token)


def _held_before(node: EvmNode, token: Asset, owner: str, block: BlockRef) -> int:
    parent = BlockRef(block.chain, block.height - 1, block.parent, "")
    # A contract that was created in this very block had no balances before it.
    return node.balance(owner, token, parent) if node.code(str(token.contract), parent) else 0


def _seen(block: BlockRef, receipt: Receipt, gain: Gain, asset: Asset) -> SeenDeposit:
    senders = tuple(dict.fromkeys((receipt.sender, gain.source)))
    to, amount = Address(block.chain, gain.to), Amount(gain.units, asset)
    return SeenDeposit(TxId(receipt.txid), gain.index, to, amount, block, senders=senders)
