import numpy as np
import pytest

from exchange.engine.records import EVENT
from exchange.journal.errors import SnapshotDamaged
from exchange.journal.format import Position
from exchange.journal.snapshot import Snapshot, list_snapshots, load_snapshot, save_snapshot


def snapshot_at(seq):
    events = np.zeros(3, EVENT)
    events["seq"] = [seq, seq + 1, seq + 2]
    arrays = {"events": events, "empty": np.empty(0, np.int64), "text": np.frombuffer(b"abc", np.uint8)}
    return Snapshot(Position(seq, bytes([seq % 256]) * 32), "engine-1", arrays)


def test_every_flipped_byte_is_noticed(tmp_path):
    path = save_snapshot(tmp_path, snapshot_at(5))
    content = path.read_bytes()
    for at in range(0, len(content), 5):
        bent = bytearray(content)
        bent[at] ^= 0x10
        path.write_bytes(bent)
        with pytest.raises(SnapshotDamaged):
            load_snapshot(path)


@pytest.mark.parametrize("left", [0, 1, 16, 31, 32, 33, 200, -1])
def test_a_cut_or_lengthened_file_is_noticed(tmp_path, left):
    path = save_snapshot(tmp_path, snapshot_at(5))
    content = path.read_bytes()
    path.write_bytes(content[:left] if left >= 0 else content + b"x")
    with pytest.raises(SnapshotDamaged):
        load_snapshot(path)


def test_arrays_of_objects_are_never_written(tmp_path):
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        save_snapshot(tmp_path, Snapshot(Position(1, bytes(32)), "1", {"x": np.array([object()])}))
    assert list_snapshots(tmp_path) == []


def test_the_newest_two_are_kept(tmp_path):
    for seq in (3, 20, 100, 7000):
        save_snapshot(tmp_path, snapshot_at(seq))
    assert [load_snapshot(path).position.seq for path in list_snapshots(tmp_path)] == [7000, 100]
    assert not list(tmp_path.glob("*.tmp"))


def test_round_trip_to_the_last_byte(tmp_path):
    before = snapshot_at(5)
    after = load_snapshot(save_snapshot(tmp_path, before))
    assert (after.position, after.engine, after.arrays.keys()) == (before.position, before.engine, before.arrays.keys())
    for name, array in before.arrays.items():
        assert after.arrays[name].dtype == array.dtype
        assert after.arrays[name].tobytes() == array.tobytes()
