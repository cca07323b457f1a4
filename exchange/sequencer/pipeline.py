"""Groups on their way: written and synced, then applied, while the next group is being written.

Two locks are taken hand over hand: a group takes the engine lock before it lets go of the journal lock,
so groups are applied in the order in which they were written. No thread is started here: whoever
finds the journal free takes everything that waits through, for the others too.

Rules:
    * Nobody is answered, told or published to before the sync that covers it has returned.
    * Any error after a group was taken stops the pipeline for good: memory and journal may differ.
    * Listeners are called with the engine lock held and must not call back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from exchange.journal.format import Frame
from exchange.journal.journal import Journal
from exchange.sequencer.answers import AnswerWindow
from exchange.sequencer.applying import Applier
from exchange.sequencer.errors import SequencerStopped
from exchange.sequencer.intake import Intake, Submission
from exchange.sequencer.port import Listener
from exchange.sequencer.staging import Plan, frames_by_plan, stage


@dataclass(frozen=True, slots=True)
class Parts:
    """What a pipeline connects; all recovered and ready.

    Attributes:
        journal: Writable.
        applier, window: The state, and the known commands.
        listeners: Told every applied frame in order.
        now_ns: Nanoseconds since 1970-01-01 UTC; may jump, stamps do not go back.
    """

    journal: Journal
    applier: Applier
    window: AnswerWindow
    listeners: list[Listener]
    now_ns: Callable[[], int]


class Pipeline:
    """Takes submissions through journal, engine and listeners. Thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._last_ts = parts.applier.last_ts
        self._intake = Intake()
        self._journal_lock = threading.Lock()
        self._engine_lock = threading.Lock()
        self._is_stopped = False

    def submit(self, submission: Submission) -> object:
        """Take a submission through and return its answer.

        Raises:
            ToolkitError: Its refusal, or JournalStopped or SequencerStopped.
        """
        self._intake.put(submission)
        while not submission.is_taken:
            self._lead(submission)
        return submission.wait()

    @contextmanager
    def between_groups(self) -> Iterator[None]:
        """Hold everything between two groups: what is durable is applied, and nothing moves."""
        with self._journal_lock, self._engine_lock:
            yield

    def stop(self) -> None:
        """Take nothing more; call it between groups."""
        self._is_stopped = True

    def require_running(self) -> None:
        """Check that the state in memory can be trusted.

        Raises:
            SequencerStopped: It cannot, or the sequencer was closed.
        """
        if self._is_stopped:
            raise SequencerStopped("the sequencer stopped after an error or was closed")

    def _lead(self, own: Submission) -> None:
        self._journal_lock.acquire()
        if own.is_taken:
            self._journal_lock.release()
            return
        group: list[Submission] = []
        is_written = False
        try:
            self.require_running()
            group = self._intake.take_group()
            plans = self._write(group)
            self._engine_lock.acquire()
            is_written = True
        finally:
            if not is_written:
                self._abandon(group)
            self._journal_lock.release()
        is_applied = False
        try:
            self.require_running()
            for plan, frame in plans:
                self._apply(plan, frame)
            is_applied = True
        finally:
            if not is_applied:
                self._abandon(group)
            self._engine_lock.release()

    def _write(self, group: Sequence[Submission]) -> list[tuple[Plan, Frame | None]]:
        self._last_ts = max(self._last_ts, self._parts.now_ns())
        plans = stage(group, self._parts.window, self._last_ts)
        entries = [plan.entry() for plan in plans if plan.is_written()]
        return frames_by_plan(plans, self._parts.journal.append(entries) if entries else [])

    def _apply(self, plan: Plan, frame: Frame | None) -> None:
        if frame is None:
            plan.settle(None)
            return
        publication = self._parts.applier.apply(frame, plan.records, is_heard=bool(self._parts.listeners))
        for listener in self._parts.listeners:
            listener.on_outputs(publication)
        plan.settle(publication)

    def _abandon(self, group: Sequence[Submission]) -> None:
        self._is_stopped = True
        for submission in group:
            if not submission.done.is_set():
                submission.fail(SequencerStopped("an earlier step failed; a restart shows whether this was done"))
