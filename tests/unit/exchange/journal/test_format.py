import struct

import pytest

from custody.primitives.errors import MalformedPayload
from exchange.journal.format import (
    GENESIS,
    MAX_BODY_BYTES,
    Position,
    RecordType,
    SegmentHeader,
    decode_intact,
    encode_frame,
    next_chain,
)

BODY = bytes(range(64)) * 2


@pytest.mark.parametrize(
    ("kind", "length"),
    [
        (RecordType.CMD, 0),
        (RecordType.CMD, 63),
        (RecordType.CMD, MAX_BODY_BYTES + 64),
        (RecordType.TRANSFER, 64),  # half a transfer
        (RecordType.TRANSFER, 192),
        (RecordType.NOTE, 100),
    ],
)
def test_refuses_bodies_that_are_not_whole_records(kind, length):
    with pytest.raises(MalformedPayload):
        encode_frame(kind, bytes(length), GENESIS)


@pytest.mark.parametrize("bit", range(44 * 8))
def test_every_flipped_header_bit_is_noticed(bit):
    raw, frame = encode_frame(RecordType.CMD, BODY, GENESIS)
    bent = bytearray(raw)
    bent[bit // 8] ^= 1 << bit % 8
    assert decode_intact(bytes(bent), 0) is None
    assert decode_intact(raw, 0) == (RecordType.CMD, BODY, frame.chain)


@pytest.mark.parametrize("byte", range(44, 44 + 128, 7))
def test_every_flipped_body_byte_is_noticed(byte):
    raw = bytearray(encode_frame(RecordType.CMD, BODY, GENESIS)[0])
    raw[byte] ^= 0x40
    assert decode_intact(bytes(raw), 0) is None


@pytest.mark.parametrize("length", [0, 43, 44, 44 + 127])
def test_a_cut_frame_is_no_frame(length):
    raw, _ = encode_frame(RecordType.CMD, BODY, GENESIS)
    assert decode_intact(raw[:length], 0) is None


def test_the_same_bytes_as_another_record_type_lead_to_another_chain():
    chains = {next_chain(kind, BODY, GENESIS.chain) for kind in RecordType}
    assert len(chains) == len(RecordType)


def test_the_chain_depends_on_everything_before():
    assert next_chain(RecordType.CMD, BODY, bytes(32)) != next_chain(RecordType.CMD, BODY, bytes(31) + b"\1")


def test_frame_layout_is_version_1():
    # Offsets and sizes are the format: a change here makes old journals unreadable.
    raw, frame = encode_frame(RecordType.TRANSFER, BODY, Position(41, bytes(32)))
    word, _, chain, _ = struct.unpack_from("<II32sI", raw)
    assert (word >> 24, word & 0xFFFFFF, len(raw)) == (1, 128, 44 + 128)
    assert chain == frame.chain
    assert raw[44:] == BODY
    assert (frame.first_seq, frame.count, frame.end.seq) == (42, 1, 42)


def test_frame_bytes_are_pinned():
    # A frame of one empty command: CRC32C and BLAKE2b computed once and for all.
    raw, _ = encode_frame(RecordType.CMD, bytes(64), GENESIS)
    assert raw[:8].hex() == "4000000067ebc803"
    assert raw[8:40].hex() == "85b16d1a635b32b781f3ca98814c281b85d6b61f11b7f9bd54e63512ac4cb6fa"
    assert raw[40:44].hex() == "fb665b44"


def test_counts_commands_transfers_and_notes():
    assert encode_frame(RecordType.CMD, bytes(640), GENESIS)[1].count == 10
    assert encode_frame(RecordType.TRANSFER, bytes(640), GENESIS)[1].count == 5
    assert encode_frame(RecordType.NOTE, bytes(640), GENESIS)[1].count == 1


@pytest.mark.parametrize("byte", range(64))
def test_every_bent_segment_header_byte_is_noticed(byte):
    raw = bytearray(SegmentHeader(7, Position(99, b"\x11" * 32)).encode())
    raw[byte] ^= 1
    with pytest.raises(MalformedPayload):
        SegmentHeader.decode(bytes(raw))


def test_refuses_a_short_segment_header():
    with pytest.raises(MalformedPayload):
        SegmentHeader.decode(SegmentHeader(0, GENESIS).encode()[:63])


def test_segment_header_round_trip():
    header = SegmentHeader(7, Position(99, b"\x11" * 32))
    assert SegmentHeader.decode(header.encode()) == header
