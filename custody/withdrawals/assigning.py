"""From APPROVED to ASSIGNED: pick a lane, plan a payment, reserve what it consumes.

Rules:
    * Payment, plan, reservations and the withdrawals' new state are one durable step; unique indexes let one
      of two workers win.
    * The idlest lane first; where it is short, stuck or silent, the next one pays.
    * Wallets that are short make requests wait for liquidity; they never make them fail.
    * While the hot wallet is nearly empty, large withdrawals of customers wait and say why; small ones flow, and moves
      between our own wallets, which are what fills it, do too.
    * What the codec refuses for good, or the chain would not deliver, is rejected while nothing is signed; what it
      refuses for now (a fee above the caps) waits with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from custody.primitives.encoding import digest
from custody.primitives.errors import InvalidInput, Refused, ToolkitError, Unavailable
from custody.primitives.ids import WithdrawalId
from custody.withdrawals.endings import ended
from custody.withdrawals.facts import Kind
from custody.withdrawals.lanes import AnyLane
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.planning import Planned, PlanningResult, is_for_good, plan_batch
from custody.withdrawals.ports import Change
from custody.withdrawals.records import Attempt, Payment, Withdrawal
from custody.withdrawals.signer_order import SignerOrder
from custody.withdrawals.states import AttemptState, PaymentState, WithdrawalEvent, WithdrawalState

PAYMENT_TAG = "mext/payment-id/1"
THROTTLED = "waits for liquidity: little lies in the hot wallet, and large amounts wait until it is filled again"
"""No number: it would tell everybody who asks how much lies there."""


def assign(batch: Sequence[Withdrawal], lanes: Sequence[AnyLane], parts: PipelineParts, order: SignerOrder) -> None:
    """Open a payment for as many of the batch as possible; what one lane cannot pay, the next one is asked for.

    Args:
        batch: Ready withdrawals of one chain and tier, oldest first.
        lanes: Lanes that can pay them.
        parts: Ports.
        order: Which signers to prefer.

    Raises:
        Unavailable: A node does not answer, or a wallet can plan nothing now, and no other lane pays instead.
        ResourceTaken, StaleState: Another worker was faster; nothing changed.
    """
    batch = _flowing(batch, parts)
    free = _with_room(lanes, parts)
    rest = {withdrawal.id: withdrawal for withdrawal in batch}
    refused: dict[WithdrawalId, ToolkitError] = {}
    silence: Unavailable | None = None
    has_opened = False
    for lane in free:
        try:
            result = _plan(lane, tuple(rest.values()), parts, order)
        except Unavailable as error:
            silence = silence or error
            continue
        refused |= result.refused
        if result.planned is not None:
            _open(result.planned, lane, batch, parts)
            has_opened = True
        rest = {name: withdrawal for name, withdrawal in rest.items() if name in result.short}
        if not rest:
            break
    # Who may still be paid by a lane that is silent now is not said to wait for liquidity.
    _explain(refused, rest.keys() if free and silence is None else frozenset(), batch, parts)
    if silence is not None and rest and not has_opened:
        raise silence


def _flowing(batch: Sequence[Withdrawal], parts: PipelineParts) -> list[Withdrawal]:
    """Keep what may be paid now; the others wait for liquidity."""
    flowing = []
    for withdrawal in batch:
        most = parts.large_from(withdrawal.amount.asset) if withdrawal.kind is Kind.CUSTOMER else None
        if most is None or withdrawal.amount.units <= most:
            flowing.append(withdrawal)
            continue
        if withdrawal.state is WithdrawalState.APPROVED:
            moved = withdrawal.move(WithdrawalEvent.LACK_FUNDS, parts.now_ms(), THROTTLED)
            parts.store.commit(Change(withdrawals=(moved,)))
        elif withdrawal.reason != THROTTLED:
            parts.store.commit(Change(withdrawals=(replace(withdrawal, reason=THROTTLED),)))
    return flowing


def _with_room(lanes: Sequence[AnyLane], parts: PipelineParts) -> list[AnyLane]:
    """Return the lanes that are not full, those with the fewest payments before their block first."""
    backlog = parts.store.backlog()
    waiting = {lane.wallet_id: backlog.get((lane.chain, lane.wallet_id), 0) for lane in lanes}
    free = (lane for lane in lanes if waiting[lane.wallet_id] < parts.batching_on(lane.chain).max_in_flight)
    return sorted(free, key=lambda lane: waiting[lane.wallet_id])


def _plan(lane: AnyLane, batch: Sequence[Withdrawal], parts: PipelineParts, order: SignerOrder) -> PlanningResult:
    batch = [withdrawal for withdrawal in batch if _is_deliverable(withdrawal, lane, parts)]
    if not batch:
        return PlanningResult(None, {}, frozenset())
    spendable = lane.reader.spendable(parts.store.reserved(lane.chain))
    members = [member.key for member in order.members(lane)[: lane.threshold]]
    return plan_batch(lane, spendable, members, [withdrawal.bound_intent() for withdrawal in batch])


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


def _explain(
    refused: Mapping[WithdrawalId, ToolkitError],
    short: Set[WithdrawalId],
    batch: Sequence[Withdrawal],
    parts: PipelineParts,
) -> None:
    """Say why the others wait or end."""
    for withdrawal in batch:
        error = refused.get(withdrawal.id)
        if error is not None and is_for_good(error):
            parts.store.commit(ended(withdrawal.move(WithdrawalEvent.REJECT, parts.now_ms(), error.message)))
        elif error is not None and withdrawal.reason != error.message:
            parts.store.commit(Change(withdrawals=(replace(withdrawal, reason=error.message),)))
        elif withdrawal.id in short and withdrawal.state is WithdrawalState.APPROVED:
            moved = withdrawal.move(WithdrawalEvent.LACK_FUNDS, parts.now_ms(), "waits for liquidity")
            parts.store.commit(Change(withdrawals=(moved,)))
