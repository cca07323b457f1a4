"""Choosing what goes into one payment, and checking that the plan does exactly that.

Rules:
    * The plan pays the intents, all of them and nothing else, and its fee stays within their caps.
    * One bad item never holds the others up: it is set aside with its reason before anything is signed (attack A16).
    * Where a destination can refuse a payment, the plan is tried out as it will be signed (attack A15).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from custody.chains.port import TrialUnclear
from custody.keys.material import PublicKey
from custody.primitives.errors import (
    InsufficientFunds,
    InvalidInput,
    LimitExceeded,
    Refused,
    ToolkitError,
    VerificationFailed,
)
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent, TransferSummary
from custody.withdrawals.errors import PlanMismatch, TrialRefused
from custody.withdrawals.lanes import AnyLane


@dataclass(frozen=True, slots=True)
class Planned:
    """A checked plan.

    Attributes:
        plan: Unsigned transaction in the codec's storage form.
        reservations: What it consumes; the first is its conflict key.
        intents: What it pays, in plan order.
        members: Keys it is planned for.
    """

    plan: bytes
    reservations: tuple[str, ...]
    intents: tuple[TransferIntent, ...]
    members: tuple[PublicKey, ...]


@dataclass(frozen=True, slots=True)
class PlanningResult:
    """What could be planned now.

    Attributes:
        planned: The payment; None if nothing fits.
        refused: Why an intent cannot be paid alone.
        short: The wallet cannot pay these now.
    """

    planned: Planned | None
    refused: dict[WithdrawalId, ToolkitError]
    short: frozenset[WithdrawalId]


def plan_batch(
    lane: AnyLane,
    spendable: Any,  # noqa: ANN401 - the family's own type, handed from its reader to its codec
    members: Sequence[PublicKey],
    intents: Sequence[TransferIntent],
) -> PlanningResult:
    """Plan as many of the intents as fit into one payment.

    Each is planned alone first, which finds the bad ones; then together, halving while they do not fit.

    Raises:
        Unavailable: The wallet can plan nothing now, or the node is silent.
    """
    fitting: list[TransferIntent] = []
    refused: dict[WithdrawalId, ToolkitError] = {}
    short: set[WithdrawalId] = set()
    for intent in intents:
        try:
            _checked_plan(lane, spendable, members, (intent,))
        except InsufficientFunds:
            short.add(intent.withdrawal_id)
        except (Refused, InvalidInput, VerificationFailed) as error:
            refused[intent.withdrawal_id] = error
        else:
            fitting.append(intent)
    while fitting:
        try:
            planned, tx = _checked_plan(lane, spendable, members, tuple(fitting))
        except (Refused, InvalidInput, VerificationFailed):  # each can be paid alone, and all of them together not
            del fitting[len(fitting) // 2 :]
            continue
        if _refusal(lane, tx) is None:
            return PlanningResult(planned, refused, frozenset(short))
        bad = _refusing(lane, spendable, members, fitting)
        if not bad:  # each would be taken alone, and all of them together are not
            del fitting[len(fitting) // 2 :]
        refused |= bad
        fitting = [intent for intent in fitting if intent.withdrawal_id not in bad]
    return PlanningResult(None, refused, frozenset(short))


def is_for_good(refusal: ToolkitError) -> bool:
    """Tell whether waiting cannot cure a refusal: the request itself is what cannot be paid.

    A fee above the caps passes with the storm; a plan that does something else is a fault of ours, for people.
    """
    if isinstance(refusal, Refused):
        return not refusal.transient and not isinstance(refusal, LimitExceeded | InsufficientFunds)
    return isinstance(refusal, InvalidInput)


def _refusing(
    lane: AnyLane,
    spendable: Any,  # noqa: ANN401 - see plan_batch
    members: Sequence[PublicKey],
    intents: Sequence[TransferIntent],
) -> dict[WithdrawalId, ToolkitError]:
    """Try every payment alone."""
    tried = {
        intent.withdrawal_id: _refusal(lane, _checked_plan(lane, spendable, members, (intent,))[1])
        for intent in intents
    }
    return {name: refusal for name, refusal in tried.items() if refusal is not None}


def _refusal(lane: AnyLane, tx: Any) -> ToolkitError | None:  # noqa: ANN401 - the family's own plan
    """Return why a plan is not to be signed: it would be refused, or nobody can tell. None if it would be taken."""
    if lane.trial is None:
        return None
    try:
        reason = lane.trial.refusal(tx)
    except TrialUnclear as error:
        return error  # what cannot be told waits, and holds nobody up
    return TrialRefused(f"the destination refuses the payment: {reason}") if reason else None


def verify_plan(summary: TransferSummary, intents: Sequence[TransferIntent]) -> None:
    """Check that a plan does what was asked.

    Raises:
        PlanMismatch: Payments or their memos differ from the intents, or the fee passes their caps.
    """
    asked = Counter((intent.to, intent.amount, intent.memo) for intent in intents)
    if Counter(summary.payments()) != asked:
        raise PlanMismatch("the plan does not pay exactly what was asked", asked=len(intents), pays=len(summary.to))
    most = sum(intent.fee_max.units for intent in intents)
    if summary.fee.asset != intents[0].fee_max.asset or not 0 <= summary.fee.units <= most:
        raise PlanMismatch(f"the plan's fee of {summary.fee} passes the cap", fee=str(summary.fee), most=most)


def _checked_plan(
    lane: AnyLane,
    spendable: Any,  # noqa: ANN401 - see plan_batch
    members: Sequence[PublicKey],
    intents: tuple[TransferIntent, ...],
) -> tuple[Planned, Any]:
    tx = lane.codec.plan(intents, spendable, members)
    verify_plan(lane.codec.summarize(tx), intents)
    return Planned(lane.codec.encode(tx), lane.codec.reservations(tx), intents, tuple(members)), tx
