"""The decisions: from HELD to APPROVED, for all chains together, because all of them draw on the same limits.

Rules:
    * Nothing here asks a node or a signer: a chain that does not answer delays nobody's decision.
    * Votes are counted again when one came, or the rules or the people changed, and now and then; what waits for
      people costs next to nothing meanwhile.
    * A long queue is worked through in bounded pages, one state beside the other: what waits for people, however
      much it is, never keeps a new request from its decision.

Example:
    desk = Desk(parts, gate)
    desk.one_pass(step)
"""

from __future__ import annotations

from collections.abc import Sequence

from custody.keys.quorum import Roster
from custody.primitives.ids import WithdrawalId
from custody.withdrawals.boot_gate import BootGate
from custody.withdrawals.deciding import count_votes, judge, release, take_up
from custody.withdrawals.endings import release_hold
from custody.withdrawals.paging import Pager
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.progress import Step, problem_of
from custody.withdrawals.records import Withdrawal
from custody.withdrawals.states import WithdrawalState

UNDECIDED = (
    WithdrawalState.HELD,
    WithdrawalState.SCREENING,
    WithdrawalState.DECIDED,
)


MOST_COUNTED = 50_000
"""Requests whose last count of votes is remembered; more are counted again."""

COUNT_AGAIN_S = 10
"""Clocks of voters differ: a vote from the near future is good a moment later."""

Mark = tuple[int, tuple[int, int], int, Roster, int]
"""What a count depends on: version of the record, verdicts, version of the policy, people; and roughly when it was."""


class Desk:
    """Decides, and gives the money of ended requests back."""

    def __init__(self, parts: PipelineParts, gate: BootGate) -> None:
        self._parts = parts
        self._store = parts.store
        self._gate = gate
        self._pagers = [Pager(parts.store, state) for state in UNDECIDED]
        self._awaiting = Pager(parts.store, WithdrawalState.AWAITING_APPROVAL)
        self._counted: dict[WithdrawalId, Mark] = {}  # what did not reach its quorum with these

    def begin(self) -> None:
        """Begin a step: the next page of every queue."""
        for pager in (*self._pagers, self._awaiting):
            pager.next_step()

    def one_pass(self, step: Step) -> None:
        """Try every record of the pages at hand once."""
        for withdrawal in self._store.unreleased():
            self._try(withdrawal, step)
        for pager in self._pagers:
            for withdrawal in pager.page():
                self._try(withdrawal, step)

        self._count_votes(self._awaiting.page(), step)

    def _count_votes(self, awaiting: Sequence[Withdrawal], step: Step) -> None:
        marks = self._store.vote_marks([each.id for each in awaiting])
        policy, people = self._parts.policies.active(step.now_s).version, self._parts.policies.roster()
        if len(self._counted) > MOST_COUNTED:
            self._counted.clear()
        for withdrawal in awaiting:
            mark = (withdrawal.version, marks.get(withdrawal.id, (0, 0)), policy, people, step.now_s // COUNT_AGAIN_S)
            in_time = step.now_s < withdrawal.bound_intent().expires_at_s
            is_stuck = (withdrawal.id, withdrawal.version) in step.stuck
            if is_stuck or not self._is_open(withdrawal) or (in_time and self._counted.get(withdrawal.id) == mark):
                continue
            problem = problem_of(lambda each=withdrawal: count_votes(each, self._parts, step.now_s))  # type: ignore[misc]
            step.note_withdrawal(withdrawal, self._store, problem)
            if not problem:
                self._counted[withdrawal.id] = mark

    def _try(self, withdrawal: Withdrawal, step: Step) -> None:
        if self._is_open(withdrawal):
            step.try_withdrawal(withdrawal, self._store, lambda: self._advance(withdrawal, step.now_s))

    def _is_open(self, withdrawal: Withdrawal) -> bool:
        return self._gate.is_open(withdrawal.to.chain)

    def _advance(self, withdrawal: Withdrawal, now_s: int) -> None:
        match withdrawal.state:
            case WithdrawalState.HELD:
                take_up(withdrawal, self._parts, now_s)
            case WithdrawalState.SCREENING:
                judge(withdrawal, self._parts, now_s)
            case WithdrawalState.DECIDED:
                release(withdrawal, self._parts, now_s)
            case _:
                release_hold(withdrawal, self._store, self._parts.ledger)
