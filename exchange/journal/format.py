"""Journal format, version 1: what stands where in a segment.

A segment is a fallocated file: one header, then frames back to back, then zeros. All integers are
little-endian. A frame is one engine batch: splitting or joining frames is never done after the fact.

    segment header, 64 B     magic 8s | version u32 | group u32 | first seq u64 | chain 32s | zero u32 | crc u32
    frame header, 44 B       type and length u32 | body crc u32 | chain 32s | header crc u32
    frame body               records of one type, a multiple of 64 B

Rules:
    * The top byte of the first word is the record type, the lower 24 bits are the body's bytes.
    * `chain` is BLAKE2b-256 of the body, keyed with the previous chain hash and personalised with the
      record type, so that no body can be read as records of another type under the same hash.
    * Sequence numbers are implicit: the first seq of the segment plus the records before. They start
      at 1; a note counts as one record.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from enum import IntEnum

import google_crc32c

from custody.primitives.errors import MalformedPayload

MAGIC = b"MEXTJRNL"
VERSION = 1
CHAIN_BYTES = 32
UNIT_BYTES = 64
MAX_BODY_BYTES = 1 << 20
"""1 MiB: 8,192 transfers, the largest batch a caller may submit."""

SEGMENT_HEADER = struct.Struct("<8sIIQ32sII")
FRAME_HEADER = struct.Struct("<II32sI")
_CHECKED_BYTES = FRAME_HEADER.size - 4
_LENGTH_MASK = 0x00FF_FFFF


class RecordType(IntEnum):
    """What a frame's body holds."""

    CMD = 0  # 64-byte commands of the matching core
    TRANSFER = 1  # 128-byte ledger transfers
    NOTE = 2  # one text, see `notes`


_RECORD_TYPES = {int(kind): kind for kind in RecordType}
RECORD_BYTES = {RecordType.CMD: 64, RecordType.TRANSFER: 128}


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two frames.

    Attributes:
        seq: Last sequence number before it; 0 at the beginning.
        chain: Chain hash after that record, 32 bytes.
    """

    seq: int
    chain: bytes


GENESIS = Position(0, bytes(CHAIN_BYTES))


@dataclass(frozen=True, slots=True)
class Frame:
    """One verified or freshly written frame.

    Attributes:
        first_seq: Sequence number of its first record.
        kind: Type of its records.
        body: The records, a multiple of 64 bytes.
        chain: Chain hash after this frame, 32 bytes.
    """

    first_seq: int
    kind: RecordType
    body: bytes
    chain: bytes

    @property
    def count(self) -> int:
        """Number of records, which is the number of sequence numbers it takes."""
        return record_count(self.kind, len(self.body))

    @property
    def end(self) -> Position:
        """The place just behind this frame."""
        return Position(self.first_seq + self.count - 1, self.chain)


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """The start of a segment: what came before it, and for which market group.

    Attributes:
        group: Market group; one group has one sequencer and one journal.
        before: Position at the end of the previous segment.
    """

    group: int
    before: Position

    def encode(self) -> bytes:
        """Write the 64 bytes."""
        head = SEGMENT_HEADER.pack(MAGIC, VERSION, self.group, self.before.seq + 1, self.before.chain, 0, 0)[:-4]
        return head + _crc(head).to_bytes(4, "little")

    @classmethod
    def decode(cls, raw: bytes) -> SegmentHeader:
        """Read the first 64 bytes of a segment.

        Raises:
            MalformedPayload: Too short, another magic or version, or a wrong checksum.
        """
        if len(raw) < SEGMENT_HEADER.size:
            raise MalformedPayload(f"a segment header has {SEGMENT_HEADER.size} bytes, got {len(raw)}")
        head = raw[: SEGMENT_HEADER.size]
        magic, version, group, first_seq, chain, zero, crc = SEGMENT_HEADER.unpack(head)
        if magic != MAGIC:
            raise MalformedPayload("not a journal segment: wrong magic")
        if crc != _crc(head[:-4]):
            raise MalformedPayload("segment header does not match its checksum")
        if version != VERSION or zero != 0 or first_seq == 0:
            raise MalformedPayload(f"segment of version {version}, this reader knows {VERSION}", version=version)
        return cls(group, Position(first_seq - 1, chain))


def record_count(kind: RecordType, body_bytes: int) -> int:
    """Tell how many records a body of this size holds."""
    return 1 if kind is RecordType.NOTE else body_bytes // RECORD_BYTES[kind]


def next_chain(kind: RecordType, body: bytes, before: bytes) -> bytes:
    """Compute the chain hash behind a body.

    Args:
        kind: Record type of the body.
        body: The frame's body.
        before: Previous chain hash, 32 bytes.
    """
    person = b"mext/journal/1/%d" % kind
    return hashlib.blake2b(body, digest_size=CHAIN_BYTES, key=before, person=person).digest()


def encode_frame(kind: RecordType, body: bytes, before: Position) -> tuple[bytes, Frame]:
    """Make a frame: its bytes on disk, and its value.

    Raises:
        MalformedPayload: The body is empty, too long or not whole records.
    """
    if not is_body_length(kind, len(body)):
        raise MalformedPayload(f"a {kind.name} frame cannot have a body of {len(body)} bytes", length=len(body))
    chain = next_chain(kind, body, before.chain)
    head = FRAME_HEADER.pack(kind << 24 | len(body), _crc(body), chain, 0)[:_CHECKED_BYTES]
    return b"".join((head, _crc(head).to_bytes(4, "little"), body)), Frame(before.seq + 1, kind, body, chain)


def decode_intact(raw: bytes, offset: int) -> tuple[RecordType, bytes, bytes] | None:
    """Read the frame at an offset as far as it vouches for itself: both checksums, not the chain.

    Returns:
        Record type, body and the chain hash it claims; None if there is no intact frame.
    """
    head = raw[offset : offset + FRAME_HEADER.size]
    if len(head) < FRAME_HEADER.size:
        return None
    word, body_crc, chain, head_crc = FRAME_HEADER.unpack(head)
    length = word & _LENGTH_MASK
    kind = _RECORD_TYPES.get(word >> 24)
    if kind is None or not is_body_length(kind, length):
        return None
    if head_crc != _crc(head[:_CHECKED_BYTES]):
        return None
    start = offset + FRAME_HEADER.size
    body = raw[start : start + length]
    if len(body) < length or body_crc != _crc(body):
        return None
    return kind, body, chain


def is_body_length(kind: RecordType, length: int) -> bool:
    """Tell whether a body of this type can have this many bytes."""
    return 0 < length <= MAX_BODY_BYTES and length % RECORD_BYTES.get(kind, UNIT_BYTES) == 0


def _crc(content: bytes) -> int:
    return int(google_crc32c.value(content))
