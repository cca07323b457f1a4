"""Walking through one segment, and judging what stands behind its last good frame.

Rules:
    * A frame counts if both checksums hold and its chain hash follows from the one before.
    * Behind the last good frame stand zeros (clean), or bytes of an unfinished write (torn), or
      something that was durable once: an intact frame that does not follow (damaged).
    * Only a write that no answer waited for can be torn, so cutting it loses nothing.

The search for intact frames looks at every byte offset: lost bytes may have shifted the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

import numpy as np

from exchange.journal.format import (
    FRAME_HEADER,
    MAX_BODY_BYTES,
    SEGMENT_HEADER,
    UNIT_BYTES,
    Frame,
    Position,
    RecordType,
    SegmentHeader,
    decode_intact,
    next_chain,
)

_LARGEST_TYPE = max(RecordType)


class Tail(Enum):
    """What stands behind the last good frame."""

    CLEAN = "clean"
    TORN = "torn"
    DAMAGED = "damaged"


class SegmentCursor:
    """A walk through the frames of one segment."""

    def __init__(self, content: bytes, header: SegmentHeader) -> None:
        """Start in front of the first frame.

        Args:
            content: The whole segment, header included.
            header: Its decoded header.
        """
        self._content = content
        self.offset = SEGMENT_HEADER.size
        self.position: Position = header.before

    def __iter__(self) -> Iterator[Frame]:
        """Yield good frames up to the first place that is none."""
        while (frame := self._next()) is not None:
            self.offset += FRAME_HEADER.size + len(frame.body)
            self.position = frame.end
            yield frame

    def tail(self) -> Tail:
        """Judge the bytes from the present offset to the end."""
        used = self.torn_bytes()
        if not used:
            return Tail.CLEAN
        # An intact frame may end in zeros of its own.
        rest = self._content[self.offset : self.offset + used + MAX_BODY_BYTES]
        return Tail.DAMAGED if has_intact_frame(rest) else Tail.TORN

    def torn_bytes(self) -> int:
        """Bytes behind the present offset, without trailing zeros."""
        return len(self._content[self.offset :].rstrip(b"\0"))

    def _next(self) -> Frame | None:
        found = decode_intact(self._content, self.offset)
        if found is None:
            return None
        kind, body, chain = found
        if chain != next_chain(kind, body, self.position.chain):
            return None
        return Frame(self.position.seq + 1, kind, body, chain)


def has_intact_frame(content: bytes) -> bool:
    """Tell whether a frame that vouches for itself starts at any byte of the content."""
    last = len(content) - FRAME_HEADER.size - UNIT_BYTES
    if last < 0:
        return False
    for shift in range(4):
        words = np.frombuffer(content, dtype="<u4", offset=shift, count=(len(content) - shift) // 4)
        lengths = words & np.uint32(0x00FF_FFFF)
        plausible = (
            (lengths > 0)
            & (lengths <= MAX_BODY_BYTES)
            & (lengths % UNIT_BYTES == 0)
            & (words >> np.uint32(24) <= _LARGEST_TYPE)
        )
        for index in np.flatnonzero(plausible).tolist():
            offset = shift + 4 * index
            if offset <= last and decode_intact(content, offset) is not None:
                return True
    return False
