"""The questions we ask an XRP Ledger node, and the shapes its answers must have.

Rules:
    * An answer of another shape than asked is no answer: `NodeUnavailable`.
    * Everything but `submit` and `fee_drops` is asked of a validated ledger, and the answer must say so.
    * "Not found" comes with what the node searched; it is never taken for "does not exist" here.

Example:
    node = XrplNode(RippledRpc(Endpoint("rippled", "http://127.0.0.1:5005")))
    node.view().index
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

from custody.nodes.jsonrpc import NodeError
from custody.primitives.errors import NodeUnavailable

MAX_OBJECT_PAGES = 10
"""250 tickets fill one page of 400; more pages than this is an answer gone wrong."""
PAGE_OBJECTS = 400

_SUCCESS = "tesSUCCESS"
_CLAIMED = "tec"


class Caller(Protocol):
    """A client of the node; `custody.nodes.rippled.RippledRpc` is one."""

    def call(self, method: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON the node takes
        """Ask one question."""
        ...


@dataclass(frozen=True, slots=True)
class NetworkView:
    """What a node says of itself and of the newest validated ledger.

    Attributes:
        network_id: Which network it follows.
        index: Newest validated ledger.
        ranges: Ledgers it holds without gap: (first, last), both inclusive.
        base_reserve_drops: Every account keeps this.
        object_reserve_drops: And this for each object it owns.
    """

    network_id: int
    index: int
    ranges: tuple[tuple[int, int], ...]
    base_reserve_drops: int
    object_reserve_drops: int

    def holds(self, first: int, last: int) -> bool:
        """Tell whether it holds all these ledgers."""
        return any(low <= first and last <= high for low, high in self.ranges)


@dataclass(frozen=True, slots=True)
class AccountRoot:
    """An account in one validated ledger.

    Attributes:
        balance_drops: What it holds, reserve included.
        sequence: Its next sequence.
        owned: Objects it owns, each of which locks up reserve.
        flags: Bits of the account.
        has_regular_key: Another single key may sign for it.
        quorum: Weight its signer list asks; 0 without one.
        signers: Entries of the list: address -> weight.
    """

    balance_drops: int
    sequence: int
    owned: int
    flags: int
    has_regular_key: bool
    quorum: int
    signers: dict[str, int]


@dataclass(frozen=True, slots=True)
class TxView:
    """What a node knows of one transaction.

    Attributes:
        found: It knows it.
        validated: It is in a validated ledger.
        result: Its result there: "tesSUCCESS", "tecPATH_DRY"; empty before.
        searched_all: Not found, in a range that the node holds without gap.
    """

    found: bool
    validated: bool = False
    result: str = ""
    searched_all: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether it did what it says."""
        return self.result == _SUCCESS

    @property
    def claimed(self) -> bool:
        """Whether it took the fee and did nothing else."""
        return self.result.startswith(_CLAIMED)


@dataclass(frozen=True, slots=True)
class SubmitView:
    """What a node says when it gets a transaction; provisional, whatever it is."""

    result: str
    message: str


class XrplNode:
    """One node. Every method may raise NodeUnavailable."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def view(self) -> NetworkView:
        """What the node says of itself."""
        state = _part(self._caller.call("server_state"), "state")
        newest = _part(state, "validated_ledger")
        return NetworkView(
            whole(state.get("network_id", 0)),  # a node without the setting follows the main net
            whole(newest.get("seq")),
            _ranges(str(state.get("complete_ledgers", ""))),
            whole(newest.get("reserve_base")),
            whole(newest.get("reserve_inc")),
        )

    def fee_drops(self) -> int:
        """What a transaction of one signature costs to enter the next ledger, in drops."""
        drops = _part(self._caller.call("fee"), "drops")
        return max(whole_text(drops.get("base_fee")), whole_text(drops.get("open_ledger_fee")))

    def ledger(self, index: int, *, expanded: bool) -> dict[str, Any]:
        """A validated ledger, with its transactions in full if asked."""
        answer = self._caller.call("ledger", ledger_index=index, transactions=expanded, expand=expanded)
        _require_validated(answer, f"ledger {index}")
        found = _part(answer, "ledger")
        if whole_text(str(found.get("ledger_index"))) != index:
            raise NodeUnavailable(f"ledger {index} asked, {found.get('ledger_index')!r:.40} answered")
        return found

    def account(self, address: str, index: int) -> AccountRoot | None:
        """An account as of a validated ledger; None if it does not exist there."""
        try:
            answer = self._caller.call("account_info", account=address, ledger_index=index, signer_lists=True)
        except NodeError as error:
            if error.rpc_message == "actNotFound":
                return None
            raise
        _require_validated(answer, f"account {address}")
        root = _part(answer, "account_data")
        lists = root.get("signer_lists", [])
        if root.get("Account") != address or not isinstance(lists, list) or len(lists) > 1:
            raise NodeUnavailable(f"account {address}: an answer about another account, or of unknown shape")
        quorum, signers = _signer_list(lists[0]) if lists else (0, {})
        return AccountRoot(
            whole_text(root.get("Balance")),
            whole(root.get("Sequence")),
            whole(root.get("OwnerCount")),
            whole(root.get("Flags")),
            "RegularKey" in root,
            quorum,
            signers,
        )

    def tickets(self, address: str, index: int) -> tuple[int, ...]:
        """Tickets of an account as of a validated ledger, ascending."""
        found: list[int] = []
        marker: dict[str, Any] = {}
        for _ in range(MAX_OBJECT_PAGES):
            answer = self._caller.call(
                "account_objects", account=address, type="ticket", ledger_index=index, limit=PAGE_OBJECTS, **marker
            )
            _require_validated(answer, f"tickets of {address}")
            objects = answer.get("account_objects")
            if not isinstance(objects, list):
                raise NodeUnavailable(f"tickets of {address}: no list")
            found += [whole(_fields(each).get("TicketSequence")) for each in objects]
            if "marker" not in answer:
                return tuple(sorted(found))
            marker = {"marker": answer["marker"]}
        raise NodeUnavailable(f"tickets of {address}: more than {MAX_OBJECT_PAGES} pages")

    def transaction(self, txid: str, first: int, last: int) -> TxView:
        """Look a transaction up.

        Args:
            txid: 64 hex digits.
            first, last: Ledgers that must be searched before "not found" says anything.
        """
        try:
            answer = self._caller.call("tx", transaction=txid, binary=False, min_ledger=first, max_ledger=last)
        except NodeError as error:
            if error.rpc_message == "txnNotFound":
                return TxView(found=False, searched_all=_searched_all(error.data))
            raise
        if answer.get("hash") != txid:
            raise NodeUnavailable(f"tx {txid} asked, {answer.get('hash')!r:.80} answered")
        if answer.get("validated") is not True:
            return TxView(found=True)
        return TxView(found=True, validated=True, result=str(_part(answer, "meta").get("TransactionResult", "")))

    def submit(self, raw: bytes) -> SubmitView:
        """Hand a signed transaction over."""
        answer = self._caller.call("submit", tx_blob=raw.hex().upper())
        result = answer.get("engine_result")
        if not isinstance(result, str) or not result:
            raise NodeUnavailable("submit: no engine result")
        return SubmitView(result, str(answer.get("engine_result_message", ""))[:400])


def whole(answer: object) -> int:
    """Read a whole number that is not negative.

    Raises:
        NodeUnavailable: It is something else.
    """
    if type(answer) is not int or answer < 0:
        raise NodeUnavailable(f"{answer!r:.80} is not a whole number")
    return answer


def whole_text(answer: object) -> int:
    """Read a whole number written as decimal text: drops.

    Raises:
        NodeUnavailable: It is something else.
    """
    if not (isinstance(answer, str) and answer.isascii() and answer.isdecimal() and len(answer) <= 20):
        raise NodeUnavailable(f"{answer!r:.80} is not an amount in drops")
    return int(answer)


def _fields(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise NodeUnavailable(f"{answer!r:.80} is not an object")
    return answer


def _part(answer: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(answer.get(name), dict):
        raise NodeUnavailable(f"an answer without {name}")
    return _fields(answer[name])


def _require_validated(answer: dict[str, Any], what: str) -> None:
    if answer.get("validated") is not True:
        raise NodeUnavailable(f"{what}: not validated yet")


def _signer_list(stored: object) -> tuple[int, dict[str, int]]:
    entries = _fields(stored).get("SignerEntries")
    if not isinstance(entries, list):
        raise NodeUnavailable("a signer list of unknown shape")
    signers = [_part(_fields(entry), "SignerEntry") for entry in entries]
    weights = {str(signer.get("Account")): whole(signer.get("SignerWeight")) for signer in signers}
    return whole(_fields(stored).get("SignerQuorum")), weights


def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    found = []
    for part in text.split(",") if text not in ("", "empty") else ():
        low, _, high = part.partition("-")
        found.append((whole_text(low.strip()), whole_text((high or low).strip())))
    return tuple(found)


def _searched_all(stated: str) -> bool:
    return _fields(json.loads(stated)).get("searched_all") is True
