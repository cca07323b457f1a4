"""Checking a whole journal from its first byte, as an auditor or a backup job does.

Example:
    report = verify_journal(Path(".mext/journal"))
    report.last_seq, report.head.hex()
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from custody.primitives.errors import NotFound
from exchange.journal.errors import JournalDamaged, SnapshotDamaged
from exchange.journal.format import GENESIS, Position, RecordType
from exchange.journal.reader import JournalReader
from exchange.journal.snapshot import list_snapshots, load_snapshot


@dataclass(frozen=True, slots=True)
class JournalReport:
    """What a journal was found to hold.

    Attributes:
        segments, frames: Number of files and of frames.
        commands, transfers, notes: Number of records by type.
        last_seq: Last sequence number.
        head: Chain hash behind it, 32 bytes: equal heads mean equal histories.
        torn_bytes: Bytes of an unfinished write at the end; 0 after a clean stop.
        snapshots: Sequence numbers of the snapshots that verify and lie on this chain.
    """

    segments: int
    frames: int
    commands: int
    transfers: int
    notes: int
    last_seq: int
    head: bytes
    torn_bytes: int
    snapshots: tuple[int, ...]


def verify_journal(folder: Path, *, group: int = 0) -> JournalReport:
    """Check every byte of a journal and of its snapshots; nothing is changed.

    Raises:
        NotFound: There is no such folder.
        JournalDamaged: Something durable does not verify, or a snapshot belongs to another history.
        SnapshotDamaged: A snapshot does not match its digest.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder}: no journal folder", folder=str(folder))
    snapshots = _snapshot_positions(folder)
    seen = {GENESIS.seq: GENESIS.chain}
    records: Counter[RecordType] = Counter()
    frames = 0
    reader = JournalReader(folder, group=group)
    for frame in reader:
        frames += 1
        records[frame.kind] += frame.count
        if frame.end.seq in snapshots:
            seen[frame.end.seq] = frame.chain
    for seq, position in snapshots.items():
        if seen.get(seq) != position.chain:
            raise JournalDamaged(f"snapshot at seq {seq} is not of this journal", segment="", offset=0, seq=seq)
    return JournalReport(
        segments=reader.end.segments,
        frames=frames,
        commands=records[RecordType.CMD],
        transfers=records[RecordType.TRANSFER],
        notes=records[RecordType.NOTE],
        last_seq=reader.end.position.seq,
        head=reader.end.position.chain,
        torn_bytes=reader.end.torn_bytes,
        snapshots=tuple(sorted(snapshots)),
    )


def _snapshot_positions(folder: Path) -> dict[int, Position]:
    found = {}
    for path in list_snapshots(folder):
        position = load_snapshot(path).position
        if path.name.split(".")[0] != f"{position.seq:020d}":
            raise SnapshotDamaged(f"{path.name}: is of seq {position.seq}", file=path.name)
        found[position.seq] = position
    return found
