import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from simulators.journal_traffic import (
    SETTINGS,
    Recorder,
    StepClock,
    fund,
    new_engine,
    open_sequencer,
    order_batches,
    outputs_of,
    withdrawal,
)

from custody.primitives.errors import IdempotencyConflict, InvalidInput, MalformedPayload
from custody.primitives.ids import CustomerId
from exchange.engine.codes import Kind
from exchange.engine.commands import NewOrder, pack_commands
from exchange.engine.records import CMD, TRANSFER, Side, TransferResult
from exchange.journal.errors import JournalLocked, JournalStopped
from exchange.journal.format import RecordType
from exchange.journal.reader import JournalReader
from exchange.journal.verify import verify_journal
from exchange.sequencer.errors import ReservedCommand, SequencerStopped


@pytest.fixture
def sequencer(tmp_path):
    opened = open_sequencer(tmp_path)
    yield opened
    opened.close()


def order(account, cmd_id, *, side=Side.BUY, price=1000, qty=5, session=1):
    return pack_commands([NewOrder(0, account, side, price, qty, session=session, cmd_id=cmd_id)])


@pytest.mark.parametrize(
    "records",
    [
        np.zeros(0, CMD),
        np.zeros(8193, CMD),
        np.zeros((2, 2), CMD),
        np.zeros(2, TRANSFER),
        np.zeros(64, np.uint8),
        b"\0" * 64,
    ],
)
def test_refuses_what_are_not_commands(sequencer, records):
    before = sequencer.head
    with pytest.raises(InvalidInput):
        sequencer.submit_commands(records)
    assert sequencer.head == before


@pytest.mark.parametrize("records", [np.zeros(0, TRANSFER), np.zeros(8193, TRANSFER), np.zeros(2, CMD)])
def test_refuses_what_are_not_transfers(sequencer, records):
    with pytest.raises(InvalidInput):
        sequencer.submit_transfers(records)


def test_refuses_a_takeover_from_outside(sequencer):
    records = np.zeros(2, CMD)
    records["kind"] = [Kind.TICK, Kind.TAKEOVER]
    with pytest.raises(ReservedCommand):
        sequencer.submit_commands(records)


def test_refuses_an_account_note_from_outside(sequencer):
    # It would give a number twice, and no restart would get past it.
    note = b'{"account":16,"customer":"mallory","kind":"account"}'
    before = sequencer.head
    with pytest.raises(ReservedCommand):
        sequencer.submit_note(note)
    with pytest.raises(ReservedCommand):
        sequencer.submit_transfers(withdrawal(16, 1)[0], note)
    assert sequencer.head == before


def test_refuses_notes_that_are_not_canonical(sequencer):
    with pytest.raises(MalformedPayload):
        sequencer.submit_note(b'{"kind": "x"}')


def test_refuses_a_second_sequencer_on_the_folder(tmp_path, sequencer):
    with pytest.raises(JournalLocked):
        open_sequencer(tmp_path)


def test_refuses_another_content_under_the_same_name(sequencer):
    alice = fund(sequencer)[0]
    first = sequencer.submit_commands(order(alice, 1))
    head, state = sequencer.head, sequencer.state_hash()
    with pytest.raises(IdempotencyConflict):
        sequencer.submit_commands(order(alice, 1, qty=6))
    assert (sequencer.head, sequencer.state_hash()) == (head, state)
    assert outputs_of(sequencer.submit_commands(order(alice, 1))) == outputs_of(first)


def test_the_same_command_twice_has_one_effect_and_one_answer(sequencer):
    alice, bob, *_ = fund(sequencer)
    sequencer.submit_commands(order(bob, 1, side=Side.SELL, session=2))
    first = sequencer.submit_commands(order(alice, 1))
    assert len(first.fills) == 1
    head, state = sequencer.head, sequencer.state_hash()
    for _ in range(3):
        assert outputs_of(sequencer.submit_commands(order(alice, 1))) == outputs_of(first)
    assert (sequencer.head, sequencer.state_hash()) == (head, state)


def test_the_same_answer_after_a_restart_with_and_without_snapshot(tmp_path):
    sequencer = open_sequencer(tmp_path)
    accounts = fund(sequencer)
    batches = list(order_batches(accounts, seed=3, batches=6, size=50))
    answers = [outputs_of(sequencer.submit_commands(batch)) for batch in batches[:3]]
    sequencer.snapshot()
    answers += [outputs_of(sequencer.submit_commands(batch)) for batch in batches[3:]]
    sequencer.close()
    for with_snapshot in (True, False):
        if not with_snapshot:
            for path in tmp_path.glob("*.snapshot"):
                path.unlink()
        again = open_sequencer(tmp_path)
        assert (again.recovery.snapshot_seq > 0) == with_snapshot
        before = again.state_hash()
        assert [outputs_of(again.submit_commands(batch)) for batch in batches] == answers
        assert again.state_hash() == before
        again.close()


def test_the_same_withdrawal_twice_holds_once(sequencer):
    alice = fund(sequencer)[0]
    transfer, note = withdrawal(alice, 1)
    assert sequencer.submit_transfers(transfer, note).tolist() == [TransferResult.OK]
    assert sequencer.submit_transfers(transfer, note).tolist() == [TransferResult.EXISTS]


def test_a_note_stands_directly_in_front_of_its_transfer_in_one_sync(tmp_path, monkeypatch):
    sequencer = open_sequencer(tmp_path)
    alice = fund(sequencer)[0]
    syncs = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (syncs.append(fd), real(fd)))
    transfer, note = withdrawal(alice, 1)
    sequencer.submit_transfers(transfer, note)
    assert len(syncs) == 1
    sequencer.close()
    *_, in_front, last = JournalReader(tmp_path)
    assert (in_front.kind, last.kind) == (RecordType.NOTE, RecordType.TRANSFER)
    assert last.first_seq == in_front.first_seq + 1
    assert note in in_front.body


def test_no_answer_and_no_publication_before_the_sync(tmp_path, monkeypatch):
    recorder = Recorder()
    sequencer = open_sequencer(tmp_path, listeners=[recorder])
    alice = fund(sequencer)[0]
    heard = len(recorder.heard)
    in_sync, go_on = threading.Event(), threading.Event()
    real = os.fdatasync

    def slow(descriptor):
        in_sync.set()
        go_on.wait(10)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(sequencer.submit_commands, order(alice, 1))
        in_sync.wait(10)
        assert not answer.done()
        assert len(recorder.heard) == heard
        go_on.set()
        assert len(answer.result(10).events) == 1
    assert len(recorder.heard) == heard + 1


def test_callers_that_arrive_during_a_sync_share_the_next_one(tmp_path, monkeypatch):
    sequencer = open_sequencer(tmp_path)
    accounts = fund(sequencer)
    syncs = []
    real = os.fdatasync
    first_in, go_on = threading.Event(), threading.Event()

    def slow(descriptor):
        syncs.append(descriptor)
        if len(syncs) == 1:
            first_in.set()
            go_on.wait(10)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    with ThreadPoolExecutor(40) as pool:
        answers = [pool.submit(sequencer.submit_commands, order(accounts[0], 1))]
        first_in.wait(10)
        answers += [pool.submit(sequencer.submit_commands, order(accounts[n % 6], n)) for n in range(2, 30)]
        while len(sequencer._pipeline._intake._line) < 28:
            pass
        go_on.set()
        seqs = [int(answer.result(10).events["seq"][0]) for answer in answers]
    assert len(syncs) == 2
    assert len(set(seqs)) == 29


@pytest.mark.parametrize("call", ["fdatasync", "pwrite"])
def test_a_disk_error_answers_nobody_and_stops(tmp_path, monkeypatch, call):
    recorder = Recorder()
    sequencer = open_sequencer(tmp_path, listeners=[recorder])
    alice = fund(sequencer)[0]
    heard, state = len(recorder.heard), sequencer.state_hash()

    def failing(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(JournalStopped):
        sequencer.submit_commands(order(alice, 1))
    monkeypatch.undo()
    with pytest.raises(SequencerStopped):
        sequencer.submit_commands(order(alice, 2))
    with pytest.raises(SequencerStopped):
        sequencer.snapshot()
    assert len(recorder.heard) == heard
    assert sequencer.state_hash() == state
    sequencer.close()


def test_a_failing_listener_stops_the_sequencer_and_loses_nothing(tmp_path):
    class Failing(Recorder):
        def on_outputs(self, publication):
            if len(self.heard) == 8:
                raise InvalidInput("no room")
            super().on_outputs(publication)

    sequencer = open_sequencer(tmp_path, listeners=[Failing()])
    with pytest.raises(InvalidInput):
        fund(sequencer)
    with pytest.raises(SequencerStopped):
        sequencer.open_account(CustomerId("late"))
    sequencer.close()
    durable = verify_journal(tmp_path).last_seq
    again = open_sequencer(tmp_path)
    assert again.recovery.last_seq == durable
    again.close()


def test_time_never_goes_back(tmp_path):
    # A17: the clock jumps by a day in both directions.
    clock = StepClock()
    recorder = Recorder()
    sequencer = open_sequencer(tmp_path, listeners=[recorder], clock=clock)
    alice = fund(sequencer)[0]
    day_ns = 86_400 * 10**9
    for cmd_id, jump in enumerate([day_ns, -2 * day_ns, 5, day_ns], start=1):
        clock.at_ns += jump
        sequencer.submit_commands(order(alice, cmd_id))
    sequencer.close()
    again = open_sequencer(tmp_path, listeners=[late := Recorder()], clock=StepClock(1))
    again.submit_commands(order(alice, 9))
    again.close()
    stamps = [int(p.records["ts"][0]) for p in late.heard if len(p.records)]
    assert stamps == sorted(stamps)


def test_callers_records_are_not_touched(sequencer):
    alice = fund(sequencer)[0]
    records = order(alice, 1)
    before = records.copy()
    sequencer.submit_commands(records)
    assert records.tobytes() == before.tobytes()
    records.setflags(write=False)
    sequencer.submit_commands(np.repeat(records, 4)[::2])


def test_each_start_begins_an_epoch(tmp_path):
    for epoch in range(1, 4):
        recorder = Recorder()
        sequencer = open_sequencer(tmp_path, listeners=[recorder])
        sequencer.close()
        marks = [int(p.records["aux"][0]) for p in recorder.heard]
        assert marks == list(range(1, epoch + 1))


def test_one_account_however_many_ask_at_once(sequencer):
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: sequencer.open_account(CustomerId("alice")), range(32)))
    assert set(numbers) == {16}
    assert sequencer.open_account(CustomerId("bob")) == 17


def test_threads_and_restart_give_the_state_of_one_thread(tmp_path):
    sequencer = open_sequencer(tmp_path)
    accounts = fund(sequencer)

    def trade(session):
        for batch in order_batches(accounts, seed=session, batches=10, size=20, session=session):
            answer = sequencer.submit_commands(batch)
            assert set(batch["cmd_id"].tolist()) <= set(answer.events["cmd_id"].tolist())

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(trade, range(1, 7)))
    live = sequencer.state_hash()
    sequencer.close()
    engine = new_engine()
    for frame in JournalReader(tmp_path):
        if frame.kind is RecordType.CMD:
            engine.apply_commands(np.frombuffer(frame.body, CMD), frame.first_seq)
        elif frame.kind is RecordType.TRANSFER:
            engine.apply_transfers(np.frombuffer(frame.body, TRANSFER), frame.first_seq)
    assert engine.state_hash() == live


def test_snapshots_under_traffic_and_at_once_all_verify(tmp_path):
    sequencer = open_sequencer(tmp_path)
    accounts = fund(sequencer)
    with ThreadPoolExecutor(5) as pool:
        saved = [pool.submit(sequencer.snapshot) for _ in range(4)]
        for batch in order_batches(accounts, seed=1, batches=30, size=10):
            sequencer.submit_commands(batch)
            saved.append(pool.submit(sequencer.snapshot))
        assert all(each.result(30).suffix == ".snapshot" for each in saved)
    state = sequencer.state_hash()
    sequencer.close()
    assert len(verify_journal(tmp_path).snapshots) == 2
    again = open_sequencer(tmp_path)
    assert again.recovery.state_hash == state
    again.close()


def test_publications_carry_the_balances_the_engine_has(tmp_path):
    recorder = Recorder()
    sequencer = open_sequencer(tmp_path, listeners=[recorder])
    accounts = fund(sequencer)
    for batch in order_batches(accounts, seed=4, batches=20, size=30):
        sequencer.submit_commands(batch)
    transfer, note = withdrawal(accounts[0], 1)
    sequencer.submit_transfers(transfer, note)
    latest = {}
    for publication in recorder.heard:
        latest |= {(b.account, b.asset): (b.available, b.held) for b in publication.balances}
    engine = sequencer._parts.applier.engine
    rows = {(account, asset): (available, held) for account, asset, available, held in engine.balances()}
    assert {pair: now for pair, now in latest.items() if any(now)} == rows
    sequencer.close()


def test_settings_reach_the_parts(sequencer):
    assert SETTINGS.accounts == 64
    assert sequencer.recovery.last_seq == 0
    assert sequencer.head.seq == 1
