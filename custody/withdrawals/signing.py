"""From ASSIGNED to bytes that may be sent: ask the signers round by round.

Rules:
    * The step to SIGNING is durable before the first signer is asked: whatever is OPEN was never shown to one.
    * All nine gates are open at that step, and their receipts are written in it.
    * What cannot be completed is given up only with every signer's vow; else it waits, with the reason noted.
    * A stored plan that cannot be read, or does something else, is shown to nobody: at its expiry it is given up in
      the same way, and people look where a signer has signed it.
    * Bytes, txid and MAYBE_SENT are one durable step before the first send (rule R4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from custody.primitives.errors import InvalidInput, QuorumNotReached, Refused, VerificationFailed
from custody.primitives.invariant import invariant
from custody.withdrawals.abandoning import abandon_open, is_abandoned
from custody.withdrawals.asking import Visit, ask_all, named, require_closed, visit_of
from custody.withdrawals.deciding import is_ready
from custody.withdrawals.errors import GateClosed
from custody.withdrawals.gating import pass_gates, require_house
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.ports import Change
from custody.withdrawals.rebuilding import rebuilt
from custody.withdrawals.records import Payment, Withdrawal
from custody.withdrawals.signer_order import SignerOrder
from custody.withdrawals.states import AttemptEvent, PaymentEvent, WithdrawalEvent, WithdrawalState


def open_signing(payment: Payment, parts: PipelineParts, now_s: int) -> None:
    """Check everything once more, then note durably that signers will be asked, with the receipts of the gates.

    Raises:
        WithdrawalsFrozen: The breaker is open; the payment waits.
        GateClosed: One of the nine gates is closed; the payment waits with its reason.
    """
    withdrawals = tuple(parts.store.withdrawal(each) for each in payment.withdrawal_ids)
    if any(each.state is WithdrawalState.NEEDS_REVIEW for each in withdrawals):
        return
    if any(each.stop is not None or not is_ready(each, parts, now_s) for each in withdrawals):
        abandon_open(payment, withdrawals, parts)
        return
    require_closed(payment, withdrawals, parts)
    receipts = pass_gates(payment, withdrawals, parts)
    parts.store.commit(Change(payments=(payment.move(PaymentEvent.ASK_SIGNERS),), receipts=receipts))
    parts.gates.note_passed(payment.id, parts.now_ms())


def sign(payment: Payment, parts: PipelineParts, order: SignerOrder, now_s: int) -> None:
    """Ask for the missing signatures; complete the attempt when there are enough.

    Raises:
        WithdrawalsFrozen: The breaker is open; nothing is asked.
        GateClosed: A gate is closed; nothing is asked.
        QuorumNotReached: A vote does not count any more; nothing is asked.
        PlanMismatch: The stored plan does not do what the intents say; nothing is asked.
        MalformedPayload: It cannot be read any more; nothing is asked.
    """
    withdrawals = tuple(parts.store.withdrawal(each) for each in payment.withdrawal_ids)
    if any(each.state is WithdrawalState.NEEDS_REVIEW for each in withdrawals):
        return
    overdue = any(now_s >= each.bound_intent().expires_at_s for each in withdrawals)
    is_over = overdue or any(each.stop for each in withdrawals)
    try:
        visit = visit_of(payment, withdrawals, parts)
    except (InvalidInput, Refused, VerificationFailed) as error:
        note = f"the stored plan is not signed: {error.message}"
        if not is_over:
            _leave(payment, withdrawals, parts, note, doubt=False)
            raise
        _give_up(payment, withdrawals, parts, note, now_s)
        return
    if visit.is_complete() or not (is_over and is_abandoned(payment, visit.lane, parts, now_s)):
        _go_on(visit, parts, order, now_s, overdue=overdue)


def _go_on(visit: Visit, parts: PipelineParts, order: SignerOrder, now_s: int, *, overdue: bool) -> None:
    if not visit.is_complete():
        try:
            visit = _with_receipts(visit, parts)
            ask_all(visit, parts, order, now_s)
        except (QuorumNotReached, GateClosed):
            if not overdue:
                raise  # votes may come, gates may open; after the expiry it is too late, and people have to look
    if visit.is_complete():
        _complete(visit, parts)
    elif overdue:
        reason = "expired with a signature released and too few to complete it"
        _leave(visit.payment, visit.withdrawals, parts, reason, doubt=True)
    else:
        _leave(visit.payment, visit.withdrawals, parts, named(visit.faults), doubt=False)
        if visit.lane.fixes_signers and visit.has_silent_member():
            rebuilt(visit.attempt, visit.lane, parts, order)


def _with_receipts(visit: Visit, parts: PipelineParts) -> Visit:
    """Look at the gates again, and see to it that every withdrawal has the receipt of its present intent.

    A signer may know of a payment that a restored database still had to open: that one has no receipts yet.
    """
    if parts.gates.has_passed(visit.payment.id, parts.now_ms()):
        return visit  # in this very second, with its receipts
    known = parts.store.receipted([each.id for each in visit.withdrawals])
    if known.issuperset((each.id, each.intent_hash) for each in visit.withdrawals):
        require_house(visit.payment, visit.withdrawals, parts)
        return visit
    drafts = pass_gates(visit.payment, visit.withdrawals, parts)
    missing = tuple(draft for draft in drafts if (draft.withdrawal_id, draft.intent_hash) not in known)
    parts.store.commit(Change(payments=(visit.payment,), receipts=missing))
    return replace(visit, payment=parts.store.payment(visit.payment.id))


def _complete(visit: Visit, parts: PipelineParts) -> None:
    signed = visit.lane.codec.assemble(visit.tx, visit.signatures())
    invariant(signed.conflict_key == visit.payment.conflict_key, "all attempts share the conflict key")
    now_ms = parts.now_ms()
    attempt = visit.attempt.move(AttemptEvent.SIGN).move(AttemptEvent.SEND)
    parts.store.commit(
        Change(
            withdrawals=tuple(
                replace(
                    each.move(WithdrawalEvent.SIGN, now_ms).move(WithdrawalEvent.SEND, now_ms),
                    stop=None,
                )
                for each in visit.withdrawals
            ),
            payments=(visit.payment.move(PaymentEvent.COMPLETE, named(visit.faults)),),
            attempts=(replace(attempt, signed=signed, sent_at_ms=now_ms),),
        )
    )


def _give_up(payment: Payment, withdrawals: Sequence[Withdrawal], parts: PipelineParts, note: str, now_s: int) -> None:
    """Void it with every signer's vow; where a signer has signed already, people look."""
    lane = parts.lanes.get(payment.chain, payment.wallet_id)
    if not is_abandoned(payment, lane, parts, now_s):
        _leave(payment, withdrawals, parts, f"{note}; and a signer has signed for it", doubt=True)


def _leave(
    payment: Payment, withdrawals: Sequence[Withdrawal], parts: PipelineParts, note: str, *, doubt: bool
) -> None:
    """Keep what went wrong, once."""
    now_ms = parts.now_ms()
    doubted = tuple(each.move(WithdrawalEvent.DOUBT, now_ms, note) for each in withdrawals) if doubt else ()
    if doubted or payment.note != note:
        parts.store.commit(Change(withdrawals=doubted, payments=(replace(payment, note=note),)))
