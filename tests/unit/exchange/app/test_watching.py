# The watch over real stores and the simulated withdrawal house; balances and debts are numbers the test sets.
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import pytest
from simulators.chain import COIN, SIM, chain
from simulators.withdrawal_house import House

from custody.chains.port import SignedTx
from custody.monitor.breaker import FileBreaker
from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.primitives.bell import Bell
from custody.primitives.chain import BlockRef
from custody.primitives.errors import NodeUnavailable
from custody.store.deposits import SqlDepositStore
from custody.store.fee_queue import DueKind, SqlFeeQueue
from custody.store.flows import SqlFlows
from custody.store.stock import SqlStock, create_stock_table
from custody.store.sweeps import SqlSweepStore
from custody.wallets.deposit import Deposit, DepositState
from custody.wallets.gas_loans import LentGas
from custody.wallets.sweep import Sweep, SweepState
from exchange.app import watching
from exchange.app.fee_books import FeeBooks
from exchange.app.watching import REST_MS, AlarmRaised, AssetWatch
from exchange.settlement.scale import AssetScale

BLOCK = BlockRef(SIM, 7, "b7", "b6")
FEE = 10


class World:
    """A house whose chain and books are numbers: at rest they are equal."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.now_ms, self.asked = folder, 0, 0
        self.house = House(url=f"sqlite:///{folder / 'custody.sqlite'}")
        create_stock_table(self.house.engine)
        assets, bell = AssetBook([COIN]), Bell()
        self.deposits, self.sweeps = (
            SqlDepositStore(self.house.engine, assets, bell=bell),
            SqlSweepStore(self.house.engine, assets),
        )
        self.stock = SqlStock(self.house.engine)
        self.hot, self.warm, self.cold, self.owed, self.tip = 100_000, 0, 900_000, 1_000_000, BLOCK
        self.queue = SqlFeeQueue(self.house.engine)
        stores = SimpleNamespace(
            bell=bell,
            deposits=self.deposits,
            withdrawals=self.house.store,
            sweeps=self.sweeps,
            flows=SqlFlows(self.house.engine),
            stock=self.stock,
            fees=self.queue,
        )
        self.fees = FeeBooks(None, stores)
        self.fees.step([SimpleNamespace(chain=chain(), fee_paid=None)])
        self.lent = LentGas()
        part = SimpleNamespace(
            chain=chain(),
            native=COIN,
            lane=SimpleNamespace(wallet_id="hot-sim"),
            source=SimpleNamespace(tip=self.read_tip),
            held=lambda: (self.hot, self.warm, self.cold),
            fee_paid=lambda signed: signed.fee_max,
            lent_gas=lambda: self.lent,
            opening_units=0,
            tokens=(),
        )
        self.deposits.record_block(BLOCK, [])
        self.told = {}
        notes = SimpleNamespace(note_books=lambda symbol, _at_s, missing: self.told.update({symbol: missing}))
        custody = SimpleNamespace(stores=stores, fees=self.fees, notes=notes)
        monkeypatch.setattr(watching.time, "monotonic_ns", lambda: self.now_ms * 1_000_000)
        self.watch = AssetWatch(part, custody, AssetScale(COIN, 0, 0), lambda number: self.owed, folder)

    def read_tip(self):
        self.asked += 1
        return self.tip

    def look(self, times=4):
        """Several readings, 200 ms apart, each over a block of its own; the last error is the answer."""
        found = None
        for _ in range(times):
            self.now_ms += 200
            self.tip = replace(self.tip, height=self.tip.height + 1, hash=f"b{self.tip.height + 1}")
            self.deposits.record_block(self.tip, [])
            try:
                self.watch.step()
                found = None
            except AlarmRaised as alarm:
                found = alarm
        return found

    def stops(self):
        return FileBreaker(self.folder / "breaker.json").open_scopes()


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


def deposit(world, state, units=500):
    found = Deposit("d", 0, "alice", Amount(units, COIN), BLOCK, state)
    world.deposits.record_block(BLOCK, [found])


def test_a_missing_unit_opens_the_breaker_for_the_asset_and_says_so(world):
    world.hot -= 1
    alarm = world.look()
    assert alarm.facts == {"rule": "unbalanced", "scope": "asset:SIM"}
    assert world.stops() == {"asset:SIM": "unbalanced: SIM: 1 base units missing on chain"}


def test_the_gates_hear_of_every_comparison_and_of_confirmed_gaps_only(world):
    world.look(times=1)
    assert world.told == {"SIM": 0}
    world.hot -= 1
    world.look(times=1)
    assert world.told == {"SIM": 0}  # it may have been between two steps
    world.look()
    assert world.told == {"SIM": 1}


def test_a_surplus_is_an_alarm_and_stops_nothing(world):
    world.cold += 1
    assert "on chain and not booked" in world.look().message
    assert world.stops() == {}


def test_a_balance_that_is_right_again_within_half_a_second_stops_nothing(world):
    world.hot -= 1
    assert world.look(times=2) is None
    world.hot += 1
    assert world.look() is None
    assert world.stops() == {}


def test_a_silent_node_is_an_error_and_not_an_imbalance(world):
    def down():
        raise NodeUnavailable("simulated: no answer")

    world.watch._part.source.tip = down
    with pytest.raises(NodeUnavailable):
        world.watch.step()
    assert world.stops() == {}


def test_nothing_is_judged_before_the_fees_of_the_past_are_known(world):
    world.fees._stepped.clear()
    world.hot -= 1
    assert world.look() is None


def test_a_deposit_explains_what_is_on_chain_and_nothing_that_is_missing(world):
    deposit(world, DepositState.SEEN)
    world.hot += 500
    assert world.look() is None
    world.hot += 1
    assert "1 base units on chain" in world.look().message
    world.hot -= 502
    assert "1 base units missing" in world.look().message


def test_a_payment_on_its_way_explains_its_amount_and_fee_and_not_a_unit_more(world):
    asked = world.house.ask(1_000)
    world.house.step()
    assert world.house.state(asked.id) == "broadcast"
    world.hot -= 1_000 + FEE
    assert world.look() is None
    world.hot -= 1
    assert "missing on chain" in world.look().message
    assert set(world.stops()) == {"asset:SIM"}


def test_a_payment_that_failed_on_chain_explains_its_fee_until_it_is_booked(world, monkeypatch):
    monkeypatch.setattr(watching.time, "time_ns", lambda: world.house.now_s * 10**9)
    asked = world.house.ask(1_000)
    world.house.step()
    world.house.network.failed |= set(world.house.network.pool)
    world.house.settle()
    assert world.house.state(asked.id) == "refunded"
    world.house.now_s += 1
    world.hot -= FEE
    assert world.look() is None
    world.hot -= 1
    assert "1 base units missing" in world.look().message


def test_a_sweep_explains_its_fee_until_it_is_booked(world):
    tx = SignedTx("s1", b"s", "k", Amount(FEE, COIN))
    world.sweeps.save_sweep(chain(), Sweep(tx, 0, SweepState.STORED))
    world.hot -= FEE
    assert world.look() is None
    world.sweeps.save_sweep(chain(), Sweep(tx, 0, SweepState.FINAL, Amount(FEE, COIN)))
    assert world.look() is None
    world.queue.done(DueKind.SWEEP, SIM, "s1", {f"{SIM}/s1": Amount(0, COIN)})
    assert "10 base units missing" in world.look().message


def test_a_drain_beyond_the_hourly_share_stops_the_asset_even_if_the_books_follow(world):
    assert world.look() is None
    world.hot, world.cold, world.owed = 0, 499_999, 499_999
    assert "base units left" in world.look(times=1).message
    assert set(world.stops()) == {"asset:SIM"}


def test_the_stock_is_recorded_for_the_picture(world):
    world.warm, world.cold = 50_000, 850_000
    world.look()
    (sample,) = world.stock.samples("SIM", 0)
    assert (sample.hot, sample.warm, sample.cold, sample.owed) == (100_000, 50_000, 850_000, 1_000_000)


def test_what_lies_in_the_warm_wallet_backs_the_books_and_is_missed_when_it_is_gone(world):
    world.hot, world.warm = 40_000, 60_000
    assert world.look() is None
    world.warm -= 1
    assert "1 base units missing" in world.look().message


def test_a_calm_asset_is_read_three_times_a_second_and_at_once_when_something_changes(world):
    assert world.look() is None
    world.now_ms += REST_MS
    world.watch.step()
    asked = world.asked
    for _ in range(2):
        world.now_ms += 100
        world.watch.step()
    assert world.asked == asked
    world.now_ms += 100
    world.watch.step()
    assert world.asked > asked
    asked, world.owed = world.asked, world.owed + 1
    world.watch.step()
    assert world.asked > asked


def test_what_no_record_tells_opens_the_breaker_within_a_second(world):
    assert world.look() is None
    world.now_ms += REST_MS
    world.watch.step()
    began_ms = world.now_ms
    world.watch._held = (world.tip, (world.hot - 1, 0, world.cold))  # nothing rang, and no block came
    while not world.stops():
        world.now_ms += int(watching.WATCH_INTERVAL_S * 1_000)
        assert world.now_ms - began_ms <= 1_000
        with suppress(AlarmRaised):
            world.watch.step()


def test_what_looks_wrong_is_read_again_without_waiting_for_a_change(world):
    assert world.look() is None
    world.owed += 1
    world.watch.step()
    world.now_ms += 500
    with pytest.raises(AlarmRaised, match="1 base units missing"):
        world.watch.step()


@pytest.mark.parametrize("latency_ms", [20, 100, 150])
def test_a_chain_whose_blocks_come_faster_than_a_reading_is_compared_all_the_same(world, latency_ms):
    def tip():
        world.now_ms += 2 * latency_ms
        slot = world.now_ms // 400
        return replace(world.tip, height=1_000 + slot, hash=f"s{slot}")

    def held():
        world.now_ms += 3 * latency_ms
        return world.hot, world.warm, world.cold

    world.watch._part.source.tip, world.watch._part.held = tip, held
    told = []
    world.watch._custody.notes = SimpleNamespace(note_books=lambda *told_so: told.append(told_so))
    while world.now_ms < 20_000:
        world.watch.step()
        world.now_ms += 100
    assert len(told) > 5
