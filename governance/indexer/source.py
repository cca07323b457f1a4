"""What a node says about one contract, believed only as far as it fits the question.

Rules:
    * Logs are asked by block hash, so that those of another fork can never slip in.
    * A log of another contract or block, a removed one, one our contract cannot emit: the whole answer
      is refused. A contract elsewhere may emit the same event; here it does not count.
    * The code at the pinned address is ours.
    * Texts are bytes that strangers chose: what is not UTF-8 is escaped, so that no voter can stop the index.

Example:
    source = EventSource(web3, deployment)
    block = source.block(source.head())
    source.events(block)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import StringDecoder
from eth_abi.registry import registry
from eth_typing import HexStr
from hexbytes import HexBytes
from web3 import Web3
from web3.types import FilterParams

from custody.primitives.errors import Unavailable, WrongNetwork
from governance.contracts.deployment import Deployment, verify_code
from governance.contracts.refusals import node_answers
from governance.contracts.sending import contract_at
from governance.indexer.store import Block, Event

CONTRACT = "ListingVote"


class AnswerRefused(Unavailable):
    """The node answers something that was not asked; it is not believed."""

    code = "index_answer_refused"


class EventSource:
    """Blocks of one chain, events of its ListingVote."""

    def __init__(self, web3: Web3, deployment: Deployment) -> None:
        """Bind to a node.

        Raises:
            WrongNetwork: It serves another chain.
            CodeMismatch: What stands at the address is not ListingVote.
            NodeUnavailable: It does not answer.
        """
        with node_answers("chain id"):
            served = int(web3.eth.chain_id)
        if served != deployment.chain_id:
            raise WrongNetwork(f"the node serves chain {served}, the contracts are on {deployment.chain_id}")
        reading = Web3(web3.provider)  # its own, since it decodes texts in its own way
        reading.codec = _forgiving_codec()
        contract = contract_at(reading, CONTRACT, deployment.address(CONTRACT))
        verify_code(web3, CONTRACT, contract.address)
        self._web3 = web3
        self._address = contract.address
        self._kinds: Mapping[str, Any] = {kind().topic: kind() for kind in contract.events}

    def head(self) -> int:
        """Number of the newest block.

        Raises:
            NodeUnavailable: The node does not answer.
        """
        with node_answers("block number"):
            return int(self._web3.eth.block_number)

    def block(self, number: int) -> Block:
        """The block of a number on the main chain.

        Raises:
            NodeUnavailable: The node does not answer, or has no such block.
            AnswerRefused: It gives another block.
        """
        with node_answers(f"block {number}"):
            raw = self._web3.eth.get_block(number)
            found = Block(
                int(raw["number"]), raw["hash"].to_0x_hex(), raw["parentHash"].to_0x_hex(), int(raw["timestamp"])
            )
        if found.number != number:
            raise AnswerRefused(f"asked for block {number}, got {found.number}", number=number)
        return found

    def events(self, block: Block) -> tuple[Event, ...]:
        """Events of our contract in a block, in order.

        Raises:
            NodeUnavailable: The node does not answer, or does not know the block any more.
            AnswerRefused: It answers with something else.
        """
        question: FilterParams = {"blockHash": HexBytes(block.hash), "address": self._address}
        with node_answers(f"logs of block {block.number}"):
            logs = self._web3.eth.get_logs(question)
            found = [self._event(block, log) for log in logs]
        found.sort(key=lambda event: event.log_index)
        if len({event.log_index for event in found}) != len(found):
            raise AnswerRefused(f"block {block.number}: a log came twice", number=block.number)
        return tuple(found)

    def _event(self, block: Block, log: Any) -> Event:  # noqa: ANN401 - web3's log receipt
        topic: HexStr | None = log["topics"][0].to_0x_hex() if log["topics"] else None
        kind = self._kinds.get(topic or "")
        is_asked = log["address"] == self._address and log["blockHash"].to_0x_hex() == block.hash
        if not is_asked or log.get("removed") or kind is None:
            raise AnswerRefused(f"block {block.number}: log {log['logIndex']} was not asked for", number=block.number)
        decoded = kind.process_log(log)
        index, args = int(log["logIndex"]), _plain(decoded["args"])
        return Event(block.hash, index, block.number, self._address, str(decoded["event"]), args, block.time_s)


class _AnyText(StringDecoder):
    """Text of any bytes; what is not UTF-8 is escaped."""

    def __init__(self, handle_string_errors: str = "backslashreplace") -> None:
        super().__init__(handle_string_errors)  # type: ignore[no-untyped-call]


def _forgiving_codec() -> ABICodec:
    types = registry.copy()  # type: ignore[no-untyped-call]
    types.unregister_decoder("string")
    types.register_decoder("string", _AnyText, label="string")
    return ABICodec(types)


def _plain(value: Any) -> Any:  # noqa: ANN401 - decoded arguments of any shape
    """Turn decoded arguments into plain JSON: bytes become 0x text, tuples of a struct become objects."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
