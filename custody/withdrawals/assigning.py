"""From APPROVED to ASSIGNED: pick a lane, plan one payment, reserve what it consumes.

Rules:
    * Payment, plan, reservations and the withdrawals' new state are one durable step; unique indexes let one
      of two workers win.
    * A wallet that is short makes requests wait for liquidity; it never makes them fail.
    * What the codec refuses as malformed, or the chain would not deliver, is rejected while nothing is signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from custody.primitives.encoding import digest
from custody.primitives.errors import InvalidInput, Refused
from custody.withdrawals.endings import ended
from custody.withdrawals.lanes import AnyLane
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.planning import Planned, PlanningResult, plan_batch
from custody.withdrawals.ports import Change
from custody.withdrawals.records import Attempt, Payment, Withdrawal
from custody.withdrawals.signer_order import SignerOrder
from custody.withdrawals.states import AttemptState, PaymentState, WithdrawalEvent, WithdrawalState

PAYMENT_TAG = "mext/payment-id/1"


def assign(batch: Sequence[Withdrawal], lanes: Sequence[AnyLane], parts: PipelineParts, order: SignerOrder) -> None:
    """Open one payment for as many of the batch as possible.

    Args:
        batch: Ready withdrawals of one chain and tier, oldest first.
        lanes: Lanes that can pay them.
        parts: Ports.
        order: Which signers to prefer.

    Raises:
        Unavailable: The node does not answer.
        ResourceTaken, StaleState: Another worker was faster; nothing changed.
    """
    lane = _idlest(lanes, parts)
    if lane is None:
        return
    batch = [withdrawal for withdrawal in batch if _is_deliverable(withdrawal, lane, parts)]
    if not batch:
        return
    spendable = lane.reader.spendable(parts.store.reserved(lane.chain))
    members = [member.key for member in order.members(lane)[: lane.threshold]]
    result = plan_batch(lane, spendable, members, [withdrawal.bound_intent() for withdrawal in batch])
    if result.planned is not None:
        _open(result.planned, lane, batch, parts)
    _explain(result, batch, parts)


def is_full(lane: AnyLane, parts: PipelineParts) -> bool:
    """Tell whether as many payments of a lane are live as its chain's nodes keep."""
    return _live(lane, parts) >= parts.batching_on(lane.chain).max_in_flight


def _idlest(lanes: Sequence[AnyLane], parts: PipelineParts) -> AnyLane | None:
    """Return the lane with the fewest live payments; None if all are full."""
    lane = min(lanes, key=lambda lane: _live(lane, parts))
    return None if is_full(lane, parts) else lane


def _live(lane: AnyLane, parts: PipelineParts) -> int:
    return parts.store.backlog().get((lane.chain, lane.wallet_id), 0)


def _is_deliverable(withdrawal: Withdrawal, lane: AnyLane, parts: PipelineParts) -> bool:
    """Ask the chain about the destination once more; what it would not deliver is rejected.

    Raises:
        Unavailable: The node does not answer; the whole batch waits.
    """
    try:
        lane.verify_destination(withdrawal.to, withdrawal.amount, withdrawal.memo)
    except (Refused, InvalidInput) as error:
        parts.store.commit(ended(withdrawal.move(WithdrawalEvent.REJECT, parts.now_ms(), error.message)))
        return False
    return True


def _open(planned: Planned, lane: AnyLane, batch: Sequence[Withdrawal], parts: PipelineParts) -> None:
    now_ms = parts.now_ms()
    by_id = {withdrawal.id: withdrawal for withdrawal in batch}
    paid = tuple(by_id[intent.withdrawal_id] for intent in planned.intents)
    conflict_key = planned.reservations[0]
    payment = Payment(
        id="pay-" + digest(PAYMENT_TAG, conflict_key, now_ms, *(withdrawal.id for withdrawal in paid))[:16].hex(),
        chain=lane.chain,
        wallet_id=lane.wallet_id,
        conflict_key=conflict_key,
        withdrawal_ids=tuple(withdrawal.id for withdrawal in paid),
        state=PaymentState.OPEN,
        version=0,
        opened_at_ms=now_ms,
    )
    parts.store.commit(
        Change(
            withdrawals=tuple(
                replace(withdrawal.move(WithdrawalEvent.ASSIGN, now_ms), payment_id=payment.id) for withdrawal in paid
            ),
            payments=(payment,),
            attempts=(Attempt(payment.id, 1, AttemptState.BUILT, planned.plan, planned.members),),
            reserve=(payment.id, planned.reservations),
        )
    )


def _explain(result: PlanningResult, batch: Sequence[Withdrawal], parts: PipelineParts) -> None:
    """Say why the others wait or end."""
    for withdrawal in batch:
        error = result.refused.get(withdrawal.id)
        if isinstance(error, InvalidInput):
            parts.store.commit(ended(withdrawal.move(WithdrawalEvent.REJECT, parts.now_ms(), error.message)))
        elif error is not None and withdrawal.reason != error.message:
            parts.store.commit(Change(withdrawals=(replace(withdrawal, reason=error.message),)))
        elif withdrawal.id in result.short and withdrawal.state is WithdrawalState.APPROVED:
            moved = withdrawal.move(WithdrawalEvent.LACK_FUNDS, parts.now_ms(), "waits for liquidity")
            parts.store.commit(Change(withdrawals=(moved,)))
