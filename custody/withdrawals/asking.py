"""One visit to the signers of a payment's open attempt: who is asked, and what is kept of the answers.

Rules:
    * Breaker and quorum are looked at right before each question, not only at approval (attack D15).
    * A signature is stored before the next signer is asked; after a crash the stored ones are kept, and a
      signer asked again repeats its answer. Rounds of a threshold signature are asked in one visit, or anew.
    * A signer that is silent, refuses or sends a bad signature is named and the next one is asked (attack E09).

Example:
    visit = visit_of(payment, withdrawals, parts)
    ask_all(visit, parts, order, now_s)
    if visit.is_complete(): ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from custody.keys.material import Signature, Signer, SigningNeed, SigningRequest, SigningRole
from custody.primitives.errors import (
    BadSignature,
    InvariantBroken,
    QuorumNotReached,
    ToolkitError,
)
from custody.withdrawals.deciding import has_quorum, votes_for
from custody.withdrawals.lanes import AnyLane
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.planning import verify_plan
from custody.withdrawals.ports import Change
from custody.withdrawals.rebuilding import open_attempt
from custody.withdrawals.records import Attempt, GivenSignature, Payment, Withdrawal
from custody.withdrawals.signer_order import SignerOrder

MAX_ROUNDS = 64
"""Questions in one visit: more than keys times roles of any wallet, so that a codec cannot ask for ever."""


@dataclass(slots=True)
class Visit:
    """One visit to the signers for one attempt."""

    payment: Payment
    attempt: Attempt
    withdrawals: tuple[Withdrawal, ...]
    lane: AnyLane
    tx: Any
    given: list[GivenSignature]
    faults: dict[str, str] = field(default_factory=dict)

    def signatures(self) -> list[Signature]:
        """Return what was given so far."""
        return [given.signature for given in self.given]

    def is_complete(self) -> bool:
        """Tell whether nothing is missing any more."""
        return self.lane.codec.next_need(self.tx, self.signatures()) is None

    def has_silent_member(self) -> bool:
        """Tell whether a signer the plan was made for gave no good answer."""
        planned_for = {each.signer.name for each in self.lane.members if each.key in self.attempt.members}
        return not planned_for.isdisjoint(self.faults)


def visit_of(payment: Payment, withdrawals: tuple[Withdrawal, ...], parts: PipelineParts) -> Visit:
    """Begin a visit with what was given at earlier ones.

    Raises:
        PlanMismatch: The stored plan does not do what the intents say.
        StaleState: Another worker was faster.
    """
    lane = parts.lanes.get(payment.chain, payment.wallet_id)
    attempt = open_attempt(payment, parts.store.attempts(payment.id), parts.store)
    tx = lane.codec.decode(attempt.plan)
    verify_plan(lane.codec.summarize(tx), [each.bound_intent() for each in withdrawals])
    given = list(parts.store.signatures(payment.id, attempt.number))
    return Visit(payment, attempt, withdrawals, lane, tx, given)


def ask_all(visit: Visit, parts: PipelineParts, order: SignerOrder, now_s: int) -> None:
    """Ask for what is missing, one signer after the other, until nothing is or nobody is left.

    Raises:
        WithdrawalsFrozen: The breaker is open; nobody further is asked.
        QuorumNotReached: A quorum does not hold any more; nobody further is asked.
    """
    asked = {(given.role, given.signer, b"") for given in visit.given}
    if visit.lane.fixes_signers:
        # A signature by somebody who does not stand in the message is worth nothing: it is not asked for.
        others = [each for each in visit.lane.members if each.key not in visit.attempt.members]
        asked |= {(SigningRole.MEMBER, each.signer.name, b"") for each in others}
    for _ in range(MAX_ROUNDS):
        need = visit.lane.codec.next_need(visit.tx, visit.signatures())
        if need is None:
            return
        question = need.payload if need.together else b""  # a member of a threshold key answers once a round
        able = [each for each in _able(visit, need, order) if (need.role, each.name, question) not in asked]
        if not able:
            return
        signer = able[0]
        asked.add((need.role, signer.name, question))
        require_closed(visit.payment, visit.withdrawals, parts)
        if not all(has_quorum(each, parts, now_s) for each in visit.withdrawals):
            raise QuorumNotReached("a quorum does not hold any more", payment=visit.payment.id)
        _ask(visit, need, signer, parts, order)


def _able(visit: Visit, need: SigningNeed, order: SignerOrder) -> list[Signer]:
    """Return who can answer, the most reliable first."""
    signers = order.signers(visit.lane, need.role)
    if not need.together:
        return signers
    holders = {each.signer.name for each in visit.lane.members if each.key in need.together}
    return [each for each in signers if each.name in holders]


def _ask(visit: Visit, need: SigningNeed, signer: Signer, parts: PipelineParts, order: SignerOrder) -> None:
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
    except InvariantBroken:
        raise
    except ToolkitError as error:  # whatever a signer says: the next one is asked
        order.blame(signer.name)
        visit.faults[signer.name] = f"{error.code}: {error.message}"
        return
    order.praise(signer.name)
    given = tuple(
        GivenSignature(visit.payment.id, visit.attempt.number, need.role, signer.name, each) for each in fresh
    )
    if not need.together:
        parts.store.commit(Change(signatures=given))
    visit.given.extend(given)


def _new_and_genuine(visit: Visit, signatures: Sequence[Signature]) -> list[Signature]:
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


def require_closed(payment: Payment, withdrawals: Sequence[Withdrawal], parts: PipelineParts) -> None:
    """Pass if neither their assets nor the lane that pays them are frozen.

    Raises:
        WithdrawalsFrozen: The breaker is open.
    """
    for each in withdrawals:
        parts.breaker.require_closed(each.amount.asset, payment.wallet_id)


def named(faults: dict[str, str]) -> str:
    """Say in one line who failed and how."""
    return "; ".join(f"{signer}: {fault}" for signer, fault in sorted(faults.items()))
