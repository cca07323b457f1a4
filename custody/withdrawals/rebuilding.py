"""Another plan for the same payment, where the family writes the signers into the message.

Rules:
    * All plans of a payment consume its conflict key, so at most one can confirm. What another plan consumes
      beyond that is reserved in the same durable step.
    * Signers see another digest on the same conflict key and with the same intents: a replacement they allow.
    * One plan per set of signers: going back to a set goes back to its plan and the signatures it has, so that
      an outage, however long, uses up no plans.
    * A plan is changed only for signers that have not failed at this step.
"""

from __future__ import annotations

from collections.abc import Sequence

from custody.keys.material import PublicKey
from custody.primitives.errors import StaleState
from custody.primitives.invariant import invariant
from custody.withdrawals.lanes import AnyLane
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.planning import Planned, plan_batch
from custody.withdrawals.ports import Change, WithdrawalStore
from custody.withdrawals.records import Attempt, Payment
from custody.withdrawals.signer_order import SignerOrder
from custody.withdrawals.states import AttemptEvent, AttemptState, PaymentState

MAX_ATTEMPTS = 16
"""Plans of one payment: more than the ten signer sets of a 3-of-5."""
MAX_DETOURS = 32
"""Other free coins or sequences a codec may prefer before it takes the payment's own again."""


def open_attempt(payment: Payment, attempts: Sequence[Attempt], store: WithdrawalStore) -> Attempt:
    """Return the one attempt of an unsigned payment that signers are asked about.

    Args:
        payment: Read before its attempts.
        attempts: All of them.
        store: Tells whether another worker changed the payment in between.

    Raises:
        StaleState: It did; nothing changed here.
    """
    built = [each for each in attempts if each.state is AttemptState.BUILT]
    if len(built) != 1 and store.payment(payment.id).version != payment.version:
        raise StaleState(f"payment {payment.id} was changed by another worker", payment=payment.id)
    invariant(len(built) == 1, "a payment that is being signed has one open attempt", found=len(built))
    return built[0]


def rebuilt(failed: Attempt, lane: AnyLane, parts: PipelineParts, order: SignerOrder) -> bool:
    """Turn to the signers that answer; tell whether another plan is open now.

    Args:
        failed: Attempt whose signers did not all answer.
        lane: Where the payment is signed.
        parts: Ports.
        order: Who failed, and when.

    Raises:
        Unavailable: The node does not answer; nothing changed.
        StaleState, ResourceTaken: Another worker was faster; nothing changed.
    """
    chosen = order.members(lane)[: lane.threshold]
    members = [member.key for member in chosen]
    if set(members) == set(failed.members) or not order.is_worth_asking(chosen):
        return False
    # Read before the attempts: whatever another worker changes from here on makes the commit stale.
    payment = parts.store.payment(failed.payment_id)
    if payment.state is not PaymentState.SIGNING:
        return False
    attempts = parts.store.attempts(payment.id)
    if open_attempt(payment, attempts, parts.store).number != failed.number:
        return False
    replaced = failed.move(AttemptEvent.REPLACE)
    known = next((each for each in attempts if set(each.members) == set(members) and each.signed is None), None)
    if known is not None:
        parts.store.commit(Change(payments=(payment,), attempts=(replaced, known.move(AttemptEvent.RESUME))))
        return True
    held = frozenset(name for each in attempts for name in lane.codec.reservations(lane.codec.decode(each.plan)))
    planned = _planned(payment, held, members, lane, parts) if len(attempts) < MAX_ATTEMPTS else None
    if planned is None:
        return False
    opened = Attempt(payment.id, len(attempts) + 1, AttemptState.BUILT, planned.plan, planned.members)
    more = tuple(name for name in planned.reservations if name not in held)
    parts.store.commit(Change(payments=(payment,), attempts=(replaced, opened), reserve=(payment.id, more)))
    return True


def _planned(
    payment: Payment, held: frozenset[str], members: Sequence[PublicKey], lane: AnyLane, parts: PipelineParts
) -> Planned | None:
    """Plan the same intents on the same conflict key, for other signers."""
    intents = tuple(parts.store.withdrawal(each).bound_intent() for each in payment.withdrawal_ids)
    taken = parts.store.reserved(lane.chain) - held
    for _ in range(MAX_DETOURS):
        planned = plan_batch(lane, lane.reader.spendable(taken), members, intents).planned
        if planned is None or planned.intents != intents:
            return None
        if planned.reservations[0] == payment.conflict_key:
            return planned
        taken |= {planned.reservations[0]}
    return None
