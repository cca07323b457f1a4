"""From ASSIGNED to bytes that may be sent: ask the signers round by round.

Rules:
    * The step to SIGNING is durable before the first signer is asked: whatever is OPEN was never shown to one.
    * Breaker and quorum are looked at right before each question, not only at approval (attack D15).
    * A signature is stored before the next signer is asked; after a crash the stored ones are kept, and a
      signer asked again repeats its answer.
    * A signer that is silent, refuses or sends a bad signature is named and the next one is asked (attack E09).
    * Bytes, txid and MAYBE_SENT are one durable step before the first send (rule R4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from custody.keys.material import Signature, Signer, SigningNeed, SigningRequest, SigningRole
from custody.primitives.errors import (
    BadSignature,
    InvalidInput,
    QuorumNotReached,
    Refused,
    SignerUnavailable,
    VerificationFailed,
)
from custody.primitives.invariant import invariant
from custody.withdrawals.abandoning import abandon_open, is_abandoned
from custody.withdrawals.deciding import has_quorum, is_ready, votes_for
from custody.withdrawals.lanes import AnyLane
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.planning import verify_plan
from custody.withdrawals.ports import Change
from custody.withdrawals.rebuilding import open_attempt, rebuilt
from custody.withdrawals.records import Attempt, GivenSignature, Payment, Withdrawal
from custody.withdrawals.signer_order import SignerOrder
from custody.withdrawals.states import AttemptEvent, PaymentEvent, WithdrawalEvent, WithdrawalState

MAX_ROUNDS = 64
"""Questions in one visit: more than keys times roles of any wallet, so that a codec cannot ask for ever."""


@dataclass(slots=True)
class _Visit:
    """One visit to the signers for one attempt."""

    payment: Payment
    attempt: Attempt
    withdrawals: tuple[Withdrawal, ...]
    lane: AnyLane
    tx: Any
    given: list[GivenSignature]
    faults: dict[str, str] = field(default_factory=dict)

    def signatures(self) -> list[Signature]:
        return [given.signature for given in self.given]

    def has_silent_member(self) -> bool:
        """Tell whether a signer the plan was made for gave no good answer."""
        planned_for = {each.signer.name for each in self.lane.members if each.key in self.attempt.members}
        return not planned_for.isdisjoint(self.faults)


def open_signing(payment: Payment, parts: PipelineParts, now_s: int) -> None:
    """Check everything once more, then note durably that signers will be asked.

    Raises:
        WithdrawalsFrozen: The breaker is open; the payment waits.
    """
    withdrawals = tuple(parts.store.withdrawal(each) for each in payment.withdrawal_ids)
    if any(each.stop is not None or not is_ready(each, parts, now_s) for each in withdrawals):
        abandon_open(payment, withdrawals, parts)
        return
    _require_closed(payment, withdrawals, parts)
    parts.store.commit(Change(payments=(payment.move(PaymentEvent.ASK_SIGNERS),)))


def sign(payment: Payment, parts: PipelineParts, order: SignerOrder, now_s: int) -> None:
    """Ask for the missing signatures; complete the attempt when there are enough.

    Raises:
        WithdrawalsFrozen: The breaker is open; nothing is asked.
        PlanMismatch: The stored plan does not do what the intents say; nothing is asked.
    """
    withdrawals = tuple(parts.store.withdrawal(each) for each in payment.withdrawal_ids)
    if any(each.state is WithdrawalState.NEEDS_REVIEW for each in withdrawals):
        return
    overdue = any(now_s >= each.bound_intent().expires_at_s for each in withdrawals)
    visit = _visit(payment, withdrawals, parts)
    if visit.lane.codec.next_need(visit.tx, visit.signatures()) is not None:
        if (overdue or any(each.stop for each in withdrawals)) and is_abandoned(payment, visit.lane, parts, now_s):
            return
        _ask_all(visit, parts, order, now_s)
    if visit.lane.codec.next_need(visit.tx, visit.signatures()) is None:
        _complete(visit, parts)
    elif overdue:
        reason = "expired with a signature released and too few to complete it"
        _leave(visit, parts, reason, doubt=True)
    else:
        _leave(visit, parts, _named(visit.faults), doubt=False)
        if visit.lane.fixes_signers and visit.has_silent_member():
            rebuilt(visit.attempt, visit.lane, parts, order)


def _visit(payment: Payment, withdrawals: tuple[Withdrawal, ...], parts: PipelineParts) -> _Visit:
    lane = parts.lanes.get(payment.chain, payment.wallet_id)
    attempt = open_attempt(parts.store.attempts(payment.id))
    tx = lane.codec.decode(attempt.plan)
    verify_plan(lane.codec.summarize(tx), [each.bound_intent() for each in withdrawals])
    given = list(parts.store.signatures(payment.id, attempt.number))
    return _Visit(payment, attempt, withdrawals, lane, tx, given)


def _ask_all(visit: _Visit, parts: PipelineParts, order: SignerOrder, now_s: int) -> None:
    asked = {(given.role, given.signer) for given in visit.given}
    if visit.lane.fixes_signers:
        # A signature by somebody who does not stand in the message is worth nothing: it is not asked for.
        others = [each for each in visit.lane.members if each.key not in visit.attempt.members]
        asked |= {(SigningRole.MEMBER, each.signer.name) for each in others}
    for _ in range(MAX_ROUNDS):
        need = visit.lane.codec.next_need(visit.tx, visit.signatures())
        if need is None:
            return
        signer = next((s for s in order.signers(visit.lane, need.role) if (need.role, s.name) not in asked), None)
        if signer is None:
            return
        asked.add((need.role, signer.name))
        _require_closed(visit.payment, visit.withdrawals, parts)
        if not all(has_quorum(each, parts, now_s) for each in visit.withdrawals):
            raise QuorumNotReached("a quorum does not hold any more", payment=visit.payment.id)
        _ask(visit, need, signer, parts, order)


def _ask(visit: _Visit, need: SigningNeed, signer: Signer, parts: PipelineParts, order: SignerOrder) -> None:
    request = SigningRequest(
        chain=visit.lane.chain,
        wallet_id=visit.lane.wallet_id,
        role=need.role,
        payload=need.payload,
        intents=tuple(each.bound_intent() for each in visit.withdrawals),
        approvals=tuple(vote for each in visit.withdrawals for vote in votes_for(each, parts)),
    )
    try:
        signatures = signer.sign(request)
        fresh = _new_and_genuine(visit, signatures)
    except (SignerUnavailable, Refused, InvalidInput, VerificationFailed) as error:
        order.blame(signer.name)
        visit.faults[signer.name] = f"{error.code}: {error.message}"
        return
    order.praise(signer.name)
    given = tuple(
        GivenSignature(visit.payment.id, visit.attempt.number, need.role, signer.name, each) for each in fresh
    )
    parts.store.commit(Change(signatures=given))
    visit.given.extend(given)


def _new_and_genuine(visit: _Visit, signatures: Sequence[Signature]) -> list[Signature]:
    """Return the signatures that are not there yet, after the codec verified them.

    Raises:
        BadSignature: One does not verify, or none came.
    """
    known = {(given.signature.key, given.signature.index) for given in visit.given}
    fresh = [each for each in signatures if (each.key, each.index) not in known]
    if not fresh:
        raise BadSignature("no new signature in the answer")
    try:
        visit.lane.codec.assemble(visit.tx, [*visit.signatures(), *fresh])
    except QuorumNotReached:  # all good, but not enough yet
        return fresh
    return fresh


def _complete(visit: _Visit, parts: PipelineParts) -> None:
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
            payments=(visit.payment.move(PaymentEvent.COMPLETE, _named(visit.faults)),),
            attempts=(replace(attempt, signed=signed, sent_at_ms=now_ms),),
        )
    )


def _leave(visit: _Visit, parts: PipelineParts, note: str, *, doubt: bool) -> None:
    """Keep what went wrong, once."""
    now_ms = parts.now_ms()
    doubted = tuple(each.move(WithdrawalEvent.DOUBT, now_ms, note) for each in visit.withdrawals) if doubt else ()
    if doubted or visit.payment.note != note:
        parts.store.commit(Change(withdrawals=doubted, payments=(replace(visit.payment, note=note),)))


def _require_closed(payment: Payment, withdrawals: Sequence[Withdrawal], parts: PipelineParts) -> None:
    for each in withdrawals:
        parts.breaker.require_closed(each.amount.asset, payment.wallet_id)


def _named(faults: dict[str, str]) -> str:
    return "; ".join(f"{signer}: {fault}" for signer, fault in sorted(faults.items()))
