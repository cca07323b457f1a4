"""Reading a node's answers: text in, checked values out.

Rules:
    * What does not parse is `NodeUnavailable`, never a guess.
    * Quantities are integers, bytes are bytes, addresses are EIP-55 text.

Example:
    >>> integer("0x10")
    16
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from custody.chains.evm.address import checksum
from custody.primitives.errors import InvalidInput, NodeUnavailable

Json = Mapping[str, Any]


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
        sender: Account that sent it, EIP-55.
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
    sender: str
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
            address_text(member(entry, "address")),
            tuple(raw_bytes(topic) for topic in sequence(member(entry, "topics"))),
            raw_bytes(member(entry, "data")),
            position,
        )
        for position, entry in enumerate(sequence(member(answer, "logs")))
    )
    created = answer.get("contractAddress")
    return Receipt(
        txid=str(member(answer, "transactionHash")).lower(),
        succeeded=integer(member(answer, "status")) == 1,
        height=integer(member(answer, "blockNumber")),
        block_hash=str(member(answer, "blockHash")),
        logs=logs,
        gas_used=integer(member(answer, "gasUsed")),
        price_wei_per_gas=integer(member(answer, "effectiveGasPrice")),
        layer_fee_wei=integer(answer.get("l1Fee") or "0x0"),
        sender=address_text(member(answer, "from")),
        created=None if created is None else address_text(created),
    )


def member(answer: object, name: str) -> Any:  # noqa: ANN401 - checked by the caller
    """A field that must be there."""
    if not isinstance(answer, dict) or name not in answer:
        raise NodeUnavailable(f"the node's answer lacks {name!r}")
    return answer[name]


def sequence(answer: object) -> Sequence[Any]:
    """An answer that must be a list."""
    if not isinstance(answer, list):
        raise NodeUnavailable("the node's answer is not a list")
    return answer
