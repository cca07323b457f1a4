"""Decisions of officers about deposits that machines do not decide.

    action     from                         what it does
    assign     unattributed                 the deposit is this customer's; it goes on like any other
    release    quarantined                  the objection was looked at: credit it, no second screening
    refund     unattributed, quarantined    the house takes it, to send it back to `refund_to`
    collect    suspense                     take the reversed credit back now, from the customer
    cover      suspense                     the house pays for the reversed credit
    resume     a paused or halted chain     deposits run again, at the raised depths
    restore    a chain with raised depths   the chain's own depths again

Rules:
    * Two people besides the one who proposed it sign the digest of the whole decision, with the state of the
      record they looked at; a decision is carried out once.
    * A decision moves the record and nothing else: crediting, collecting and paying stay where they are.
    * What is refunded is credited to the house first, so that the refund is a withdrawal like any other.

Example:
    desk.carry_out(decision, approvals, now_s)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from custody.keys.quorum import QuorumRule, Roster, verify_quorum
from custody.primitives.approval import Approval
from custody.primitives.chain import Chain, ChainId
from custody.primitives.encoding import canonical_json, digest
from custody.primitives.errors import InvalidInput, NotFound, Refused, UnknownChain
from custody.primitives.ids import CustomerId, Digest
from custody.wallets.deposit import DEPOSIT, NOBODY, Deposit, DepositEvent, DepositState
from custody.wallets.depths import DepthGuard
from custody.wallets.ports import CaseStore, DecisionRecord, DepositChange, DepthChange

DECISION_TAG = "mext/deposit-decision/1"
PEOPLE = 2
"""Besides the one who proposes."""
MAX_AGE_S = 86_400
"""A day: older decisions are proposed anew."""

OPEN_CASES = (DepositState.UNATTRIBUTED, DepositState.QUARANTINED, DepositState.SUSPENSE)
"""States that only officers end."""


class DecisionRefused(Refused):
    """This decision does not fit the record it is about."""

    code = "deposit_decision_refused"


class CaseAction(StrEnum):
    """What officers may decide."""

    ASSIGN = "assign"
    RELEASE = "release"
    REFUND = "refund"
    COLLECT = "collect"
    COVER = "cover"
    RESUME = "resume"
    RESTORE = "restore"


_ABOUT_CHAINS = (CaseAction.RESUME, CaseAction.RESTORE)
_FROM = {
    CaseAction.ASSIGN: (DepositState.UNATTRIBUTED,),
    CaseAction.RELEASE: (DepositState.QUARANTINED,),
    CaseAction.REFUND: (DepositState.UNATTRIBUTED, DepositState.QUARANTINED),
    CaseAction.COLLECT: (DepositState.SUSPENSE,),
    CaseAction.COVER: (DepositState.SUSPENSE,),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What one officer proposes and others approve.

    Attributes:
        action: What is to happen.
        subject: Key of the deposit, or the chain.
        seen: State and generation of the deposit, or the pause of the chain, as the officers saw it:
            see `CaseDesk.seen`.
        officer: Approver id of who proposes; does not count among the approvals.
        at_s: When, seconds since 1970 UTC.
        customer: For assign: whose it is.
        refund_to: For refund: address the sender named, as text.
        note: Why, for the record.
    """

    action: CaseAction
    subject: str
    seen: str
    officer: str
    at_s: int
    customer: str = ""
    refund_to: str = ""
    note: str = ""

    @property
    def digest(self) -> Digest:
        """What is signed, 32 bytes."""
        return digest(DECISION_TAG, canonical_json(asdict(self)))


class CaseDesk:
    """Carries out decisions."""

    def __init__(
        self, store: CaseStore, chains: Sequence[Chain], roster: Callable[[], Roster], house: CustomerId
    ) -> None:
        """Bind the desk.

        Args:
            store: Deposits, depths and decisions.
            chains: Those with a lane.
            roster: Who may approve now.
            house: Who takes what is refunded or covered.
        """
        self._store = store
        self._chains = {chain.id: chain for chain in chains}
        self._roster = roster
        self._house = house

    def open_cases(self, chain: ChainId) -> Sequence[Deposit]:
        """Deposits of a chain that wait for officers."""
        return self._store.in_states(chain, OPEN_CASES)

    def seen(self, subject: str) -> str:
        """The state of a deposit or chain that a decision must name.

        Raises:
            NotFound: Neither a deposit nor a chain.
        """
        if ChainId(subject) in self._chains:
            return _seen_guard(self._guard(ChainId(subject)))
        return _seen_deposit(self._deposit(subject))

    def carry_out(self, decision: Decision, approvals: Sequence[Approval], now_s: int) -> None:
        """Do what officers decided.

        Args:
            decision: What they decided.
            approvals: Their verdicts over its digest.
            now_s: Now, seconds since 1970 UTC.

        Raises:
            DecisionRefused: Too old, or it does not fit the record.
            QuorumNotReached, ApprovalDenied, BadSignature: The approvals do not suffice.
            NotFound, UnknownChain: No such record.
            Conflict: It was carried out before, or the record moved meanwhile.
        """
        if not 0 <= now_s - decision.at_s <= MAX_AGE_S:
            raise DecisionRefused("the decision is older than a day, or of the future; propose it anew")
        if self._roster().member(decision.officer) is None:
            raise DecisionRefused(f"{decision.officer[:60]!r} is nobody on the roster")
        change = self._about_chain(decision) if decision.action in _ABOUT_CHAINS else self._about_deposit(decision)
        rule = QuorumRule(self._roster(), PEOPLE, MAX_AGE_S)
        verify_quorum(decision.digest, approvals, rule, decision.officer, now_s)
        text = canonical_json({**asdict(decision), "approvers": sorted({a.approver for a in approvals})}).decode()
        self._store.decide(DecisionRecord(decision.digest, text), change)

    def _about_deposit(self, decision: Decision) -> DepositChange:
        before = self._deposit(decision.subject)
        if decision.seen != _seen_deposit(before) or before.state not in _FROM[decision.action]:
            raise DecisionRefused(f"{before.key} is {before.state.value}: not what was decided about", key=before.key)
        return DepositChange(before, self._decided(before, decision))

    def _decided(self, before: Deposit, decision: Decision) -> Deposit:
        # A booking that may have been tried under this number is never tried under it again.
        after = replace(before, generation=before.generation + 1, reason=decision.note)
        if decision.action in (CaseAction.COLLECT, CaseAction.COVER):
            after = replace(after, state=DEPOSIT.next(before.state, DepositEvent.COLLECT))
            return after if decision.action is CaseAction.COLLECT else replace(after, customer=self._house)
        after = replace(
            after,
            state=DEPOSIT.next(before.state, DepositEvent.CLEAR),
            is_released=before.state is DepositState.QUARANTINED,
        )
        if decision.action is CaseAction.REFUND:
            if not decision.refund_to:
                raise InvalidInput("a refund names where it goes")
            return replace(after, customer=self._house, refund_to=decision.refund_to)
        if decision.action is CaseAction.ASSIGN:
            if not decision.customer or CustomerId(decision.customer) == self._house:
                raise InvalidInput("an assignment names a customer")
            return replace(after, customer=CustomerId(decision.customer))
        if before.customer == NOBODY:
            raise DecisionRefused(f"{before.key} belongs to nobody; refund it", key=before.key)
        return after

    def _about_chain(self, decision: Decision) -> DepthChange:
        chain = ChainId(decision.subject)
        guard = self._guard(chain)
        if decision.seen != _seen_guard(guard):
            raise DecisionRefused(f"{chain} moved since: not what was decided about", chain=chain)
        if decision.action is CaseAction.RESUME:
            if not guard.paused:
                raise DecisionRefused(f"{chain} is not paused", chain=chain)
            return DepthChange(chain, replace(guard, paused="", is_halted=False))
        if guard.paused:
            raise DecisionRefused(f"{chain} is paused: resume it first", chain=chain)
        own = self._chains[chain]
        return DepthChange(chain, replace(guard, credit_depth=own.credit_depth, final_depth=own.final_depth))

    def _deposit(self, key: str) -> Deposit:
        found = self._store.get(key)
        if found is None:
            raise NotFound(f"no deposit {key[:120]!r}")
        return found

    def _guard(self, chain: ChainId) -> DepthGuard:
        own = self._chains.get(chain)
        if own is None:
            raise UnknownChain(f"no deposits on {chain[:40]!r}")
        return self._store.depth_guard(chain) or DepthGuard(own.credit_depth, own.final_depth)


def _seen_deposit(deposit: Deposit) -> str:
    return f"{deposit.state.value}/{deposit.generation}/{deposit.amount}/{deposit.to}"


def _seen_guard(guard: DepthGuard) -> str:
    return f"{guard.credit_depth}/{guard.final_depth}/{guard.deepest}/{guard.paused}"
