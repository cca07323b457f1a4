"""Typed questions to an EVM node: it translates hexadecimal text, and decides nothing.

Rules:
    * Answers are checked for shape here, once: what does not parse is `NodeUnavailable`, never a guess.
    * Quantities are integers, bytes are bytes, addresses are EIP-55 text.

Example:
    node = EvmNode(JsonRpc(Endpoint("anvil", "http://127.0.0.1:8545")), ETHEREUM_LOCAL)
    node.require_chain()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from custody.chains.evm.abi import balance_of_call
from custody.chains.evm.address import checksum
from custody.chains.evm.params import EvmParams
from custody.nodes.jsonrpc import JsonRpc, NodeError
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef
from custody.primitives.errors import InvalidInput, NodeUnavailable, WrongNetwork

Json = Mapping[str, Any]

EXECUTION_REVERTED = 3
"""JSON-RPC error number by which nodes report a reverted call."""


@dataclass(frozen=True, slots=True)
class Log:
    """One event.

    Attributes:
        emitter: Contract that emitted it, EIP-55.
        topics: 32 bytes each; the first names the event.
        body: Arguments that are not indexed.
        position: Place among the events of its transaction, from 0.
    """

    emitter: str
    topics: tuple[bytes, ...]
    body: bytes
    position: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What executing a transaction did.

    Attributes:
        txid: Hash of the transaction, lower case.
        succeeded: Status 1.
        height, block_hash: Where it was executed.
        logs: Its events, in order.
        gas_used: In gas.
        price_wei_per_gas: What each gas cost.
        layer_fee_wei: What a second layer charged beside gas, for posting the bytes below; 0 elsewhere.
        created: Contract it created, EIP-55; None for a call.
    """

    txid: str
    succeeded: bool
    height: int
    block_hash: str
    logs: tuple[Log, ...]
    gas_used: int
    price_wei_per_gas: int
    layer_fee_wei: int
    created: str | None

    @property
    def fee_wei(self) -> int:
        """What the sender paid for it."""
        return self.gas_used * self.price_wei_per_gas + self.layer_fee_wei


@dataclass(frozen=True, slots=True)
class FeeHistory:
    """What recent blocks charged, in wei per gas.

    Attributes:
        next_base_fee: Of the block to come.
        tips: One a block, oldest first.
    """

    next_base_fee: int
    tips: tuple[int, ...]


class EvmNode:
    """One node of one network."""

    def __init__(self, rpc: JsonRpc, params: EvmParams) -> None:
        self.rpc = rpc
        self.params = params

    def require_chain(self) -> None:
        """Refuse a node of another network; called once, at the start of a lane.

        Raises:
            WrongNetwork: The node answers for another chain id.
        """
        answered = integer(self.rpc.call("eth_chainId"))
        if answered != self.params.chain_id:
            raise WrongNetwork(f"{self.params.chain.id}: the node serves chain id {answered}", chain_id=str(answered))

    def tip(self) -> BlockRef:
        """Newest block."""
        return self._block_ref(self._header("latest"))

    def block_at(self, height: int) -> BlockRef:
        """Block of the main chain at this height."""
        return self._block_ref(self._header(hex(height)))

    def fee_history(self, blocks: int, percentile: int) -> FeeHistory:
        """What recent blocks charged.

        Args:
            blocks: How many, up to the newest.
            percentile: Which transaction of each block the tip is taken from, by gas, 0 to 100.
        """
        answer = self.rpc.call("eth_feeHistory", hex(blocks), "latest", [percentile])
        base_fees = [integer(fee) for fee in _sequence(_member(answer, "baseFeePerGas"))]
        tips = [integer(tip) for block in _sequence(_member(answer, "reward")) for tip in _sequence(block)]
        if not base_fees:
            raise NodeUnavailable(f"{self.params.chain.id}: the node's history of fees is empty")
        return FeeHistory(base_fees[-1], tuple(tips))

    def gas_price(self) -> int:
        """Price the node suggests where there is no base fee, in wei per gas."""
        return integer(self.rpc.call("eth_gasPrice"))

    def balance(self, address: str, asset: Asset, at: BlockRef | None = None) -> int:
        """Base units held by an address, as of a block."""
        if asset.contract is None:
            return integer(self.rpc.call("eth_getBalance", address, block_tag(at)))
        answer = self.view(asset.contract, balance_of_call(address), at)
        if len(answer) != 32:
            raise NodeUnavailable(f"{asset.key}: balanceOf answers {len(answer)} bytes; is the contract there?")
        return int.from_bytes(answer, "big")

    def view(self, contract: str, call: bytes, at: BlockRef | None = None) -> bytes:
        """Result of a call that changes nothing."""
        return raw_bytes(self.rpc.call("eth_call", {"to": contract, "data": "0x" + call.hex()}, block_tag(at)))

    def would_succeed(self, sender: str, call: tuple[str, int, bytes]) -> bool:
        """Tell whether a call would run to its end at the tip.

        Args:
            sender: Who calls, EIP-55; no signature is needed to ask.
            call: (contract or account, wei, calldata).
        """
        to, value, calldata = call
        question = {"from": sender, "to": to, "value": hex(value), "data": "0x" + calldata.hex()}
        try:
            self.rpc.call("eth_call", question, "latest")
        except NodeError as error:
            text = error.rpc_message.lower()
            if error.rpc_code == EXECUTION_REVERTED or "revert" in text or "insufficient funds" in text:
                return False
            raise
        return True

    def code(self, address: str, at: BlockRef | None = None) -> bytes:
        """Runtime code at an address; empty for an ordinary account."""
        return raw_bytes(self.rpc.call("eth_getCode", address, block_tag(at)))

    def storage(self, address: str, slot: int, at: BlockRef | None = None) -> int:
        """One storage word of a contract, as a number."""
        return integer(self.rpc.call("eth_getStorageAt", address, hex(slot), block_tag(at)))

    def sequence(self, address: str, at: BlockRef | None = None) -> int:
        """Number of transactions an account has sent, as of a block: its next nonce."""
        return integer(self.rpc.call("eth_getTransactionCount", address, block_tag(at)))

    def receipt(self, txid: str) -> Receipt | None:
        """Receipt of a mined transaction; None if it is not in a block."""
        answer = self.rpc.call("eth_getTransactionReceipt", txid)
        return None if answer is None else receipt_from(answer)

    def knows(self, txid: str) -> bool:
        """Tell whether the node has the transaction, in a block or in its pool."""
        return self.rpc.call("eth_getTransactionByHash", txid) is not None

    def logs(self, emitter: str, topic: bytes, first: int, last: int) -> list[str]:
        """Transactions that made a contract emit an event, within a range of heights; oldest first.

        Returns:
            Transaction hashes, each once.
        """
        wanted = {
            "address": emitter,
            "topics": ["0x" + topic.hex()],
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }
        found = self.rpc.call("eth_getLogs", wanted)
        return list(dict.fromkeys(str(_member(entry, "transactionHash")) for entry in _sequence(found)))

    def send_raw(self, raw: bytes) -> str:
        """Hand signed bytes over."""
        return str(self.rpc.call("eth_sendRawTransaction", "0x" + raw.hex()))

    def _header(self, tag: str) -> Json:
        answer = self.rpc.call("eth_getBlockByNumber", tag, False)  # noqa: FBT003 - hashes suffice
        if not isinstance(answer, dict):
            raise NodeUnavailable(f"{self.params.chain.id}: the node has no block {tag}")
        return answer

    def _block_ref(self, header: Json) -> BlockRef:
        height = integer(_member(header, "number"))
        return BlockRef(self.params.chain.id, height, str(_member(header, "hash")), str(_member(header, "parentHash")))


def block_tag(at: BlockRef | None) -> object:
    """How a node is told which state to read: by block hash, so that a reorg cannot swap it.

    Spec: EIP-1898.
    """
    return "latest" if at is None else {"blockHash": at.hash, "requireCanonical": True}


def integer(answer: object) -> int:
    """A hexadecimal quantity.

    Raises:
        NodeUnavailable: Not one.
    """
    if not isinstance(answer, str) or not answer.startswith("0x"):
        raise NodeUnavailable(f"not a quantity: {str(answer)[:80]!r}")
    try:
        return int(answer[2:] or "0", 16)
    except ValueError as error:
        raise NodeUnavailable(f"not a quantity: {answer[:80]!r}") from error


def raw_bytes(answer: object) -> bytes:
    """Hexadecimal bytes.

    Raises:
        NodeUnavailable: Not such text.
    """
    if not isinstance(answer, str) or not answer.startswith("0x"):
        raise NodeUnavailable(f"not hexadecimal bytes: {str(answer)[:80]!r}")
    try:
        return bytes.fromhex(answer[2:])
    except ValueError as error:
        raise NodeUnavailable(f"not hexadecimal bytes: {answer[:80]!r}") from error


def address_text(answer: object) -> str:
    """An address as EIP-55 text.

    Raises:
        NodeUnavailable: Not 20 bytes.
    """
    try:
        return checksum(raw_bytes(answer))
    except InvalidInput as error:
        raise NodeUnavailable(f"not an address: {str(answer)[:80]!r}") from error


def receipt_from(answer: Json) -> Receipt:
    """Read a receipt."""
    logs = tuple(
        Log(
            address_text(_member(entry, "address")),
            tuple(raw_bytes(topic) for topic in _sequence(_member(entry, "topics"))),
            raw_bytes(_member(entry, "data")),
            position,
        )
        for position, entry in enumerate(_sequence(_member(answer, "logs")))
    )
    created = answer.get("contractAddress")
    return Receipt(
        txid=str(_member(answer, "transactionHash")).lower(),
        succeeded=integer(_member(answer, "status")) == 1,
        height=integer(_member(answer, "blockNumber")),
        block_hash=str(_member(answer, "blockHash")),
        logs=logs,
        gas_used=integer(_member(answer, "gasUsed")),
        price_wei_per_gas=integer(_member(answer, "effectiveGasPrice")),
        layer_fee_wei=integer(answer.get("l1Fee") or "0x0"),
        created=None if created is None else address_text(created),
    )


def _member(answer: object, name: str) -> Any:  # noqa: ANN401 - checked by the caller
    if not isinstance(answer, dict) or name not in answer:
        raise NodeUnavailable(f"the node's answer lacks {name!r}")
    return answer[name]


def _sequence(answer: object) -> Sequence[Any]:
    if not isinstance(answer, list):
        raise NodeUnavailable("the node's answer is not a list")
    return answer
