"""The journal of one market group: read it through once, then append to it.

Rules:
    * `append` returns after fdatasync: what it returns may be answered to the outside.
    * A failed write or sync stops the journal for good. Retrying a sync is wrong: the kernel may have
      dropped the pages and report success the second time.
    * A torn tail is cut and the cut synced before the first new byte; damage is refused untouched.

Example:
    journal = Journal.open(folder)
    for frame in journal.replay(): ...
    journal.append([(RecordType.CMD, commands.tobytes())])
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from custody.primitives.errors import InvalidInput
from custody.primitives.invariant import invariant
from exchange.journal.errors import JournalStopped
from exchange.journal.format import (
    GENESIS,
    SEGMENT_HEADER,
    Frame,
    Position,
    RecordType,
    SegmentHeader,
    encode_frame,
)
from exchange.journal.lock import FolderLock
from exchange.journal.reader import JournalEnd, JournalReader
from exchange.journal.segment import create_segment, cut_tail, remove_unfinished, sync_folder

MIN_SEGMENT_BYTES = 4096
MAX_SEGMENT_BYTES = 256 << 20
DEFAULT_SEGMENT_BYTES = 64 << 20

Entry = tuple[RecordType, bytes]


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """What a journal is opened with.

    Attributes:
        group: Market group, written in every segment.
        segment_bytes: Size a segment is fallocated with; a larger write gets a larger segment.
    """

    group: int = 0
    segment_bytes: int = DEFAULT_SEGMENT_BYTES

    def __post_init__(self) -> None:
        if not MIN_SEGMENT_BYTES <= self.segment_bytes <= MAX_SEGMENT_BYTES:
            raise InvalidInput(f"a segment has {MIN_SEGMENT_BYTES} to {MAX_SEGMENT_BYTES} bytes")
        if not 0 <= self.group < 1 << 32:
            raise InvalidInput("a market group is a u32")


class Journal:
    """An exclusively locked journal folder. Not thread-safe: the sequencer is its only caller."""

    def __init__(self, folder: Path, settings: JournalSettings, lock: FolderLock) -> None:
        """Hold a locked folder; use `open`."""
        self.folder = folder
        self.settings = settings
        self._lock = lock
        self._head: Position | None = None
        self._descriptor = -1
        self._offset = 0
        self._capacity = 0
        self._stopped = False

    @classmethod
    def open(cls, folder: Path, settings: JournalSettings | None = None) -> Journal:
        """Lock the folder, making it if needed.

        Raises:
            JournalLocked: Another process writes to it.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)
        return cls(folder, settings or JournalSettings(), FolderLock.take(folder))

    @property
    def head(self) -> Position:
        """Position behind the last durable record.

        Raises:
            InvariantBroken: The journal was not read through yet.
        """
        head = self._head
        invariant(head is not None, "a journal is read through before it is used")
        return head  # type: ignore[return-value]  # the line above refuses None

    def replay(self, after: Position = GENESIS) -> Iterator[Frame]:
        """Yield the frames behind a position; at the end cut a torn tail and become writable.

        Raises:
            JournalDamaged: Nothing on disk was changed.
        """
        invariant(self._head is None, "a journal is read through once, before it is written")
        reader = JournalReader(self.folder, group=self.settings.group, after=after)
        yield from reader
        self._become_writable(reader.end)

    def append(self, entries: Sequence[Entry]) -> list[Frame]:
        """Write frames in one go and sync them: all of them are durable on return.

        Args:
            entries: Record type and body of each frame, in order.

        Raises:
            MalformedPayload: A body does not fit its type; nothing was written.
            JournalStopped: The disk failed, now or before.
        """
        if self._stopped:
            raise JournalStopped("the journal stopped after a disk error or was closed")
        position = self.head
        parts, frames = [], []
        for kind, body in entries:
            raw, frame = encode_frame(kind, body, position)
            position = frame.end
            parts.append(raw)
            frames.append(frame)
        self._write_durably(b"".join(parts))
        self._head = position
        return frames

    def close(self) -> None:
        """Give the folder free."""
        self._stopped = True
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._lock.release()

    def _become_writable(self, end: JournalEnd) -> None:
        remove_unfinished(self.folder)
        if end.segment is None:
            self._start_segment(end.position, 0)
        else:
            if end.torn_bytes:
                cut_tail(end.segment, end.offset)
            self._open_segment(end.segment, end.offset)
        self._head = end.position

    def _start_segment(self, before: Position, need_bytes: int) -> None:
        size = max(self.settings.segment_bytes, SEGMENT_HEADER.size + need_bytes)
        path = create_segment(self.folder, SegmentHeader(self.settings.group, before), size)
        self._open_segment(path, SEGMENT_HEADER.size)

    def _open_segment(self, path: Path, offset: int) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._offset = offset
        self._capacity = max(os.fstat(self._descriptor).st_size, self.settings.segment_bytes)
        os.posix_fallocate(self._descriptor, 0, self._capacity)

    def _roll(self, need_bytes: int) -> None:
        os.ftruncate(self._descriptor, self._offset)
        os.fsync(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1
        self._start_segment(self.head, need_bytes)

    def _write_durably(self, content: bytes) -> None:
        try:
            if self._offset + len(content) > self._capacity:
                self._roll(len(content))
            written = 0
            while written < len(content):
                written += os.pwrite(self._descriptor, content[written:], self._offset + written)
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._stopped = True
            raise JournalStopped(f"{self.folder}: {error.strerror or error}", folder=str(self.folder)) from error
        self._offset += len(content)
