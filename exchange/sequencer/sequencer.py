"""The one place where order is made: every input gets its number here, and is durable before its answer.

Rules:
    * Answers leave after fdatasync, never before. Callers that arrive during a sync share the next one.
    * Whatever goes wrong after a group was taken stops the sequencer for good; a restart reads the truth
      from the journal.
    * Every start writes a TAKEOVER command with the next epoch: the engine answers it as unknown.

Example:
    sequencer = Sequencer.open(folder, engine, now_ns=clock)
    alice = sequencer.open_account(CustomerId("alice"))
    outputs = sequencer.submit_commands(commands)
    codes = sequencer.submit_transfers(transfers, note)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

from custody.primitives.ids import CustomerId
from exchange.accounts.directory import NOTE_KIND, AccountDirectory
from exchange.engine.records import CMD, Kind, Records
from exchange.engine.views import Outputs
from exchange.journal.format import Position, RecordType
from exchange.journal.journal import Journal, JournalSettings
from exchange.journal.notes import note_text, parse_note
from exchange.journal.snapshot import Snapshot, save_snapshot
from exchange.sequencer.answers import DEFAULT_WINDOW, AnswerWindow
from exchange.sequencer.applying import NO_RECORDS, Applier
from exchange.sequencer.errors import ReservedCommand
from exchange.sequencer.intake import Submission, verify_commands, verify_transfers
from exchange.sequencer.pipeline import Parts, Pipeline
from exchange.sequencer.port import Codes, EngineLike, Listener
from exchange.sequencer.recovery import Recovery, RecoveryReport
from exchange.sequencer.state import capture


@dataclass(frozen=True, slots=True)
class SequencerSettings:
    """What a sequencer is opened with.

    Attributes:
        journal: Market group and segment size.
        accounts: Account numbers the engine has room for.
        window_commands: Commands remembered with their answers.
        engine_version: Snapshots of another version are passed over.
    """

    journal: JournalSettings = field(default_factory=JournalSettings)
    accounts: int = 65_536
    window_commands: int = DEFAULT_WINDOW
    engine_version: str = "1"


class Sequencer:
    """Numbers, journals and applies commands, transfers and notes of one market group. Thread-safe."""

    def __init__(self, parts: Parts, settings: SequencerSettings, recovery: RecoveryReport) -> None:
        """Stand on recovered parts; use `open`.

        Args:
            parts: What the pipeline connects.
            settings: Sizes.
            recovery: How the start went.
        """
        self.recovery = recovery
        self._parts = parts
        self._settings = settings
        self._pipeline = Pipeline(parts)
        self._accounts_lock = threading.Lock()
        self._snapshot_lock = threading.Lock()

    @classmethod
    def open(
        cls,
        folder: Path,
        engine: EngineLike,
        *,
        now_ns: Callable[[], int],
        listeners: Sequence[Listener] = (),
        settings: SequencerSettings | None = None,
    ) -> Sequencer:
        """Lock a journal folder, recover its state into a fresh engine, and take over.

        Args:
            folder: Made if missing.
            engine: Fresh; it becomes the recovered one.
            now_ns: Nanoseconds since 1970-01-01 UTC.
            listeners: They first get what they miss, then everything new.
            settings: Sizes.

        Raises:
            JournalLocked: Another process writes to the folder.
            JournalDamaged: Nothing on disk was changed.
        """
        settings = settings or SequencerSettings()
        journal = Journal.open(folder, settings.journal)
        is_open = False
        try:
            applier = Applier(engine, AccountDirectory(capacity=settings.accounts))
            window = AnswerWindow(settings.window_commands)
            report = Recovery(journal, applier, window, listeners, settings.engine_version).run()
            sequencer = cls(Parts(journal, applier, window, list(listeners), now_ns), settings, report)
            sequencer._take_over()
            is_open = True
        finally:
            if not is_open:
                journal.close()
        return sequencer

    # What callers ask ------------------------------------------------------------------

    def submit_commands(self, commands: Records) -> Outputs:
        """Journal and apply commands; the answer of a repetition is the first one's.

        Args:
            commands: 1 to 8,192 CMD records; `ts` is stamped here.

        Raises:
            InvalidInput: Not such records.
            IdempotencyConflict: (session, cmd_id) was used with another content; nothing was done.
            CommandTooOld: (session, cmd_id) lies before the window; nothing was done.
            JournalStopped, SequencerStopped: Whether it was done shows after a restart.
        """
        verify_commands(commands)
        return cast("Outputs", self._pipeline.submit(Submission(RecordType.CMD, np.array(commands))))

    def submit_transfers(self, transfers: Records, note: bytes | None = None) -> Codes:
        """Journal and apply ledger transfers as one batch, with the note that explains them in front.

        Args:
            transfers: 1 to 8,192 TRANSFER records; `ts` is stamped here.
            note: Canonical JSON text with a "kind".

        Returns:
            One TransferResult a transfer.

        Raises:
            InvalidInput: Not such records, or not such a note.
            ReservedCommand: The note gives an account; use `open_account`.
            JournalStopped, SequencerStopped: Whether it was done shows after a restart.
        """
        verify_transfers(transfers)
        if note is not None:
            _verify_note(note)
        return cast("Codes", self._pipeline.submit(Submission(RecordType.TRANSFER, np.array(transfers), note)))

    def submit_note(self, note: bytes) -> int:
        """Journal a note of its own; returns its sequence number.

        Raises:
            InvalidInput: Not canonical JSON text with a "kind".
            ReservedCommand: It gives an account; use `open_account`.
            JournalStopped, SequencerStopped: Whether it was done shows after a restart.
        """
        _verify_note(note)
        return cast("int", self._pipeline.submit(Submission(RecordType.NOTE, NO_RECORDS, note)))

    def open_account(self, customer: CustomerId) -> int:
        """Return the customer's account number, giving one if there is none yet.

        Raises:
            InvalidInput: Not a customer id.
            LimitExceeded: The engine has no account left.
        """
        with self._accounts_lock:
            number = self.directory.find(customer)
            if number is None:
                text = note_text(self.directory.proposal(customer))
                self._pipeline.submit(Submission(RecordType.NOTE, NO_RECORDS, text))
                number = self.directory.number_of(customer)
        return number

    @property
    def directory(self) -> AccountDirectory:
        """Who has which account number; to read only."""
        return self._parts.applier.directory

    @property
    def head(self) -> Position:
        """Position behind the last durable record."""
        return self._parts.journal.head

    def state_hash(self) -> bytes:
        """32 bytes over the engine's state between two groups."""
        with self._pipeline.between_groups():
            return self._parts.applier.engine.state_hash()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Hold the engine still, between two groups, while somebody reads it; submit nothing inside."""
        with self._pipeline.between_groups():
            yield

    def add_listener(self, listener: Listener) -> None:
        """Tell someone everything from now on; who must not miss anything is given to `open`."""
        with self._pipeline.between_groups():
            self._parts.listeners.append(listener)

    def snapshot(self) -> Path:
        """Save the present state; traffic waits for the copy, not for the disk.

        Raises:
            SequencerStopped: The state in memory is not to be trusted.
            OSError: The disk is full or failing; the journal is untouched.
        """
        with self._snapshot_lock:
            with self._pipeline.between_groups():
                self._pipeline.require_running()
                position, arrays = self._parts.journal.head, capture(self._parts.applier, self._parts.window)
            return save_snapshot(self._parts.journal.folder, Snapshot(position, self._settings.engine_version, arrays))

    def close(self) -> None:
        """Finish the group at work, then give the folder free."""
        with self._pipeline.between_groups():
            self._pipeline.stop()
            self._parts.journal.close()

    def _take_over(self) -> None:
        """Begin a new epoch: the mark in the journal that another process now writes."""
        command = np.zeros(1, CMD)
        command["kind"] = Kind.TAKEOVER
        command["aux"] = self._parts.applier.epoch + 1
        self._pipeline.submit(Submission(RecordType.CMD, command))


def _verify_note(text: bytes) -> None:
    if parse_note(text)["kind"] == NOTE_KIND:
        raise ReservedCommand("accounts are given by the sequencer alone")
