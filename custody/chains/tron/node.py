"""What our code asks a Tron node, with every answer checked for its shape.

Rules:
    * An answer of another shape is `NodeUnavailable`: nothing is known.
    * Block ids are checked against their heights; the id's first eight bytes are the height.

Example:
    node = TronNode(TronHttp(Endpoint("tron", url)), LOCAL)
    node.head().ref
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from itertools import pairwise
from typing import Any, ParamSpec, TypeVar

from custody.chains.tron.address import address_bytes, node_hex
from custody.chains.tron.params import TronParams
from custody.nodes.tron import TronHttp
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef
from custody.primitives.errors import InvalidInput, NodeUnavailable, WrongNetwork

MAX_BLOCKS_PER_CALL = 100
"""`getblockbylimitnext` gives no more."""

_ID_HEX = 64
_BALANCE_OF = "balanceOf(address)"

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TronBlock:
    """One block.

    Attributes:
        ref: Height, id and parent.
        time_ms: Milliseconds since 1970 UTC.
        transactions: As the node shows them.
    """

    ref: BlockRef
    time_ms: int
    transactions: Sequence[Mapping[str, Any]]

    @property
    def txids(self) -> frozenset[str]:
        """Ids of its transactions."""
        return frozenset(str(entry["txID"]).lower() for entry in self.transactions)


def shaped(ask: Callable[P, T]) -> Callable[P, T]:
    """Translate an answer that lacks a field, or has another type there, once."""

    @wraps(ask)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return ask(*args, **kwargs)
        except (KeyError, TypeError, IndexError, ValueError, AttributeError, InvalidInput) as error:
            raise NodeUnavailable(f"a Tron node's answer is of unknown shape: {error!r}") from error

    return checked


class TronNode:
    """Asks one node."""

    def __init__(self, http: TronHttp, params: TronParams) -> None:
        self.http = http
        self.params = params

    def require_network(self) -> None:
        """Stop where the node is of another network.

        Raises:
            WrongNetwork: Its block 0 has another id than the row pins.
        """
        genesis = self.block(0)
        if self.params.genesis_id and genesis.ref.hash != self.params.genesis_id:
            raise WrongNetwork(f"{self.params.chain.id}: the node's genesis is {genesis.ref.hash}")

    def head(self) -> TronBlock:
        """The newest block."""
        return self._block(self.http.ask("/wallet/getnowblock"))

    def solid_head(self) -> TronBlock:
        """The newest block that cannot be reorganised away."""
        return self._block(self.http.ask("/walletsolidity/getnowblock"))

    def block(self, height: int) -> TronBlock:
        """The block of the main chain at this height.

        Raises:
            NodeUnavailable: The node does not have it.
        """
        answer = self.http.ask("/wallet/getblockbynum", num=height)
        if not answer:
            raise NodeUnavailable(f"{self.params.chain.id}: the node has no block {height}", height=height)
        found = self._block(answer)
        if found.ref.height != height:
            raise NodeUnavailable(f"{self.params.chain.id}: asked for block {height}, got {found.ref.height}")
        return found

    @shaped
    def blocks(self, first: int, last: int) -> list[TronBlock]:
        """Blocks first to last of the main chain, at most 100, in ascending order, linked by their parents.

        Raises:
            NodeUnavailable: One is missing, or does not follow the one before.
        """
        end = min(last, first + MAX_BLOCKS_PER_CALL - 1)
        answer = self.http.ask("/wallet/getblockbylimitnext", startNum=first, endNum=end + 1)
        found = sorted((self._block(entry) for entry in answer.get("block", ())), key=lambda block: block.ref.height)
        if [block.ref.height for block in found] != list(range(first, end + 1)):
            raise NodeUnavailable(f"{self.params.chain.id}: blocks {first} to {end} are not complete")
        for before, block in pairwise(found):
            if block.ref.parent != before.ref.hash:
                raise NodeUnavailable(f"{self.params.chain.id}: block {block.ref.height} does not follow the last one")
        return found

    @shaped
    def infos(self, block: TronBlock) -> dict[str, Mapping[str, Any]]:
        """What execution left of each transaction of a block, by id."""
        answer = self.http.ask("/wallet/gettransactioninfobyblocknum", num=block.ref.height)
        entries = answer if isinstance(answer, list) else []
        found = {str(entry["id"]).lower(): entry for entry in entries}
        if not set(found) <= block.txids or any(entry["blockNumber"] != block.ref.height for entry in entries):
            raise NodeUnavailable(f"{self.params.chain.id}: results of another block than {block.ref.hash}")
        return found

    def info(self, txid: str, *, solid: bool) -> Mapping[str, Any] | None:
        """What execution left of a transaction; None where this view does not hold it."""
        room = "walletsolidity" if solid else "wallet"
        answer = self.http.ask(f"/{room}/gettransactioninfobyid", value=txid)
        if not isinstance(answer, dict) or str(answer.get("id", "")).lower() != txid:
            return None
        return answer

    @shaped
    def fee_paid(self, txid: str) -> int:
        """Sun that a solidified transaction took.

        Raises:
            NodeUnavailable: The node does not show its result now.
        """
        info = self.info(txid, solid=True)
        if info is None:
            raise NodeUnavailable(f"{self.params.chain.id}: no result of {txid} now")
        return _whole(info.get("fee", 0))

    def is_pending(self, txid: str) -> bool:
        """Whether the node holds it without having it in a block."""
        answer = self.http.ask("/wallet/gettransactionfrompending", value=txid)
        return isinstance(answer, dict) and str(answer.get("txID", "")).lower() == txid

    def account(self, address: str, *, solid: bool) -> Mapping[str, Any]:
        """An account as the node shows it; empty if it was never opened."""
        room = "walletsolidity" if solid else "wallet"
        answer = self.http.ask(f"/{room}/getaccount", address=node_hex(address))
        if not isinstance(answer, dict):
            raise NodeUnavailable(f"{self.params.chain.id}: an account is an object")
        return answer

    @shaped
    def balance(self, address: str, asset: Asset) -> int:
        """Base units that an account holds at the newest block."""
        if asset.contract is None:
            return _whole(self.account(address, solid=False).get("balance", 0))
        answer = self.http.ask(
            "/wallet/triggerconstantcontract",
            owner_address=node_hex(address),
            contract_address=node_hex(asset.contract),
            function_selector=_BALANCE_OF,
            parameter=(bytes(12) + address_bytes(address)).hex(),
        )
        (word,) = answer["constant_result"]
        if not answer["result"]["result"] or len(word) != _ID_HEX:
            raise NodeUnavailable(f"{self.params.chain.id}: {asset.contract} does not tell balances")
        return int(word, 16)

    @shaped
    def decimals(self, contract: str) -> int | None:
        """Decimals that a token's contract tells; None if no contract there tells them."""
        answer = self.http.ask(
            "/wallet/triggerconstantcontract",
            owner_address=node_hex(contract),
            contract_address=node_hex(contract),
            function_selector="decimals()",
            parameter="",
        )
        words = answer.get("constant_result", ())
        if not answer.get("result", {}).get("result") or len(words) != 1 or len(words[0]) != _ID_HEX:
            return None
        return int(words[0], 16)

    @shaped
    def balance_at(self, address: str, block: BlockRef) -> int:
        """Sun that an account held at the end of a block; the node must keep balance history."""
        answer = self.http.ask(
            "/wallet/getaccountbalance",
            account_identifier={"address": node_hex(address)},
            block_identifier={"hash": block.hash, "number": block.height},
        )
        place = answer["block_identifier"]
        if (place["hash"], place["number"]) != (block.hash, block.height):
            raise NodeUnavailable(f"{self.params.chain.id}: a balance of another block than {block.hash}")
        return _whole(answer.get("balance", 0))

    @shaped
    def send(self, raw: bytes) -> tuple[str, str, str]:
        """Hand a signed transaction over; its id, the node's code ("SUCCESS" if taken), and its text."""
        answer = self.http.ask("/wallet/broadcasthex", transaction=raw.hex())
        code = "SUCCESS" if answer.get("result") is True else str(answer.get("code", ""))
        return str(answer.get("txid", "")).lower(), code, str(answer.get("message", ""))

    @shaped
    def _block(self, answer: Mapping[str, Any]) -> TronBlock:
        header = answer["block_header"]["raw_data"]
        block_id, height = str(answer["blockID"]).lower(), _whole(header.get("number", 0))
        if len(block_id) != _ID_HEX or int(block_id[:16], 16) != height:
            raise NodeUnavailable(f"{self.params.chain.id}: block id {block_id[:80]} does not name height {height}")
        parent = str(header["parentHash"]).lower() if height else ""
        ref = BlockRef(self.params.chain.id, height, block_id, parent)
        transactions = [entry for entry in answer.get("transactions", ()) if entry["txID"]]
        return TronBlock(ref, _whole(header.get("timestamp", 0)), transactions)


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise NodeUnavailable(f"a Tron node answers {str(value)[:80]!r} where a whole number belongs")
    return value
