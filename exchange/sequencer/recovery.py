"""Starting: the newest snapshot that verifies and serves everyone, then the frames behind it.

Rules:
    * A snapshot that does not verify, or was made by another engine version, is passed over and named
      in the report; the journal alone is enough.
    * A snapshot that the journal's chain contradicts means damage, and is refused by the reader.
    * Listeners get every frame behind the snapshot again, so it may not lie behind any of their offsets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.journal.errors import SnapshotDamaged
from exchange.journal.format import GENESIS, RecordType
from exchange.journal.journal import Journal
from exchange.journal.snapshot import Snapshot, list_snapshots, load_snapshot
from exchange.sequencer.answers import AnswerWindow, Batch
from exchange.sequencer.applying import Applier, records_of
from exchange.sequencer.port import Listener
from exchange.sequencer.state import restore


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """How a start went.

    Attributes:
        snapshot_seq: Where the replay began; 0 for the beginning.
        replayed_frames: Frames applied after it.
        last_seq: Last sequence number recovered.
        state_hash: Hash of the recovered engine state, 32 bytes.
        skipped_snapshots: Snapshots that did not verify or were of another engine.
    """

    snapshot_seq: int
    replayed_frames: int
    last_seq: int
    state_hash: bytes
    skipped_snapshots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recovery:
    """What takes part in a start."""

    journal: Journal
    applier: Applier
    window: AnswerWindow
    listeners: Sequence[Listener]
    engine_version: str

    def run(self) -> RecoveryReport:
        """Rebuild the state and make the journal writable.

        Raises:
            JournalDamaged: Nothing on disk was changed.
        """
        snapshot, skipped = self._newest_usable()
        after = GENESIS
        if snapshot is not None:
            restore(snapshot.arrays, self.applier, self.window)
            after = snapshot.position
        replayed = 0
        for frame in self.journal.replay(after):
            publication = self.applier.apply(frame, records_of(frame), is_heard=bool(self.listeners))
            if frame.kind is RecordType.CMD:
                self.window.remember(Batch(publication.records, frame.first_seq, publication.outputs))
            for listener in self.listeners:
                listener.on_outputs(publication)
            replayed += 1
        return RecoveryReport(
            after.seq, replayed, self.applier.applied_seq, self.applier.engine.state_hash(), tuple(skipped)
        )

    def _newest_usable(self) -> tuple[Snapshot | None, list[str]]:
        skipped = []
        needed = min((listener.offset() for listener in self.listeners), default=None)
        for path in list_snapshots(self.journal.folder):
            try:
                snapshot = load_snapshot(path)
            except SnapshotDamaged:
                skipped.append(path.name)
                continue
            if snapshot.engine != self.engine_version:
                skipped.append(path.name)
            elif needed is None or snapshot.position.seq <= needed:
                return snapshot, skipped
        return None, skipped
