"""The decisions: from HELD to APPROVED, for all chains together, because all of them draw on the same limits.

Rules:
    * Nothing here asks a node or a signer: a chain that does not answer delays nobody's decision.
    * A long queue is worked through in bounded pages, one state beside the other: what waits for people, however
      much it is, never keeps a new request from its decision.

Example:
    desk = Desk(parts, gate)
    desk.one_pass(step)
"""

from __future__ import annotations

from custody.withdrawals.boot_gate import BootGate
from custody.withdrawals.deciding import count_votes, judge, release, take_up
from custody.withdrawals.endings import release_hold
from custody.withdrawals.paging import Pager
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.progress import Step
from custody.withdrawals.records import Withdrawal
from custody.withdrawals.states import WithdrawalState

UNDECIDED = (
    WithdrawalState.HELD,
    WithdrawalState.SCREENING,
    WithdrawalState.DECIDED,
    WithdrawalState.AWAITING_APPROVAL,
)


class Desk:
    """Decides, and gives the money of ended requests back."""

    def __init__(self, parts: PipelineParts, gate: BootGate) -> None:
        self._parts = parts
        self._store = parts.store
        self._gate = gate
        self._pagers = [Pager(parts.store, state) for state in UNDECIDED]

    def begin(self) -> None:
        """Begin a step: the next page of every queue."""
        for pager in self._pagers:
            pager.next_step()

    def one_pass(self, step: Step) -> None:
        """Try every record of the pages at hand once."""
        for withdrawal in self._store.unreleased():
            self._try(withdrawal, step)
        for pager in self._pagers:
            for withdrawal in pager.page():
                self._try(withdrawal, step)

    def _try(self, withdrawal: Withdrawal, step: Step) -> None:
        if self._gate.is_open(withdrawal.to.chain):
            step.try_withdrawal(withdrawal, self._store, lambda: self._advance(withdrawal, step.now_s))

    def _advance(self, withdrawal: Withdrawal, now_s: int) -> None:
        match withdrawal.state:
            case WithdrawalState.HELD:
                take_up(withdrawal, self._parts, now_s)
            case WithdrawalState.SCREENING:
                judge(withdrawal, self._parts, now_s)
            case WithdrawalState.DECIDED:
                release(withdrawal, self._parts, now_s)
            case WithdrawalState.AWAITING_APPROVAL:
                count_votes(withdrawal, self._parts, now_s)
            case _:
                release_hold(withdrawal, self._store, self._parts.ledger)
