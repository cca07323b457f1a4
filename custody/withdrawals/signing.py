"""From ASSIGNED to bytes that may be sent: ask the signers round by round.

Rules:
    * The step to SIGNING is durable before the first signer is asked: whatever is OPEN was never shown to one.
    * What cannot be completed is given up only with every signer's vow; else it waits, with the reason noted.
    * Bytes, txid and MAYBE_SENT are one durable step before the first send (rule R4).
"""

from __future__ import annotations

from dataclasses import replace

from custody.primitives.errors import QuorumNotReached
from custody.primitives.invariant import invariant
from custody.withdrawals.abandoning import abandon_open, is_abandoned
from custody.withdrawals.asking import Visit, ask_all, named, require_closed, visit_of
from custody.withdrawals.deciding import is_ready
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.ports import Change
from custody.withdrawals.rebuilding import rebuilt
from custody.withdrawals.records import Payment
from custody.withdrawals.signer_order import SignerOrder
from custody.withdrawals.states import AttemptEvent, PaymentEvent, WithdrawalEvent, WithdrawalState


def open_signing(payment: Payment, parts: PipelineParts, now_s: int) -> None:
    """Check everything once more, then note durably that signers will be asked.

    Raises:
        WithdrawalsFrozen: The breaker is open; the payment waits.
    """
    withdrawals = tuple(parts.store.withdrawal(each) for each in payment.withdrawal_ids)
    if any(each.state is WithdrawalState.NEEDS_REVIEW for each in withdrawals):
        return
    if any(each.stop is not None or not is_ready(each, parts, now_s) for each in withdrawals):
        abandon_open(payment, withdrawals, parts)
        return
    require_closed(payment, withdrawals, parts)
    parts.store.commit(Change(payments=(payment.move(PaymentEvent.ASK_SIGNERS),)))


def sign(payment: Payment, parts: PipelineParts, order: SignerOrder, now_s: int) -> None:
    """Ask for the missing signatures; complete the attempt when there are enough.

    Raises:
        WithdrawalsFrozen: The breaker is open; nothing is asked.
        QuorumNotReached: A vote does not count any more; nothing is asked.
        PlanMismatch: The stored plan does not do what the intents say; nothing is asked.
    """
    withdrawals = tuple(parts.store.withdrawal(each) for each in payment.withdrawal_ids)
    if any(each.state is WithdrawalState.NEEDS_REVIEW for each in withdrawals):
        return
    overdue = any(now_s >= each.bound_intent().expires_at_s for each in withdrawals)
    visit = visit_of(payment, withdrawals, parts)
    if not visit.is_complete():
        if (overdue or any(each.stop for each in withdrawals)) and is_abandoned(payment, visit.lane, parts, now_s):
            return
        try:
            ask_all(visit, parts, order, now_s)
        except QuorumNotReached:
            if not overdue:
                raise  # votes may come; after the expiry none will, and people have to look
    if visit.is_complete():
        _complete(visit, parts)
    elif overdue:
        reason = "expired with a signature released and too few to complete it"
        _leave(visit, parts, reason, doubt=True)
    else:
        _leave(visit, parts, named(visit.faults), doubt=False)
        if visit.lane.fixes_signers and visit.has_silent_member():
            rebuilt(visit.attempt, visit.lane, parts, order)


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


def _leave(visit: Visit, parts: PipelineParts, note: str, *, doubt: bool) -> None:
    """Keep what went wrong, once."""
    now_ms = parts.now_ms()
    doubted = tuple(each.move(WithdrawalEvent.DOUBT, now_ms, note) for each in visit.withdrawals) if doubt else ()
    if doubted or visit.payment.note != note:
        parts.store.commit(Change(withdrawals=doubted, payments=(replace(visit.payment, note=note),)))
