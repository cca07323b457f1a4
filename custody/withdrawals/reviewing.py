"""What people may do with a withdrawal that the machines left to them: follow the chain's evidence, and nothing else.

    verdict    what the chain must show                                          then
    paid       a final transaction, not ours for another payment, that pays      settled
               every withdrawal of the payment, to the unit
    refund     all bytes dead or failed on a final view; where bytes were lost   refunded
               with a database, only if the conflict key names the act itself

Rules:
    * Two people besides the one who proposed it sign the digest of the whole resolution, with what they saw.
    * Every node of the lane must show the evidence; one that is silent or of another mind means: not now.
    * A consumed coin or sequence is no proof of death where bytes were lost: the lost bytes may have consumed it.
    * All withdrawals of a payment are resolved together.

Example:
    desk.resolve(resolution, approvals, now_ms)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from custody.chains.port import SignedTx
from custody.keys.quorum import QuorumRule, verify_quorum
from custody.primitives.amount import Amount
from custody.primitives.approval import Approval
from custody.primitives.chain import Finality
from custody.primitives.encoding import canonical_json, digest
from custody.primitives.errors import NodesDisagree, Refused
from custody.primitives.ids import Digest, TxId, WithdrawalId
from custody.withdrawals.lanes import AnyLane, Lanes
from custody.withdrawals.looking import look
from custody.withdrawals.ports import Change, PolicySource, WithdrawalStore
from custody.withdrawals.records import Attempt, Payment, Withdrawal
from custody.withdrawals.states import (
    ATTEMPT,
    LIVE_PAYMENTS,
    AttemptEvent,
    AttemptState,
    PaymentEvent,
    PaymentState,
    WithdrawalEvent,
    WithdrawalState,
)

RESOLUTION_TAG = "mext/withdrawal-resolution/1"
PEOPLE = 2
"""Besides the one who proposes."""
MAX_AGE_S = 86_400
"""A day: older resolutions are proposed anew."""
_GONE = frozenset({Finality.DEAD, Finality.FAILED})


class ResolutionRefused(Refused):
    """The chain does not show what the resolution says, or it does not fit the record."""

    code = "resolution_refused"


class ReviewVerdict(StrEnum):
    """What people found."""

    PAID = "paid"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What one officer proposes and others approve.

    Attributes:
        withdrawal: Which; the others of its payment share its fate.
        verdict: What was found.
        txid: For paid: the transaction that paid. For a refund: the one that took the conflict key, or empty where
            all bytes are known.
        height: For paid: height of its block; else 0.
        seen: The record as the officers saw it; see `ReviewDesk.seen`.
        officer: Approver id of who proposes; does not count among the approvals.
        at_s: When, seconds since 1970 UTC.
        note: Why, for the record.
    """

    withdrawal: str
    verdict: ReviewVerdict
    txid: str
    height: int
    seen: str
    officer: str
    at_s: int
    note: str = ""

    @property
    def digest(self) -> Digest:
        """What is signed, 32 bytes."""
        return digest(RESOLUTION_TAG, canonical_json(asdict(self)))


@dataclass(frozen=True, slots=True)
class _Case:
    """One payment under review."""

    payment: Payment
    withdrawals: tuple[Withdrawal, ...]
    attempts: tuple[Attempt, ...]
    lane: AnyLane


class ReviewDesk:
    """Carries resolutions out."""

    def __init__(self, store: WithdrawalStore, lanes: Lanes, policies: PolicySource) -> None:
        self._store = store
        self._lanes = lanes
        self._policies = policies

    def open_cases(self) -> tuple[Withdrawal, ...]:
        """Return what waits for people, oldest first."""
        return self._store.withdrawals(frozenset({WithdrawalState.NEEDS_REVIEW}))

    def seen(self, withdrawal_id: WithdrawalId) -> str:
        """Describe the record that a resolution must name.

        Raises:
            NotFound: No such withdrawal.
        """
        withdrawal = self._store.withdrawal(withdrawal_id)
        return f"{withdrawal.state.value}/{withdrawal.moved_at_ms}/{withdrawal.payment_id}"

    def resolve(self, resolution: Resolution, approvals: Sequence[Approval], now_ms: int) -> None:
        """Do what the chain's evidence supports.

        Args:
            resolution: What an officer proposes.
            approvals: Verdicts over its digest.
            now_ms: Now, milliseconds since 1970 UTC.

        Raises:
            ResolutionRefused: Too old, not what is on record, or the chain does not show it.
            QuorumNotReached, ApprovalDenied, BadSignature: The approvals do not suffice.
            NotFound: No such withdrawal.
            Unavailable: A node does not answer, or they disagree; nothing changed.
            StaleState: The record moved meanwhile.
        """
        now_s = now_ms // 1_000
        if not 0 <= now_s - resolution.at_s <= MAX_AGE_S:
            raise ResolutionRefused("the resolution is older than a day, or of the future; propose it anew")
        roster = self._policies.roster()
        if roster.member(resolution.officer) is None:
            raise ResolutionRefused(f"{resolution.officer[:60]!r} is nobody on the roster")
        if resolution.seen != self.seen(WithdrawalId(resolution.withdrawal)):
            raise ResolutionRefused("the withdrawal moved since: not what was decided about")
        case = self._case(WithdrawalId(resolution.withdrawal))
        verify_quorum(resolution.digest, approvals, QuorumRule(roster, PEOPLE, MAX_AGE_S), resolution.officer, now_s)
        people = ", ".join(sorted({approval.approver for approval in approvals}))
        reason = f"{resolution.verdict.value}: {resolution.officer}, with {people}: {resolution.note}"
        if resolution.verdict is ReviewVerdict.PAID:
            self._require_paid(case, resolution)
            self._store.commit(_paid(case, TxId(resolution.txid), now_ms, reason))
        else:
            _require_dead(case, TxId(resolution.txid))
            self._store.commit(_refunded(case, now_ms, reason))

    def _case(self, withdrawal_id: WithdrawalId) -> _Case:
        withdrawal = self._store.withdrawal(withdrawal_id)
        if withdrawal.state is not WithdrawalState.NEEDS_REVIEW:
            raise ResolutionRefused(f"withdrawal {withdrawal_id} is {withdrawal.state.value}: nothing to review")
        if not withdrawal.payment_id:
            raise ResolutionRefused(f"withdrawal {withdrawal_id} has no payment: its hold is a matter of the ledger")
        payment = self._store.payment(withdrawal.payment_id)
        together = tuple(self._store.withdrawal(each) for each in payment.withdrawal_ids)
        if payment.state not in LIVE_PAYMENTS or {each.state for each in together} != {WithdrawalState.NEEDS_REVIEW}:
            raise ResolutionRefused(f"payment {payment.id} is not under review as a whole", payment=payment.id)
        lane = self._lanes.get(payment.chain, payment.wallet_id)
        return _Case(payment, together, self._store.attempts(payment.id), lane)

    def _require_paid(self, case: _Case, resolution: Resolution) -> None:
        """Demand that this transaction, final for every node, pays all withdrawals and is no evidence of another."""
        txid = TxId(resolution.txid)
        for payment in self._store.payments(set(PaymentState)):
            if payment.id != case.payment.id and any(each.txid == txid for each in self._store.attempts(payment.id)):
                raise ResolutionRefused(f"{txid} belongs to payment {payment.id}", txid=txid)
        asked = Counter((each.to, each.amount, each.memo) for each in case.withdrawals)
        watched = {each.to.text for each in case.withdrawals}
        for reader in (case.lane.reader, *case.lane.witnesses):
            if reader.finality(txid, case.payment.conflict_key) is not Finality.FINAL:
                raise ResolutionRefused(f"{txid} is not final for every node", txid=txid)
            seen = reader.deposits(watched, reader.block_at(resolution.height))
            done = Counter((each.to, each.amount, each.memo) for each in seen if each.txid == txid)
            if asked - done:
                raise ResolutionRefused(f"{txid} in block {resolution.height} does not pay all of it", txid=txid)


def _require_dead(case: _Case, taker: TxId) -> None:
    signed = [each for each in case.attempts if each.signed is not None]
    if signed and not all(status in _GONE for status in look(case.lane, signed).values()):
        raise ResolutionRefused("bytes of this payment may still be, or are, in a block", payment=case.payment.id)
    if signed and not any(each.state is AttemptState.LOST for each in case.attempts):
        return
    if not case.lane.is_one_act:
        raise ResolutionRefused(
            "bytes of this payment were lost, and its conflict key may have been consumed by them",
            payment=case.payment.id,
        )
    said = {reader.finality(taker, case.payment.conflict_key) for reader in (case.lane.reader, *case.lane.witnesses)}
    if len(said) > 1:
        raise NodesDisagree(f"nodes disagree about {case.payment.conflict_key}")
    if said != {Finality.DEAD}:
        raise ResolutionRefused(f"{case.payment.conflict_key} is not dead on a final view", payment=case.payment.id)


def _paid(case: _Case, txid: TxId, now_ms: int, reason: str) -> Change:
    payment = case.payment
    for state, event in (
        (PaymentState.OPEN, PaymentEvent.ASK_SIGNERS),
        (PaymentState.SIGNING, PaymentEvent.COMPLETE),
        (PaymentState.IN_FLIGHT, PaymentEvent.MINE),
        (PaymentState.MINED, PaymentEvent.FINALISE),
    ):
        payment = payment.move(event, reason) if payment.state is state else payment
    known = [each for each in case.attempts if each.txid == txid]
    marks = tuple(
        each.move(AttemptEvent.SEE_IN_BLOCK) for each in known if ATTEMPT.allows(each.state, AttemptEvent.SEE_IN_BLOCK)
    )
    # The bytes are not here: the record holds what is known, so that no other payment rests on the same transaction.
    # What it cost is not known either, only what it may have cost at most.
    fees = [each.intent.fee_max for each in case.withdrawals if each.intent is not None]
    fee_max = Amount(sum(fee.units for fee in fees if fee.asset == case.lane.native), case.lane.native)
    evidence = SignedTx(txid, b"", payment.conflict_key, fee_max)
    found = Attempt(payment.id, len(case.attempts) + 1, AttemptState.MINED, b"", (), evidence)
    return Change(
        withdrawals=tuple(each.move(WithdrawalEvent.FINALISE, now_ms, reason) for each in case.withdrawals),
        payments=(payment,),
        attempts=marks if known else (found,),
        free=(payment.id,),
    )


def _refunded(case: _Case, now_ms: int, reason: str) -> Change:
    payment = case.payment
    for state, event in (
        (PaymentState.OPEN, PaymentEvent.ASK_SIGNERS),
        (PaymentState.SIGNING, PaymentEvent.COMPLETE),
        (PaymentState.IN_FLIGHT, PaymentEvent.DIE),
        (PaymentState.MINED, PaymentEvent.DIE),
    ):
        payment = payment.move(event, reason) if payment.state is state else payment
    return Change(
        withdrawals=tuple(each.move(WithdrawalEvent.REFUND, now_ms, reason) for each in case.withdrawals),
        payments=(payment,),
        free=(payment.id,),
        release_usage=tuple(each.id for each in case.withdrawals),
    )
