"""From a group of calls to frames: numbered, stamped, de-duplicated.

Rules:
    * Commands of neighbouring calls share a frame; each call of transfers keeps its own, because a
      linked chain must not run on into a stranger's transfers.
    * A note stands directly in front of its transfers, in the same write.
    * One time stamp a group, never smaller than the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from custody.primitives.errors import IdempotencyConflict
from exchange.engine.records import CMD, Records
from exchange.journal.format import Frame, RecordType
from exchange.journal.journal import Entry
from exchange.journal.notes import encode_note
from exchange.sequencer.answers import Admission, AnswerWindow, outputs_between
from exchange.sequencer.applying import NO_RECORDS
from exchange.sequencer.errors import CommandTooOld
from exchange.sequencer.intake import Submission
from exchange.sequencer.port import Publication


@dataclass(slots=True)
class Plan:
    """One frame to be, and who waits for it.

    Attributes:
        kind: Record type.
        records: What the engine will get; empty for a note, or where all commands are repetitions.
        note: Text of a note.
        waiting: Calls answered by this frame, with their admissions where they are commands.
    """

    kind: RecordType
    records: Records = field(default_factory=lambda: NO_RECORDS)
    note: bytes = b""
    waiting: list[tuple[Submission, Admission | None]] = field(default_factory=list)

    def is_written(self) -> bool:
        """Tell whether there is anything to journal."""
        return bool(len(self.records)) or self.kind is RecordType.NOTE

    def entry(self) -> Entry:
        """Return what the journal writes."""
        return self.kind, encode_note(self.note) if self.kind is RecordType.NOTE else self.records.tobytes()

    def settle(self, publication: Publication | None) -> None:
        """Give each caller its answer.

        Args:
            publication: The applied frame; None if there was nothing to journal.
        """
        if publication is not None and self.kind is RecordType.CMD:
            self._distribute(publication)
        for submission, admission in self.waiting:
            if admission is not None:
                submission.succeed(admission.answer())
            elif publication is not None and self.kind is RecordType.TRANSFER:
                submission.succeed(publication.codes)
            elif publication is not None:
                submission.succeed(publication.first_seq)

    def _distribute(self, publication: Publication) -> None:
        seq = publication.first_seq
        for _, admission in self.waiting:
            if admission is not None and len(admission.batch.commands):
                batch = admission.batch
                batch.first_seq = seq
                seq += len(batch.commands)
                batch.outputs = outputs_between(publication.outputs, batch.first_seq, seq)


def stage(group: Sequence[Submission], window: AnswerWindow, ts: int) -> list[Plan]:
    """Plan the frames of a group; calls that are refused get their answer here.

    Args:
        group: The calls, in order of arrival.
        window: Known commands; the new ones are entered.
        ts: Time stamp in nanoseconds.
    """
    plans: list[Plan] = []
    for submission in group:
        if submission.kind is not RecordType.CMD:
            plans.extend(_plans_of(submission, ts))
            continue
        try:
            admission = window.admit(submission.records)
        except (IdempotencyConflict, CommandTooOld) as error:
            submission.fail(error)
            continue
        if not plans or plans[-1].kind is not RecordType.CMD:
            plans.append(Plan(RecordType.CMD))
        plans[-1].waiting.append((submission, admission))
    for plan in plans:
        if plan.kind is RecordType.CMD:
            plan.records = _joined([admission.batch.commands for _, admission in plan.waiting if admission], ts)
    return plans


def frames_by_plan(plans: Sequence[Plan], frames: Sequence[Frame]) -> list[tuple[Plan, Frame | None]]:
    """Pair plans with the frames that were written for them."""
    written = iter(frames)
    return [(plan, next(written) if plan.is_written() else None) for plan in plans]


def _plans_of(submission: Submission, ts: int) -> list[Plan]:
    note = [] if submission.note is None else [Plan(RecordType.NOTE, note=submission.note)]
    if submission.kind is RecordType.TRANSFER:
        records = submission.records.copy()
        records["ts"] = ts
        note.append(Plan(RecordType.TRANSFER, records))
    note[-1].waiting.append((submission, None))
    return note


def _joined(batches: Sequence[Records], ts: int) -> Records:
    records = np.empty(sum(map(len, batches)), CMD)
    start = 0
    for batch in batches:
        records[start : start + len(batch)] = batch
        start += len(batch)
    records["ts"] = ts
    return records
