"""Deposits in one block: what watched addresses really gained.

Rules:
    * TRX counts only from a TransferContract whose contractRet is SUCCESS. TRC-10 assets, whatever they are
      called, and contract calls move no TRX that is credited here.
    * Tokens count only from listed contracts, by Transfer events of calls that succeeded. An approval, a
      look-alike contract, a reverted call or one without energy credits nothing.
    * TRX that our own gas station lends to a deposit account is no deposit.
    * The index is 0 for TRX and 1 + position of the event for tokens: stable across a reorganisation.
    * Block and results are two questions; the block is asked again afterwards, and a change raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from custody.chains.port import SeenDeposit
from custody.chains.tron.address import from_node_hex
from custody.chains.tron.finality import TRANSFER_TOPIC
from custody.chains.tron.node import TronBlock, TronNode, shaped
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef
from custody.primitives.errors import StaleState
from custody.primitives.ids import TxId

_TOPIC_HEX, _WORD_HEX = 64, 64


@dataclass(frozen=True, slots=True)
class Watched:
    """What counts as a deposit.

    Attributes:
        addresses: Where customers pay, base58check.
        tokens: Allow-list.
        station: Account whose TRX is a loan of our own; None where there is none.
    """

    addresses: Set[str]
    tokens: Sequence[Asset]
    station: str | None = None


def scan_block(node: TronNode, watched: Watched, block: BlockRef) -> tuple[SeenDeposit, ...]:
    """Find every deposit in a block.

    Args:
        node: Whom to ask.
        watched: What counts.
        block: Which block.

    Raises:
        StaleState: Another block stands at this height now.
        NodeUnavailable: No answer, or one of unknown shape.
    """
    found = _require_same(node.block(block.height), block)
    infos = node.infos(found) if watched.tokens and found.transactions else {}
    deposits = _read(found, infos, node.params.native, watched)
    if infos:
        _require_same(node.block(block.height), block)
    return deposits


@shaped
def _read(
    block: TronBlock, infos: Mapping[str, Mapping[str, Any]], native: Asset, watched: Watched
) -> tuple[SeenDeposit, ...]:
    listed = {asset.contract: asset for asset in watched.tokens}
    deposits: list[SeenDeposit] = []
    for entry in block.transactions:
        txid = str(entry["txID"]).lower()
        gained = _native(entry, native)
        if gained is not None and gained[0] != watched.station and gained[1] in watched.addresses:
            deposits.append(_seen(block.ref, txid, 0, gained))
        info = infos.get(txid)
        if info is not None and _succeeded(entry, info):
            deposits += [
                _seen(block.ref, txid, 1 + place, event, _callers(entry))
                for place, event in _events(info, listed)
                if event[1] in watched.addresses
            ]
    return tuple(deposits)


Gain = tuple[str, str, Amount]
"""From, to, what."""


def _native(entry: Mapping[str, Any], native: Asset) -> Gain | None:
    contracts = entry["raw_data"]["contract"]
    if _result(entry) != "SUCCESS" or len(contracts) != 1 or contracts[0]["type"] != "TransferContract":
        return None
    value = contracts[0]["parameter"]["value"]
    sun = value["amount"]
    if type(sun) is not int or sun <= 0:
        return None
    return from_node_hex(value["owner_address"]), from_node_hex(value["to_address"]), Amount(sun, native)


def _events(info: Mapping[str, Any], listed: Mapping[str | None, Asset]) -> Iterator[tuple[int, Gain]]:
    for place, log in enumerate(info.get("log", ())):
        topics, body = log.get("topics", ()), log.get("data", "")
        asset = listed.get(from_node_hex(log["address"]))
        if asset is None or len(topics) != 3 or topics[0] != TRANSFER_TOPIC or len(body) != _WORD_HEX:
            continue
        source, target = (_topic_address(topic) for topic in topics[1:])
        units = int(body, 16)
        if source != target and units > 0:
            yield place, (source, target, Amount(units, asset))


def _succeeded(entry: Mapping[str, Any], info: Mapping[str, Any]) -> bool:
    said = info.get("receipt", {}).get("result")
    return _result(entry) == "SUCCESS" and said == "SUCCESS" and info.get("result") != "FAILED"


def _result(entry: Mapping[str, Any]) -> str:
    return str(entry["ret"][0].get("contractRet", ""))


def _topic_address(topic: str) -> str:
    if len(topic) != _TOPIC_HEX:
        raise ValueError(f"a topic of {len(topic)} digits")
    return from_node_hex(topic[24:])


def _callers(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Who signed for the call: an allowance moves a holder's tokens at somebody else's word."""
    return tuple(from_node_hex(each["parameter"]["value"]["owner_address"]) for each in entry["raw_data"]["contract"])


def _seen(block: BlockRef, txid: str, index: int, gain: Gain, callers: tuple[str, ...] = ()) -> SeenDeposit:
    source, target, amount = gain
    senders = tuple(dict.fromkeys((source, *callers)))
    return SeenDeposit(TxId(txid), index, Address(block.chain, target), amount, block, senders=senders)


def _require_same(found: TronBlock, block: BlockRef) -> TronBlock:
    if found.ref.hash != block.hash:
        raise StaleState(f"{block.chain}: block {block.height} is {found.ref.hash} now", height=block.height)
    return found
