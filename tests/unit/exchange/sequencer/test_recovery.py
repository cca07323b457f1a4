import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from simulators.journal_traffic import CONFIG, SETTINGS, Recorder, StepClock, fund, open_sequencer, order_batches

from exchange.engine.reference import ReferenceEngine
from exchange.journal.errors import JournalDamaged
from exchange.journal.segment import list_segments
from exchange.journal.snapshot import list_snapshots
from exchange.journal.verify import verify_journal
from exchange.sequencer.sequencer import Sequencer

TESTS = Path(__file__).parents[3]


def run(folder, *, snapshots=(), listeners=(), seed=7):
    """Trade, save snapshots after the given batches, and return the state at the end."""
    sequencer = open_sequencer(folder, listeners=listeners)
    accounts = fund(sequencer)
    for number, batch in enumerate(order_batches(accounts, seed=seed, batches=12, size=60)):
        sequencer.submit_commands(batch)
        if number in snapshots:
            sequencer.snapshot()
    state = sequencer.state_hash()
    sequencer.close()
    return state


def recovered(folder, **options):
    sequencer = open_sequencer(folder, **options)
    sequencer.close()
    return sequencer.recovery


def test_a_snapshot_of_another_history_is_refused(tmp_path):
    run(tmp_path / "theirs", snapshots=[5], seed=8)
    run(tmp_path / "ours")
    (foreign,) = list_snapshots(tmp_path / "theirs")
    foreign.rename(tmp_path / "ours" / foreign.name)
    with pytest.raises(JournalDamaged, match="another history"):
        recovered(tmp_path / "ours")


def test_a_journal_shorter_than_its_snapshot_is_refused_and_not_touched(tmp_path):
    run(tmp_path, snapshots=[11])
    last = list_segments(tmp_path)[-1]
    last.unlink()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(JournalDamaged, match="was durable"):
        recovered(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_damaged_newest_snapshot_falls_back_to_the_older_one(tmp_path):
    state = run(tmp_path, snapshots=[3, 8])
    newest, older = list_snapshots(tmp_path)
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    report = recovered(tmp_path)
    assert report.skipped_snapshots == (newest.name,)
    assert report.snapshot_seq == int(older.name[:20])
    assert report.state_hash == state


def test_without_a_usable_snapshot_it_starts_at_the_beginning(tmp_path):
    state = run(tmp_path, snapshots=[3, 8])
    for path in list_snapshots(tmp_path):
        path.write_bytes(b"gone")
    report = recovered(tmp_path)
    assert (report.snapshot_seq, report.state_hash) == (0, state)
    assert len(report.skipped_snapshots) == 2


def test_a_snapshot_of_another_engine_is_passed_over(tmp_path):
    state = run(tmp_path, snapshots=[8])
    report = recovered(tmp_path, settings=replace(SETTINGS, engine_version="next"))
    assert (report.snapshot_seq, report.state_hash) == (0, state)


def test_snapshot_and_tail_give_the_state_of_the_full_replay(tmp_path):
    state = run(tmp_path, snapshots=[8])
    report = recovered(tmp_path)
    assert report.snapshot_seq > 0
    assert report.state_hash == state
    for path in list_snapshots(tmp_path):
        path.unlink()
    assert recovered(tmp_path).state_hash != state  # the take-over mark of the first restart counts
    assert verify_journal(tmp_path).last_seq == report.last_seq + 2


@pytest.mark.parametrize("behind", [0, 100, 10**9])
def test_a_listener_gets_everything_behind_its_offset(tmp_path, behind):
    live = Recorder()
    run(tmp_path, snapshots=[2, 8], listeners=[live])
    late = Recorder(behind)
    report = recovered(tmp_path, listeners=[late])
    assert report.snapshot_seq <= behind
    wanted = [p for p in live.heard if p.last_seq > max(behind, report.snapshot_seq)]
    got = [p for p in late.heard if behind < p.last_seq <= report.last_seq]
    assert [(p.first_seq, p.kind, p.balances) for p in got] == [(p.first_seq, p.kind, p.balances) for p in wanted]
    assert [p.outputs.events.tobytes() for p in got] == [p.outputs.events.tobytes() for p in wanted]


def test_recovery_can_crash_anywhere_and_start_again(tmp_path):
    state = run(tmp_path, snapshots=[8])

    class Crash(Exception):
        pass

    class Crashing(Recorder):
        def on_outputs(self, publication):
            if len(self.heard) == self.limit:
                raise Crash
            super().on_outputs(publication)

    for limit in (0, 3, 11):
        listener = Crashing()
        listener.limit = limit
        with pytest.raises(Crash):
            recovered(tmp_path, listeners=[listener])
    assert recovered(tmp_path).state_hash == state


@pytest.mark.parametrize("with_snapshot", [True, False])
def test_the_plain_engine_recovers_to_the_state_of_the_compiled_one(tmp_path, with_snapshot):
    state = run(tmp_path, snapshots=[8] if with_snapshot else [])
    sequencer = Sequencer.open(tmp_path, ReferenceEngine(CONFIG), now_ns=StepClock(), settings=SETTINGS)
    sequencer.close()
    assert (sequencer.recovery.snapshot_seq > 0) == with_snapshot
    assert sequencer.recovery.state_hash == state


CHILD = """
import sys
from pathlib import Path
from simulators.journal_traffic import fund, open_sequencer, order_batches
folder, session = Path(sys.argv[1]), int(sys.argv[2])
sequencer = open_sequencer(folder)
accounts = [16 + n for n in range(6)] if len(sequencer.directory) else fund(sequencer)
for number, batch in enumerate(order_batches(accounts, seed=session, batches=10_000, size=7, session=session)):
    seqs = sequencer.submit_commands(batch).events["seq"]
    sys.stdout.write(f"{int(batch['cmd_id'][-1])} {int(seqs[-1])}\\n")
    sys.stdout.flush()
    if number % 40 == 39:
        sequencer.snapshot()
"""


@pytest.mark.slow
def test_after_kill_9_every_acknowledged_command_is_there_once(tmp_path):
    acknowledged = {}
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
    for session in range(1, 7):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), str(session)], stdout=subprocess.PIPE, text=True, env=env
        )
        for _ in range(15 + 23 * session):
            cmd_id, seq = child.stdout.readline().split()
            acknowledged[session, int(cmd_id)] = int(seq)
        child.send_signal(signal.SIGKILL)
        for line in child.stdout:  # what it said before it died counts as well
            if line.endswith("\n"):
                cmd_id, seq = line.split()
                acknowledged[session, int(cmd_id)] = int(seq)
        child.wait()
    recorder = Recorder()
    report = recovered(tmp_path, listeners=[recorder])
    found = {}
    for publication in recorder.heard:
        for index, record in enumerate(publication.records):
            if publication.kind == 0 and record["session"]:
                name = int(record["session"]), int(record["cmd_id"])
                assert name not in found
                found[name] = publication.first_seq + index
    assert len(acknowledged) > 400
    assert {name: found.get(name) for name in acknowledged} == acknowledged
    assert verify_journal(tmp_path).last_seq == report.last_seq + 1
