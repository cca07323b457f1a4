"""A queue of withdrawals in one state, looked at a page a step.

Rules:
    * However many wait, one step looks at a bounded number; the next one goes on behind them, and after the last
      it begins again with the oldest. Everything gets its turn, and nothing that is stuck holds up what is behind it.
    * The place in the queue is kept in memory only: after a restart it begins with the oldest.

Example:
    pager = Pager(store, WithdrawalState.HELD)
    pager.next_step()
    for withdrawal in pager.page(): ...
"""

from __future__ import annotations

from custody.primitives.chain import ChainId
from custody.withdrawals.ports import Page, WithdrawalStore
from custody.withdrawals.records import Withdrawal
from custody.withdrawals.states import WithdrawalState

PAGE_ITEMS = 200
"""Withdrawals of one state that one pass looks at: more than one payment can hold, and a fraction of a second."""


class Pager:
    """One queue."""

    def __init__(self, store: WithdrawalStore, state: WithdrawalState, chain: ChainId | None = None) -> None:
        """Name the queue.

        Args:
            store: Where the records live.
            state: Who stands in the queue.
            chain: On which chain; all of them if None.
        """
        self._store = store
        self._states = frozenset({state})
        self._chain = chain
        self._after: Withdrawal | None = None
        self._last: Withdrawal | None = None

    def next_step(self) -> None:
        """Go on behind the last page."""
        self._after, self._last = self._last, None

    def page(self) -> tuple[Withdrawal, ...]:
        """Return this step's page as it is stored now, oldest first."""
        found = self._read()
        if not found and self._after is not None and self._last is None:
            self._after = None
            found = self._read()
        if self._last is not None:  # what left the queue meanwhile makes no room at its end
            end = _place(self._last)
            return tuple(each for each in found if _place(each) <= end)
        if len(found) == PAGE_ITEMS:
            self._last = found[-1]
        return found

    def _read(self) -> tuple[Withdrawal, ...]:
        return self._store.withdrawals(self._states, page=Page(PAGE_ITEMS, self._after, self._chain))


def _place(withdrawal: Withdrawal) -> tuple[int, str]:
    return withdrawal.requested_at_ms, withdrawal.id
