import errno
import os
import subprocess
import sys

import pytest

from custody.primitives.errors import InvalidInput, InvariantBroken, MalformedPayload
from exchange.journal.errors import JournalLocked, JournalStopped
from exchange.journal.format import GENESIS, RecordType
from exchange.journal.journal import Journal, JournalSettings
from exchange.journal.segment import list_segments

SMALL = JournalSettings(segment_bytes=4096)


def opened(folder, settings=SMALL):
    journal = Journal.open(folder, settings)
    return journal, list(journal.replay())


def body(number, records=3):
    return number.to_bytes(8, "little") * 8 * records


@pytest.mark.parametrize(
    "settings", [{"segment_bytes": 4095}, {"segment_bytes": 1 << 30}, {"group": -1}, {"group": 1 << 32}]
)
def test_refuses_impossible_settings(settings):
    with pytest.raises(InvalidInput):
        JournalSettings(**settings)


def test_refuses_a_second_writer_in_the_same_process(tmp_path):
    opened(tmp_path)
    with pytest.raises(JournalLocked, match="another process writes"):
        Journal.open(tmp_path)


def test_refuses_a_second_process(tmp_path):
    journal, _ = opened(tmp_path)
    script = (
        f"from pathlib import Path; from exchange.journal.journal import Journal; Journal.open(Path({str(tmp_path)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "JournalLocked" in done.stderr
    journal.close()


def test_refuses_to_write_before_it_was_read(tmp_path):
    journal = Journal.open(tmp_path, SMALL)
    with pytest.raises(InvariantBroken):
        journal.append([(RecordType.CMD, body(1))])


def test_a_malformed_entry_writes_nothing_of_the_call(tmp_path):
    journal, _ = opened(tmp_path)
    with pytest.raises(MalformedPayload):
        journal.append([(RecordType.CMD, body(1)), (RecordType.CMD, b"short")])
    assert journal.head == GENESIS
    journal.close()
    assert opened(tmp_path)[1] == []


@pytest.mark.parametrize("call", ["fdatasync", "pwrite"])
def test_a_disk_error_stops_for_good_and_is_never_retried(tmp_path, monkeypatch, call):
    journal, _ = opened(tmp_path)
    journal.append([(RecordType.CMD, body(1))])
    calls = []

    def failing(*args):
        calls.append(args)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(JournalStopped, match="Input/output error"):
        journal.append([(RecordType.CMD, body(2))])
    monkeypatch.undo()  # the disk seems fine again: the kernel may have dropped the pages
    with pytest.raises(JournalStopped):
        journal.append([(RecordType.CMD, body(3))])
    assert len(calls) == 1
    assert journal.head.seq == 3


def test_a_closed_journal_takes_nothing(tmp_path):
    journal, _ = opened(tmp_path)
    journal.close()
    journal.close()
    with pytest.raises(JournalStopped):
        journal.append([(RecordType.CMD, body(1))])


def test_a_short_write_is_continued(tmp_path, monkeypatch):
    journal, _ = opened(tmp_path)
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, content, at: whole(fd, content[:50], at))
    journal.append([(RecordType.CMD, body(1))])
    monkeypatch.undo()
    journal.close()
    assert [frame.body for frame in opened(tmp_path)[1]] == [body(1)]


def test_durable_before_return(tmp_path, monkeypatch):
    journal, _ = opened(tmp_path)
    synced = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (real(fd), synced.append(journal.head.seq)))
    journal.append([(RecordType.CMD, body(1)), (RecordType.NOTE, body(2, 1)), (RecordType.TRANSFER, body(3, 2))])
    assert synced == [0]  # one sync for three frames, and the head moves after it
    assert journal.head.seq == 3 + 1 + 1


def test_rolls_segments_and_reads_across_them(tmp_path):
    journal, _ = opened(tmp_path)
    written = [frame for number in range(200) for frame in journal.append([(RecordType.CMD, body(number))])]
    head = journal.head
    journal.close()
    assert len(list_segments(tmp_path)) > 5
    reopened, frames = opened(tmp_path)
    assert frames == written
    assert reopened.head == head


def test_a_write_larger_than_a_segment_gets_a_larger_one(tmp_path):
    journal, _ = opened(tmp_path)
    journal.append([(RecordType.CMD, body(1))])
    journal.append([(RecordType.CMD, bytes(64 * 1000))])
    journal.append([(RecordType.CMD, body(2))])
    journal.close()
    assert [frame.count for frame in opened(tmp_path)[1]] == [3, 1000, 3]


def test_continues_after_every_reopening(tmp_path):
    for number in range(20):
        journal, frames = opened(tmp_path)
        assert [frame.body for frame in frames] == [body(before) for before in range(number)]
        journal.append([(RecordType.CMD, body(number))])
        journal.close()


def test_leftovers_of_a_crash_while_rolling_are_removed(tmp_path):
    journal, _ = opened(tmp_path)
    journal.append([(RecordType.CMD, body(1))])
    journal.close()
    (tmp_path / "00000000000000000004.tmp").write_bytes(b"half a header")
    _, frames = opened(tmp_path)
    assert len(frames) == 1
    assert not list(tmp_path.glob("*.tmp"))


def test_a_journal_of_another_group_is_refused(tmp_path):
    journal, _ = opened(tmp_path)
    journal.append([(RecordType.CMD, body(1))])
    journal.close()
    other = Journal.open(tmp_path, JournalSettings(group=1, segment_bytes=4096))
    with pytest.raises(Exception, match="group 1"):
        list(other.replay())
