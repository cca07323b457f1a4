"""What became of an attempt: only a validated ledger says so.

Rules:
    * A provisional result proves nothing: tefPAST_SEQ or tecPATH_DRY today may be a success tomorrow (attack A14).
    * FINAL and FAILED need our own transaction in a validated ledger.
    * DEAD needs all of these: a validated ledger beyond LastLedgerSequence, read before the search; a search without
      gap that did not find it; and the ticket still there. A ticket that is gone was used, perhaps by the same
      payment under signatures of other members: then nothing is proven and people must look.

Example:
    attempt_finality(node, txid, "xrpl:r...:ticket:12:3450")
"""

from __future__ import annotations

from custody.chains.xrpl.node import NetworkView, TxView, XrplNode
from custody.chains.xrpl.params import MAX_LIFE_LEDGERS
from custody.chains.xrpl.state import Slot, SlotKind, parse_key
from custody.primitives.chain import Finality
from custody.primitives.errors import NodeUnavailable
from custody.primitives.ids import TxId


def attempt_finality(node: XrplNode, txid: TxId, conflict_key: str) -> Finality:
    """Say what the ledger says of an attempt now.

    Args:
        node: Whom to ask.
        txid: Hash of the attempt.
        conflict_key: Account, ticket or sequence, and LastLedgerSequence.

    Raises:
        MalformedPayload: Not an XRP Ledger conflict key.
        NodeUnavailable: No answer, or a result that no validated transaction has.
    """
    slot, last = parse_key(conflict_key)
    seen, view = _search(node, txid, last)
    if seen.found:
        if not seen.validated:
            return Finality.PENDING
        if seen.succeeded:
            return Finality.FINAL
        if seen.claimed:
            return Finality.FAILED
        raise NodeUnavailable(f"{txid}: {seen.result[:40]!r} is no result of a validated transaction", txid=txid)
    missed = _is_missed(seen, view, last)
    return Finality.DEAD if missed and _is_unused(node, slot, view.index) else Finality.UNKNOWN


def is_missed(node: XrplNode, txid: TxId, conflict_key: str) -> bool:
    """Tell whether these very bytes are in no validated ledger and never will be.

    Whether something else took their place is not asked: enough for what pays nobody, never for a payment.
    """
    _, last = parse_key(conflict_key)
    return _is_missed(*_search(node, txid, last), last)


def _search(node: XrplNode, txid: TxId, last: int) -> tuple[TxView, NetworkView]:
    view = node.view()  # before the search: what comes after it is not in a ledger we waited for
    return node.transaction(txid, _first(last), last), view


def _is_missed(seen: TxView, view: NetworkView, last: int) -> bool:
    return not seen.found and view.index > last and view.holds(_first(last), last) and seen.searched_all


def _first(last: int) -> int:
    return max(1, last - MAX_LIFE_LEDGERS)


def _is_unused(node: XrplNode, slot: Slot, index: int) -> bool:
    if slot.kind is SlotKind.TICKET:
        return slot.number in node.tickets(slot.account, index)
    account = node.account(slot.account, index)
    return account is not None and account.sequence <= slot.number
