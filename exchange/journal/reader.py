"""Reading a journal across its segments, without changing a byte.

Rules:
    * Each segment must begin where the one before ended: same sequence number, same chain hash.
    * Only the last segment may end in a torn write; anything else that does not verify is damage.
    * Reading may start behind a snapshot: the chain hash there must be the snapshot's.

Example:
    reader = JournalReader(folder)
    for frame in reader: ...
    reader.end.position.seq
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from custody.primitives.invariant import invariant
from exchange.journal.cursor import SegmentCursor, Tail
from exchange.journal.errors import JournalDamaged
from exchange.journal.format import GENESIS, Frame, Position
from exchange.journal.segment import first_seq_of, list_segments, read_segment


@dataclass(frozen=True, slots=True)
class JournalEnd:
    """Where the good part of a journal ends.

    Attributes:
        position: Last sequence number and chain hash.
        segment: The last segment; None for an empty folder.
        offset: Bytes of that segment that are good.
        torn_bytes: Bytes of an unfinished write behind them; 0 after a clean stop.
        segments: Number of segments in the folder.
    """

    position: Position
    segment: Path | None
    offset: int
    torn_bytes: int
    segments: int


class JournalReader:
    """One pass over the frames behind a position; `end` is known when the pass is over."""

    def __init__(self, folder: Path, *, group: int = 0, after: Position = GENESIS) -> None:
        """Choose where to start; nothing is read yet.

        Args:
            folder: The journal folder.
            group: Market group the journal must belong to.
            after: Frames up to here are verified but not returned.
        """
        self._folder = folder
        self._group = group
        self._after = after
        self._end: JournalEnd | None = None

    @property
    def end(self) -> JournalEnd:
        """Where the good part ends.

        Raises:
            InvariantBroken: The pass is not over.
        """
        end = self._end
        invariant(end is not None, "a journal is read to its end before its end is asked for")
        return end  # type: ignore[return-value]  # the line above refuses None

    def __iter__(self) -> Iterator[Frame]:
        """Yield verified frames.

        Raises:
            JournalDamaged: A place that was durable once does not verify.
        """
        paths = list_segments(self._folder)
        start = self._first_needed(paths)
        position = self._after if not paths else None
        offset = torn = 0
        for index in range(start, len(paths)):
            path = paths[index]
            segment, content = read_segment(path)
            before = segment.header.before
            expected = position or (GENESIS if index == 0 else before)
            if segment.header.group != self._group or before != expected:
                raise JournalDamaged(
                    f"{path.name}: does not continue seq {expected.seq} of group {self._group}; a segment is missing",
                    segment=path.name,
                    offset=0,
                )
            cursor = SegmentCursor(content, segment.header)
            yield from self._behind(cursor, path)
            position, offset, torn = cursor.position, cursor.offset, cursor.torn_bytes()
            self._judge_tail(cursor, path, is_last=index == len(paths) - 1)
        position = position or GENESIS
        if position.seq < self._after.seq or (not paths and self._after != GENESIS):
            raise JournalDamaged(
                f"journal ends at seq {position.seq}, but seq {self._after.seq} was durable",
                segment=paths[-1].name if paths else "",
                offset=offset,
            )
        self._end = JournalEnd(position, paths[-1] if paths else None, offset, torn, len(paths))

    def _first_needed(self, paths: list[Path]) -> int:
        needed = [index for index, path in enumerate(paths) if first_seq_of(path) <= self._after.seq + 1]
        return needed[-1] if needed else 0

    def _behind(self, cursor: SegmentCursor, path: Path) -> Iterator[Frame]:
        after = self._after
        self._require_same_chain(cursor.position, path, cursor.offset)
        for frame in cursor:
            self._require_same_chain(frame.end, path, cursor.offset)
            if frame.first_seq > after.seq:
                yield frame
            elif frame.end.seq > after.seq:
                raise JournalDamaged(
                    f"{path.name}: seq {after.seq} lies inside a frame", segment=path.name, offset=cursor.offset
                )

    def _require_same_chain(self, position: Position, path: Path, offset: int) -> None:
        if position.seq == self._after.seq and position.chain != self._after.chain:
            raise JournalDamaged(
                f"{path.name}: another history leads to seq {position.seq} than the snapshot's",
                segment=path.name,
                offset=offset,
            )

    @staticmethod
    def _judge_tail(cursor: SegmentCursor, path: Path, *, is_last: bool) -> None:
        tail = cursor.tail()
        if tail is Tail.DAMAGED or (tail is Tail.TORN and not is_last):
            raise JournalDamaged(
                f"{path.name}: the frame at offset {cursor.offset} does not verify, but later ones are intact",
                segment=path.name,
                offset=cursor.offset,
            )
