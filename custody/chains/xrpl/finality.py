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

from custody.chains.xrpl.node import XrplNode
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
    view = node.view()  # before the search: what comes after it is not in a ledger we waited for
    first = max(1, last - MAX_LIFE_LEDGERS)
    seen = node.transaction(txid, first, last)
    if seen.found:
        if not seen.validated:
            return Finality.PENDING
        if seen.succeeded:
            return Finality.FINAL
        if seen.claimed:
            return Finality.FAILED
        raise NodeUnavailable(f"{txid}: {seen.result[:40]!r} is no result of a validated transaction", txid=txid)
    expired = view.index > last and view.holds(first, last) and seen.searched_all
    return Finality.DEAD if expired and _is_unused(node, slot, view.index) else Finality.UNKNOWN


def _is_unused(node: XrplNode, slot: Slot, index: int) -> bool:
    if slot.kind is SlotKind.TICKET:
        return slot.number in node.tickets(slot.account, index)
    account = node.account(slot.account, index)
    return account is not None and account.sequence <= slot.number
