"""What callers hand in, and how what arrived meanwhile becomes one group.

Everything that came in during the last sync is written and synced together: one fdatasync for many.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from custody.primitives.errors import InvalidInput, ToolkitError
from exchange.engine.records import CMD, TRANSFER, Kind, Records
from exchange.engine.views import Outputs
from exchange.journal.format import RecordType
from exchange.sequencer.errors import ReservedCommand, SequencerStopped
from exchange.sequencer.port import Codes

MAX_CALL_RECORDS = 8_192
"""Records in one call: a commit of 1 MiB at most."""

MAX_GROUP_RECORDS = 1_024
"""A group takes no further caller beyond this many records: it bounds what the first one waits for."""

Answer = Outputs | Codes | int


@dataclass(slots=True, eq=False)
class Submission:
    """One call on its way.

    Attributes:
        kind: Record type.
        records: CMD or TRANSFER records; empty for a bare note.
        note: Canonical text journalled in front of transfers, or alone.
    """

    kind: RecordType
    records: Records
    note: bytes | None = None
    is_taken: bool = False
    done: threading.Event = field(default_factory=threading.Event)
    _answer: Answer | None = None
    _error: ToolkitError | None = None

    def succeed(self, answer: Answer) -> None:
        """Wake the caller with its answer."""
        self._answer = answer
        self.done.set()

    def fail(self, error: ToolkitError) -> None:
        """Wake the caller with a refusal."""
        self._error = error
        self.done.set()

    def wait(self) -> Answer:
        """Wait for the answer.

        Raises:
            ToolkitError: The refusal.
        """
        self.done.wait()
        if self._error is not None:
            raise self._error
        if self._answer is None:
            raise SequencerStopped("no answer was given")
        return self._answer


class Intake:
    """A first-in first-out line of submissions, open to all threads."""

    def __init__(self) -> None:
        self._line: deque[Submission] = deque()

    def put(self, submission: Submission) -> None:
        """Join the line."""
        self._line.append(submission)

    def take_group(self) -> list[Submission]:
        """Take what has arrived, up to the limit; only the writer calls this."""
        group: list[Submission] = []
        records = 0
        while self._line and records < MAX_GROUP_RECORDS:
            submission = self._line.popleft()
            submission.is_taken = True
            records += max(1, len(submission.records))
            group.append(submission)
        return group


def verify_commands(commands: Records) -> None:
    """Check the form of a call of commands.

    Raises:
        InvalidInput: Not a list of 1 to 8,192 CMD records.
        ReservedCommand: A TAKEOVER, which only the sequencer writes.
    """
    _verify_records(commands, CMD)
    if (commands["kind"] == Kind.TAKEOVER).any():
        raise ReservedCommand("TAKEOVER is written by the sequencer alone")


def verify_transfers(transfers: Records) -> None:
    """Check the form of a call of transfers.

    Raises:
        InvalidInput: Not a list of 1 to 8,192 TRANSFER records.
    """
    _verify_records(transfers, TRANSFER)


def _verify_records(records: Records, dtype: np.dtype[np.void]) -> None:
    if not isinstance(records, np.ndarray) or records.dtype != dtype or records.ndim != 1:
        raise InvalidInput(f"expected a one-dimensional array of {dtype.itemsize}-byte records")
    if not 1 <= len(records) <= MAX_CALL_RECORDS:
        raise InvalidInput(f"a call has 1 to {MAX_CALL_RECORDS} records, got {len(records)}", records=len(records))
