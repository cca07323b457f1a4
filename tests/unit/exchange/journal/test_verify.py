import numpy as np
import pytest

from custody.primitives.errors import NotFound
from exchange.journal.errors import JournalDamaged, SnapshotDamaged
from exchange.journal.format import Position, RecordType
from exchange.journal.journal import Journal, JournalSettings
from exchange.journal.reader import JournalReader
from exchange.journal.segment import list_segments
from exchange.journal.snapshot import Snapshot, list_snapshots, save_snapshot
from exchange.journal.verify import verify_journal

SETTINGS = JournalSettings(segment_bytes=4096)


@pytest.fixture
def folder(tmp_path):
    journal = Journal.open(tmp_path, SETTINGS)
    list(journal.replay())
    for number in range(30):
        journal.append(
            [(RecordType.CMD, bytes([number]) * 192), (RecordType.NOTE, bytes(64)), (RecordType.TRANSFER, bytes(256))]
        )
    journal.close()
    return tmp_path


def position_at(folder, seq):
    return next(frame.end for frame in JournalReader(folder) if frame.end.seq == seq)


def snapshot(position):
    return Snapshot(position, "1", {"x": np.arange(3)})


def test_refuses_a_missing_folder(tmp_path):
    with pytest.raises(NotFound):
        verify_journal(tmp_path / "nowhere")


def test_refuses_a_snapshot_of_another_history(folder):
    save_snapshot(folder, snapshot(Position(6, b"\x05" * 32)))
    with pytest.raises(JournalDamaged, match="snapshot at seq 6"):
        verify_journal(folder)


def test_refuses_a_snapshot_beyond_the_end(folder):
    save_snapshot(folder, snapshot(Position(9999, b"\x05" * 32)))
    with pytest.raises(JournalDamaged):
        verify_journal(folder)


def test_refuses_a_damaged_or_renamed_snapshot(folder):
    path = save_snapshot(folder, snapshot(position_at(folder, 6)))
    path.rename(path.with_name(f"{7:020d}.snapshot"))
    with pytest.raises(SnapshotDamaged):
        verify_journal(folder)
    (path,) = list_snapshots(folder)
    path.write_bytes(b"")
    with pytest.raises(SnapshotDamaged):
        verify_journal(folder)


def test_refuses_damage(folder):
    path = list_segments(folder)[0]
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)
    with pytest.raises(JournalDamaged):
        verify_journal(folder)


def test_reading_behind_a_position_checks_that_it_is_the_same_history(folder):
    with pytest.raises(JournalDamaged, match="another history"):
        list(JournalReader(folder, after=Position(6, b"\x05" * 32)))
    inside = Position(5, b"\x05" * 32)
    with pytest.raises(JournalDamaged, match="inside a frame"):
        list(JournalReader(folder, after=Position(2, inside.chain)))
    with pytest.raises(JournalDamaged, match="was durable"):
        list(JournalReader(folder, after=Position(9999, inside.chain)))


def test_a_lost_folder_is_noticed_by_its_snapshot(tmp_path):
    with pytest.raises(JournalDamaged, match="was durable"):
        list(JournalReader(tmp_path, after=Position(5, bytes(32))))


def test_reading_behind_a_position_gives_the_rest(folder):
    everything = list(JournalReader(folder))
    for frame in everything[:: len(everything) // 7]:
        rest = list(JournalReader(folder, after=frame.end))
        assert rest == everything[everything.index(frame) + 1 :]


def test_reports_what_it_found_and_changes_nothing(folder):
    save_snapshot(folder, snapshot(position_at(folder, 6)))
    last = list_segments(folder)[-1]
    end = len(last.read_bytes().rstrip(b"\0"))
    content = bytearray(last.read_bytes())
    content[end + 400 : end + 410] = b"unfinished"
    last.write_bytes(content)
    report = verify_journal(folder)
    assert (report.frames, report.commands, report.transfers, report.notes) == (90, 90, 60, 30)
    assert report.last_seq == 180
    assert report.torn_bytes > 0
    assert report.snapshots == (6,)
    assert report.segments == len(list_segments(folder))
    assert last.read_bytes() == content
