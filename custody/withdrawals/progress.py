"""What one step of the pipeline did, and what it remembers between its passes.

Rules:
    * One record's trouble never stops the others; only a broken invariant, or a record that is not ours, goes up.
    * A record that did not move is not tried again in the same step, unless something else moved it.

Example:
    step = Step(now_s)
    step.try_withdrawal(withdrawal, store, lambda: claim(withdrawal, parts))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from custody.primitives.errors import InvariantBroken, ToolkitError
from custody.withdrawals.errors import RowNotGenuine
from custody.withdrawals.ports import WithdrawalStore
from custody.withdrawals.records import Withdrawal


@dataclass(frozen=True, slots=True)
class Progress:
    """One thing that happened.

    Attributes:
        record: Id of the withdrawal or payment.
        before, after: States; equal where the record could not move.
        problem: Code and message of what kept it; empty if it moved.
    """

    record: str
    before: str
    after: str
    problem: str = ""


@dataclass(slots=True)
class Step:
    """One step.

    Attributes:
        now_s: Seconds since 1970 UTC.
        stuck: (record id, version) of what did not move.
        sent: Payments whose bytes were sent at this step.
        progress: What happened, in order.
        moved: Whether this pass moved anything.
    """

    now_s: int
    stuck: set[tuple[str, int]] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    progress: list[Progress] = field(default_factory=list)
    moved: bool = False

    def try_withdrawal(self, withdrawal: Withdrawal, store: WithdrawalStore, action: Callable[[], None]) -> None:
        """Do something with a withdrawal, and note what came of it."""
        if (withdrawal.id, withdrawal.version) not in self.stuck:
            self.note_withdrawal(withdrawal, store, problem_of(action))

    def note_withdrawal(self, before: Withdrawal, store: WithdrawalStore, problem: str) -> None:
        """Compare a withdrawal with what is stored now."""
        after = store.withdrawal(before.id)
        self.note((before.id, before.version), after.version, Progress(before.id, before.state, after.state, problem))

    def note(self, key: tuple[str, int], version: int, progress: Progress) -> None:
        """Keep what came of one record.

        Args:
            key: (record id, version) before.
            version: Version now.
            progress: For people.
        """
        if version != key[1]:
            self.moved = True
        else:
            self.stuck.add(key)
        if progress.before != progress.after or progress.problem:
            self.progress.append(progress)


def problem_of(action: Callable[[], None]) -> str:
    """Run one record's action; return what kept it, or "" if nothing did."""
    try:
        action()
    except (InvariantBroken, RowNotGenuine):
        raise
    except ToolkitError as error:
        return f"{error.code}: {error.message}"
    return ""
