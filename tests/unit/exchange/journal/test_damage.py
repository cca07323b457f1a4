# Damaged journals: exactly the valid prefix comes back, or the journal is refused and nothing on disk changes.
import itertools
import random

import pytest

from exchange.journal.cursor import has_intact_frame
from exchange.journal.errors import JournalDamaged
from exchange.journal.format import FRAME_HEADER, GENESIS, SEGMENT_HEADER, Position, RecordType, encode_frame
from exchange.journal.journal import Journal, JournalSettings
from exchange.journal.segment import list_segments

ONE_SEGMENT = JournalSettings(segment_bytes=1 << 16)
MANY_SEGMENTS = JournalSettings(segment_bytes=4096)


def write(folder, settings, *, frames=40, seed=1):
    chooser = random.Random(seed)
    journal = Journal.open(folder, settings)
    list(journal.replay())
    written = [
        frame
        for _ in range(frames)
        for frame in journal.append([(RecordType.CMD, chooser.randbytes(64 * chooser.randint(1, 12)))])
    ]
    journal.close()
    return written


def read(folder, settings):
    journal = Journal.open(folder, settings)
    try:
        return list(journal.replay())
    finally:
        journal.close()


def content_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def frame_bounds(frames):
    bounds = [SEGMENT_HEADER.size]
    for frame in frames:
        bounds.append(bounds[-1] + FRAME_HEADER.size + len(frame.body))
    return bounds


def expect_refusal(folder, settings):
    before = content_of(folder)
    with pytest.raises(JournalDamaged) as caught:
        read(folder, settings)
    assert caught.value.code == "journal_damaged"
    assert {"segment", "offset"} <= caught.value.facts.keys()
    assert content_of(folder) == before
    return caught.value


@pytest.mark.parametrize("seed", range(30))
def test_a_cut_recovers_exactly_the_valid_prefix(tmp_path, seed):
    written = write(tmp_path, ONE_SEGMENT, seed=seed)
    (path,) = list_segments(tmp_path)
    bounds = frame_bounds(written)
    cut = random.Random(seed).randrange(SEGMENT_HEADER.size, bounds[-1] + 1)
    path.write_bytes(path.read_bytes()[:cut])
    whole = sum(bound <= cut for bound in bounds) - 1
    assert read(tmp_path, ONE_SEGMENT) == written[:whole]
    assert read(tmp_path, ONE_SEGMENT) == written[:whole]  # and again, after the repair


@pytest.mark.parametrize("seed", range(30))
def test_a_torn_last_write_is_cut_off_and_written_over(tmp_path, seed):
    written = write(tmp_path, ONE_SEGMENT, seed=seed)
    (path,) = list_segments(tmp_path)
    start, end = frame_bounds(written)[-2:]
    chooser = random.Random(seed)
    content = bytearray(path.read_bytes())
    lost = chooser.randrange(start, end)  # the sectors from here on never reached the disk
    content[lost:end] = bytes(end - lost) if seed % 2 else chooser.randbytes(end - lost)
    path.write_bytes(content)
    journal = Journal.open(tmp_path, ONE_SEGMENT)
    assert list(journal.replay()) == written[:-1]
    journal.append([(RecordType.CMD, bytes(64))])
    journal.close()
    assert len(read(tmp_path, ONE_SEGMENT)) == len(written)


@pytest.mark.parametrize("seed", range(40))
def test_a_flipped_bit_is_refused_unless_it_is_in_the_last_frame(tmp_path, seed):
    written = write(tmp_path, ONE_SEGMENT, seed=seed)
    (path,) = list_segments(tmp_path)
    bounds = frame_bounds(written)
    content = bytearray(path.read_bytes())
    at = random.Random(seed).randrange(SEGMENT_HEADER.size, bounds[-1])
    content[at] ^= 1 << seed % 8
    path.write_bytes(content)
    if at >= bounds[-2]:
        assert read(tmp_path, ONE_SEGMENT) == written[:-1]
    else:
        error = expect_refusal(tmp_path, ONE_SEGMENT)
        assert error.facts["offset"] == max(bound for bound in bounds if bound <= at)
        assert error.facts["segment"] == path.name


@pytest.mark.parametrize("seed", range(30))
def test_swapped_frames_are_refused(tmp_path, seed):
    # Both frames keep valid checksums: only the chain tells.
    written = write(tmp_path, ONE_SEGMENT, seed=seed)
    (path,) = list_segments(tmp_path)
    bounds = frame_bounds(written)
    content = path.read_bytes()
    parts = [content[a:b] for a, b in itertools.pairwise(bounds)]
    i, j = sorted(random.Random(seed).sample(range(len(parts)), 2))
    parts[i], parts[j] = parts[j], parts[i]
    path.write_bytes(content[: bounds[0]] + b"".join(parts) + content[bounds[-1] :])
    assert expect_refusal(tmp_path, ONE_SEGMENT).facts["offset"] == bounds[i]


@pytest.mark.parametrize("seed", range(30))
def test_a_dropped_frame_is_refused_unless_it_was_the_last(tmp_path, seed):
    written = write(tmp_path, ONE_SEGMENT, seed=seed)
    (path,) = list_segments(tmp_path)
    bounds = frame_bounds(written)
    content = path.read_bytes()
    dropped = random.Random(seed).randrange(len(written)) if seed else len(written) - 1
    path.write_bytes(content[: bounds[dropped]] + content[bounds[dropped + 1] :])
    if dropped == len(written) - 1:
        assert read(tmp_path, ONE_SEGMENT) == written[:-1]
    else:
        expect_refusal(tmp_path, ONE_SEGMENT)


@pytest.mark.parametrize("lost", [1, 2, 3, 5, 64])
def test_lost_bytes_that_shift_the_rest_are_refused(tmp_path, lost):
    written = write(tmp_path, ONE_SEGMENT)
    (path,) = list_segments(tmp_path)
    at = frame_bounds(written)[10] + 50
    content = path.read_bytes()
    path.write_bytes(content[:at] + content[at + lost :])
    expect_refusal(tmp_path, ONE_SEGMENT)


def test_a_forged_frame_with_valid_checksums_is_refused(tmp_path):
    written = write(tmp_path, ONE_SEGMENT, frames=3)
    (path,) = list_segments(tmp_path)
    end = frame_bounds(written)[-1]
    forged, _ = encode_frame(RecordType.CMD, bytes(64), Position(written[-1].end.seq, b"\x01" * 32))
    content = bytearray(path.read_bytes())
    content[end : end + len(forged)] = forged
    path.write_bytes(content)
    expect_refusal(tmp_path, ONE_SEGMENT)


def test_commands_relabelled_as_transfers_are_refused(tmp_path):
    # The same body under another type, checksums made right again.
    journal = Journal.open(tmp_path, ONE_SEGMENT)
    list(journal.replay())
    frames = journal.append([(RecordType.CMD, bytes(128)), (RecordType.CMD, bytes(128))])
    journal.close()
    (path,) = list_segments(tmp_path)
    relabelled, _ = encode_frame(RecordType.TRANSFER, frames[0].body, GENESIS)
    content = bytearray(path.read_bytes())
    content[SEGMENT_HEADER.size : SEGMENT_HEADER.size + len(relabelled)] = relabelled
    path.write_bytes(content)
    expect_refusal(tmp_path, ONE_SEGMENT)


@pytest.mark.parametrize("index", [0, 1, 3, -2])
def test_a_missing_segment_is_refused(tmp_path, index):
    write(tmp_path, MANY_SEGMENTS)
    list_segments(tmp_path)[index].unlink()
    expect_refusal(tmp_path, MANY_SEGMENTS)


def test_a_cut_in_an_earlier_segment_is_refused(tmp_path):
    write(tmp_path, MANY_SEGMENTS)
    path = list_segments(tmp_path)[2]
    path.write_bytes(path.read_bytes()[:-10])
    expect_refusal(tmp_path, MANY_SEGMENTS)


def test_an_earlier_segment_that_ends_a_frame_too_soon_is_refused(tmp_path):
    written = write(tmp_path, MANY_SEGMENTS)
    first = list_segments(tmp_path)[0]
    frames = [frame for frame in written if frame.first_seq < int(list_segments(tmp_path)[1].name[:20])]
    first.write_bytes(first.read_bytes()[: frame_bounds(frames)[-2]])
    expect_refusal(tmp_path, MANY_SEGMENTS)


@pytest.mark.parametrize("byte", [0, 8, 12, 20, 40, 63])
def test_a_bent_segment_header_is_refused(tmp_path, byte):
    write(tmp_path, MANY_SEGMENTS)
    path = list_segments(tmp_path)[1]
    content = bytearray(path.read_bytes())
    content[byte] ^= 1
    path.write_bytes(content)
    expect_refusal(tmp_path, MANY_SEGMENTS)


def test_a_renamed_segment_is_refused(tmp_path):
    write(tmp_path, MANY_SEGMENTS)
    path = list_segments(tmp_path)[-1]
    path.rename(path.with_name("00000000000000099999.journal"))
    expect_refusal(tmp_path, MANY_SEGMENTS)


def test_finds_an_intact_frame_at_any_alignment():
    raw, _ = encode_frame(RecordType.CMD, random.Random(1).randbytes(192), GENESIS)
    for shift in range(8):
        assert has_intact_frame(b"\x7f" * shift + raw + b"\x7f" * 5)
        assert not has_intact_frame(b"\x7f" * shift + raw[:-1] + b"\x7e" * 5)
    assert not has_intact_frame(b"")
