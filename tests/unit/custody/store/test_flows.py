# Over the real stores: withdrawals through the simulated house, deposits as the scanner saves them.
from dataclasses import replace

import pytest
from simulators.chain import COIN, SIM
from simulators.withdrawal_house import NOW_S, House

from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.primitives.chain import BlockRef
from custody.primitives.clock import FixedClock
from custody.primitives.errors import NotFound
from custody.store.database import open_database, open_reading
from custody.store.deposits import SqlDepositStore
from custody.store.flows import HOUR_S, SqlFlows
from custody.wallets.demand import MAX_WEEKS, WEEK_H
from custody.wallets.deposit import Deposit, DepositState

HOUR = NOW_S // HOUR_S
BLOCK = BlockRef(SIM, 1, "b1", "b0")


@pytest.fixture
def house(tmp_path):
    return House(url=f"sqlite:///{tmp_path / 'custody.sqlite'}")


def deposits(house, at_s):
    return SqlDepositStore(house.engine, AssetBook([COIN]), FixedClock(at_s))


def credit(house, txid, units, at_s, state=DepositState.CREDITED):
    store, found = deposits(house, at_s), Deposit(txid, 0, "alice", Amount(units, COIN), BLOCK, DepositState.SEEN)
    store.record_block(BLOCK, [found])
    store.save(replace(found, state=DepositState.CREDITED))
    store.save(replace(found, state=state))


def test_a_database_that_is_not_there_is_said_so_and_not_made(tmp_path):
    with pytest.raises(NotFound, match="no database here"):
        open_reading(tmp_path / "custody.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_without_events_there_is_no_history(house):
    deposits(house, NOW_S)
    history = SqlFlows(house.engine).hourly("SIM", HOUR)
    assert (history.hours, history.first_hour) == (0, HOUR)


def test_what_was_taken_back_never_counts(house):
    credit(house, "gone", 500, NOW_S, DepositState.REVERSED)
    assert SqlFlows(house.engine).hourly("SIM", HOUR + 1).hours == 0


def test_a_treasury_move_is_no_outflow_to_customers(house):
    deposits(house, NOW_S)
    move = house.move(5_000)
    house.step()
    house.approve(move.id, "bob", "cid")
    house.settle()
    assert house.state(move.id) == "settled"
    assert SqlFlows(house.engine).hourly("SIM", HOUR + 1).hours == 0


def test_flows_stand_in_their_hours_and_quiet_hours_are_zero(house, tmp_path):
    credit(house, "a", 700, NOW_S - 3 * HOUR_S)
    credit(house, "b", 30, NOW_S - 3 * HOUR_S, DepositState.FINAL)
    for key in ("one", "two"):
        house.ask(1_000, key=key)
    house.settle()
    flows = SqlFlows(open_reading(tmp_path / "custody.sqlite"))  # beside the open writer
    history = flows.hourly("SIM", HOUR + 1)
    assert history.first_hour == HOUR - 3
    assert (history.outflow, history.inflow) == ((0, 0, 0, 2_000), (730, 0, 0, 0))
    assert flows.hourly("SIM", HOUR).outflow == (0, 0, 0)  # the present hour is not whole
    assert flows.hourly("BTC", HOUR + 1).hours == 0
    assert len(flows.ended_payments(["SIM"], NOW_S * 1_000 - 1)) > 0
    assert flows.ended_payments(["SIM"], NOW_S * 1_000) == frozenset()


def test_a_deposit_credited_again_keeps_its_first_hour_and_old_hours_fall_out(house):
    credit(house, "a", 700, NOW_S)
    credit(house, "a", 700, NOW_S + 5 * HOUR_S)
    later = HOUR + MAX_WEEKS * WEEK_H
    assert SqlFlows(house.engine).hourly("SIM", later).hours == MAX_WEEKS * WEEK_H
    assert SqlFlows(house.engine).hourly("SIM", later + 1).hours == 0


def test_what_is_opened_for_reading_cannot_be_written(tmp_path):
    writer = open_database(f"sqlite:///{tmp_path / 'x.sqlite'}")
    with writer.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")
    with pytest.raises(Exception, match="readonly"), open_reading(tmp_path / "x.sqlite").begin() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
