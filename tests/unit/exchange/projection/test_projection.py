from dataclasses import replace

import pytest
from simulators.journal_traffic import (
    SETTINGS,
    StepClock,
    fund,
    new_engine,
    open_sequencer,
    order_batches,
    withdrawal,
)
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from custody.primitives.errors import InvariantBroken
from custody.store.database import open_database
from exchange.engine.codes import OrderFlag, Stp, Tif
from exchange.engine.commands import Cancel, NewOrder, pack_commands
from exchange.engine.records import Reject, Side, TransferResult
from exchange.projection.projection import Projection
from exchange.projection.rebuilding import rebuild
from exchange.projection.schema import BalanceRow, ProjectionModel
from exchange.projection.worker import ProjectionStopped, ProjectionWorker

TABLES = ProjectionModel.metadata.tables


def content_of(database):
    with database.connect() as connection:
        return {
            name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for name, table in TABLES.items()
        }


@pytest.fixture
def projection(database):
    made = Projection(database)
    made.create_tables()
    return made


@pytest.fixture
def live(tmp_path, projection):
    sequencer = open_sequencer(tmp_path / "journal", listeners=[projection])
    yield sequencer
    sequencer.close()


def trade(sequencer, *, seed=5, batches=15, size=40):
    accounts = fund(sequencer)
    for batch in order_batches(accounts, seed=seed, batches=batches, size=size):
        sequencer.submit_commands(batch)
    for number, account in enumerate(accounts):
        sequencer.submit_transfers(*withdrawal(account, number))
    return accounts


def order_of(database, order_id):
    table = TABLES["orders"]
    with database.connect() as connection:
        return connection.execute(select(table).where(table.c.order_id == order_id)).one()


def test_refuses_a_gap(projection, live):
    heard = []
    live.add_listener(type("Keep", (), {"on_outputs": heard.append, "offset": lambda: 0}))
    live.submit_note(b'{"kind":"x"}')
    with pytest.raises(InvariantBroken, match="without a gap"):
        projection.apply([replace(heard[0], first_seq=heard[0].first_seq + 2)])


def test_frames_up_to_the_offset_are_skipped(tmp_path, database, projection, live):
    trade(live)
    live.close()
    before = content_of(database)
    again = open_sequencer(tmp_path / "journal", listeners=[projection])  # replays everything into it
    again.close()
    after = content_of(database)
    assert after["projection_offset"][0][1] == before["projection_offset"][0][1] + 1  # the take-over mark
    assert {name: rows for name, rows in after.items() if name != "projection_offset"} == {
        name: rows for name, rows in before.items() if name != "projection_offset"
    }


def test_rows_and_offset_are_one_transaction(database, projection, live, monkeypatch):
    trade(live, batches=2)
    before = content_of(database)
    monkeypatch.setattr("exchange.projection.projection._upsert_balances", fail)
    with pytest.raises(ZeroDivisionError):
        live.submit_commands(next(order_batches(range(16, 22), seed=9, batches=1, size=20, session=2)))
    assert content_of(database) == before


def fail(*_):
    raise ZeroDivisionError


def test_the_tripwire_refuses_a_negative_balance(database, projection):
    for row in ({"account": 16, "available": -1, "held": 0}, {"account": 0, "available": 0, "held": -1}):
        with pytest.raises(IntegrityError), database.begin() as connection:
            connection.execute(TABLES["balances"].insert(), [row | {"asset": 0, "seq": 1}])
    with database.begin() as connection:
        connection.execute(
            TABLES["balances"].insert(), [{"account": 0, "asset": 0, "available": -5, "held": 0, "seq": 1}]
        )
    assert BalanceRow.__tablename__ == "balances"


def test_balances_are_those_of_the_engine(database, projection, live):
    trade(live)
    engine = live._parts.applier.engine
    wanted = list(engine.balances())
    found = [(account, asset, free, held) for account, asset, free, held, _ in content_of(database)["balances"]]
    assert [row for row in found if row[2] or row[3]] == wanted


def test_sums_of_all_accounts_are_zero_per_asset(database, projection, live):
    trade(live)
    table = TABLES["balances"]
    with database.connect() as connection:
        sums = connection.execute(select(func.sum(table.c.available + table.c.held)).group_by(table.c.asset)).scalars()
        assert [int(total) for total in sums] == [0, 0, 0]


def test_open_orders_are_those_of_the_engine(database, projection, live):
    accounts = trade(live)
    engine = live._parts.applier.engine
    resting = {order.order: order for account in accounts for order in engine.open_orders(account)}
    table = TABLES["orders"]
    with database.connect() as connection:
        rows = {row.order_id: row for row in connection.execute(select(table).where(table.c.state == "open"))}
        states = set(connection.execute(select(table.c.state).distinct()).scalars())
    assert rows.keys() == resting.keys()
    for order_id, row in rows.items():
        order = resting[order_id]
        assert (row.qty - row.filled - row.removed, row.handle) == (order.leaves, order.handle)
    assert states == {"open", "filled", "canceled", "expired", "rejected"}


def test_every_lot_of_a_limit_order_is_accounted_for(database, projection, live):
    trade(live)
    table = TABLES["orders"]
    with database.connect() as connection:
        for row in connection.execute(select(table)):
            if row.state == "filled":
                assert row.filled == row.qty
            if row.state in ("canceled", "expired"):
                assert row.filled + row.removed == row.qty
            if row.state == "rejected":
                assert (row.filled, row.reason > 0) == (0, True)


def test_the_states_of_an_order(database, projection, live):
    alice, bob, *_ = fund(live)

    def place(account, side, qty, **more):
        command = NewOrder(0, account, side, 1000, qty, session=account, **more)
        return int(live.submit_commands(pack_commands([command])).events["seq"][0])

    resting = place(alice, Side.SELL, 10, cmd_id=1)
    taker = place(bob, Side.BUY, 4, cmd_id=1)
    immediate = place(bob, Side.BUY, 20, tif=Tif.IOC, cmd_id=2)
    refused = place(bob, Side.BUY, 10**8, cmd_id=3)
    own = place(alice, Side.SELL, 7, cmd_id=2)
    place(alice, Side.BUY, 3, stp=Stp.DECREMENT, cmd_id=3)
    handle = order_of(database, own).handle
    partly = order_of(database, own)
    live.submit_commands(pack_commands([Cancel(0, alice, handle)]))
    found = {name: order_of(database, seq) for name, seq in (("resting", resting), ("taker", taker), ("own", own))}
    assert (found["resting"].state, found["resting"].filled) == ("filled", 10)
    assert (found["taker"].state, found["taker"].filled_quote) == ("filled", 4000)
    assert (order_of(database, immediate).state, order_of(database, immediate).removed) == ("expired", 14)
    assert (order_of(database, refused).state, order_of(database, refused).reason) == ("rejected", Reject.FUNDS)
    assert (partly.state, partly.removed) == ("open", 3)
    assert (found["own"].state, found["own"].removed) == ("canceled", 7)


def test_a_quote_order_that_met_nobody_is_expired(database, projection, live):
    alice, *_ = fund(live)
    flags = OrderFlag.MARKET | OrderFlag.QUOTE_QTY
    command = NewOrder(0, alice, Side.BUY, 1000, 5000, tif=Tif.IOC, flags=flags)
    seq = int(live.submit_commands(pack_commands([command])).events["seq"][0])
    assert order_of(database, seq).state in ("expired", "rejected")


def test_transfers_name_their_notes(database, projection, live):
    alice, *_ = fund(live)
    transfer, note = withdrawal(alice, 77)
    for _ in range(2):
        live.submit_transfers(transfer, note)
    live.submit_transfers(withdrawal(alice, 78)[0])
    rows = content_of(database)
    last = [(row[1], row[9], row[12]) for row in rows["transfers"][-3:]]
    notes = [row for row in rows["notes"] if row[1] == "withdrawal"]
    assert last == [
        (f"{1 << 64 | 77:032x}", TransferResult.OK, notes[0][0]),
        (f"{1 << 64 | 77:032x}", TransferResult.EXISTS, notes[1][0]),
        (f"{1 << 64 | 78:032x}", TransferResult.OK, None),
    ]
    assert notes[0][2].encode() == note
    assert rows["accounts"][0][:2] == (16, "customer-0")


def test_a_rebuilt_view_equals_the_live_one(tmp_path, database, projection, live):
    trade(live)
    fresh = open_database(f"sqlite:///{tmp_path}/fresh.db")
    last = rebuild(tmp_path / "journal", new_engine(), fresh, SETTINGS)
    assert last == live.head.seq
    assert content_of(fresh) == content_of(database)
    assert rebuild(tmp_path / "journal", new_engine(), database, SETTINGS) == last
    assert content_of(fresh) == content_of(database)


def test_the_worker_writes_the_same_rows(tmp_path, database, projection):
    with ProjectionWorker(projection) as worker:
        sequencer = open_sequencer(tmp_path / "journal", listeners=[worker])
        trade(sequencer)
        worker.drain()
        assert worker.offset() == sequencer.head.seq
        sequencer.close()
    fresh = open_database(f"sqlite:///{tmp_path}/fresh.db")
    rebuild(tmp_path / "journal", new_engine(), fresh, SETTINGS)
    assert content_of(fresh) == content_of(database)


def test_a_worker_whose_database_fails_stops_the_sequencer_and_catches_up_later(tmp_path, database, projection):
    worker = ProjectionWorker(projection)
    sequencer = open_sequencer(tmp_path / "journal", listeners=[worker], clock=StepClock())
    fund(sequencer)
    worker.drain()
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE notes RENAME TO hidden")
    sequencer.submit_note(b'{"kind":"unlucky"}')
    with pytest.raises(ProjectionStopped):
        worker.drain()
    with pytest.raises(ProjectionStopped):
        sequencer.submit_note(b'{"kind":"late"}')
    worker.close()
    sequencer.close()
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE hidden RENAME TO notes")
    again = open_sequencer(tmp_path / "journal", listeners=[projection])
    again.close()
    assert [row[1] for row in content_of(database)["notes"]][-2:] == ["unlucky", "late"]
