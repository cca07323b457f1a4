"""A payment that waits too long gets a higher fee: another attempt on the same conflict key.

Rules:
    * All attempts of a payment share its conflict key, so at most one can confirm (rule R3); the older ones are
      followed to the end, and whichever confirms is the one that is booked.
    * A bump pays the same intents and raises the fee within their caps, or it is not made.
    * It is signed like every attempt, and stored complete before it is sent (rule R4). Until then the older bytes
      are the ones that are sent.
    * The clock decides only when to pay a higher fee, never whether money moves. The number of bumps is bounded;
      after the last one people are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from custody.primitives.invariant import invariant
from custody.withdrawals.asking import ask_all, named, require_closed, visit_of
from custody.withdrawals.errors import PlanMismatch
from custody.withdrawals.gating import require_house
from custody.withdrawals.lanes import AnyLane
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.planning import verify_plan
from custody.withdrawals.ports import Change
from custody.withdrawals.records import Attempt, Payment, Withdrawal
from custody.withdrawals.signer_order import SignerOrder
from custody.withdrawals.states import AttemptEvent, AttemptState, PaymentState, WithdrawalState

NO_BUMP_LEFT = "waits too long and its fee cannot be raised any further"


def speed_up(payment: Payment, parts: PipelineParts, order: SignerOrder, now_s: int) -> None:
    """Open a bump of a payment that waits too long, or go on signing the open one.

    Args:
        payment: As it was looked up a moment ago; nothing is done unless it is IN_FLIGHT.
        parts: Ports.
        order: Which signers to prefer.
        now_s: Now, seconds since 1970 UTC.

    Raises:
        WithdrawalsFrozen: The breaker is open; no further fee is paid.
        GateClosed: A gate about the house is closed; no further fee is paid.
        Unavailable: The node does not answer; nothing changed.
        PlanMismatch: The bump does something else than its payment.
    """
    if payment.state is not PaymentState.IN_FLIGHT:
        return
    withdrawals = tuple(parts.store.withdrawal(each) for each in payment.withdrawal_ids)
    if any(each.state is WithdrawalState.NEEDS_REVIEW for each in withdrawals):
        return
    attempts = parts.store.attempts(payment.id)
    lane = parts.lanes.get(payment.chain, payment.wallet_id)
    if any(each.state is AttemptState.BUILT for each in attempts):
        _sign(payment, withdrawals, parts, order, now_s)
    elif _is_overdue(attempts, lane, parts.now_ms()):
        require_closed(payment, withdrawals, parts)
        require_house(payment, withdrawals, parts)
        _open(payment, attempts, withdrawals, parts)


def _is_overdue(attempts: Sequence[Attempt], lane: AnyLane, now_ms: int) -> bool:
    newest = _signed(attempts)[-1]
    if lane.bump_after_ms is None or newest.sent_at_ms is None:
        return False
    return now_ms - newest.sent_at_ms >= lane.bump_after_ms


def _signed(attempts: Sequence[Attempt]) -> list[Attempt]:
    return [each for each in attempts if each.signed is not None]


def _open(
    payment: Payment, attempts: Sequence[Attempt], withdrawals: Sequence[Withdrawal], parts: PipelineParts
) -> None:
    lane = parts.lanes.get(payment.chain, payment.wallet_id)
    codec, signed = lane.codec, _signed(attempts)
    old = codec.decode(signed[-1].plan)
    held = frozenset(name for each in attempts if each.plan for name in codec.reservations(codec.decode(each.plan)))
    intents = [each.bound_intent() for each in withdrawals]
    tx = None
    if len(signed) <= lane.max_bumps:
        tx = codec.bump(old, lane.reader.spendable(parts.store.reserved(lane.chain) - held), intents)
    if tx is None:
        _tell(payment, f"{NO_BUMP_LEFT}, after {len(signed) - 1} bumps", parts)
        return
    summary, names = codec.summarize(tx), codec.reservations(tx)
    verify_plan(summary, intents)
    if names[0] != payment.conflict_key or summary.fee.units <= codec.summarize(old).fee.units:
        raise PlanMismatch("a bump keeps the conflict key and raises the fee", payment=payment.id)
    bump = Attempt(payment.id, len(attempts) + 1, AttemptState.BUILT, codec.encode(tx), signed[-1].members)
    more = tuple(name for name in names if name not in held)
    parts.store.commit(Change(payments=(payment,), attempts=(bump,), reserve=(payment.id, more)))


def _sign(
    payment: Payment, withdrawals: tuple[Withdrawal, ...], parts: PipelineParts, order: SignerOrder, now_s: int
) -> None:
    visit = visit_of(payment, withdrawals, parts)
    if not visit.is_complete():
        require_house(payment, withdrawals, parts)
        ask_all(visit, parts, order, now_s)
    if not visit.is_complete():
        _tell(payment, f"a higher fee is not signed: {named(visit.faults)}", parts)
        return
    signed = visit.lane.codec.assemble(visit.tx, visit.signatures())
    invariant(signed.conflict_key == payment.conflict_key, "all attempts share the conflict key")
    bump = visit.attempt.move(AttemptEvent.SIGN).move(AttemptEvent.SEND)
    older = [each for each in _signed(parts.store.attempts(payment.id)) if each.state is not AttemptState.REPLACED]
    parts.store.commit(
        Change(
            payments=(payment,),
            attempts=(
                *(each.move(AttemptEvent.REPLACE) for each in older),
                replace(bump, signed=signed, sent_at_ms=parts.now_ms()),
            ),
        )
    )


def _tell(payment: Payment, note: str, parts: PipelineParts) -> None:
    """Say once what keeps it; the note stays until something moves."""
    if payment.note != note:
        parts.store.commit(Change(payments=(replace(payment, note=note),)))
