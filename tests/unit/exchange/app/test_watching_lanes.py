# The slower half of the monitor: once a block, nodes against each other, and the hot wallet over a day. Stores are real,
# the withdrawal house and the chains are simulated.
from dataclasses import replace
from types import SimpleNamespace

import pytest
from simulators.blocks import BentChain
from simulators.chain import COIN, SIM, chain
from simulators.withdrawal_house import NOW_S, House

from custody.monitor.breaker import FileBreaker
from custody.monitor.rules import ChainReading, refill_leaks
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.primitives.chain import BlockRef
from custody.primitives.errors import InvariantBroken, NodeUnavailable
from custody.store.deposits import SqlDepositStore
from custody.store.flows import SqlFlows
from custody.store.sweeps import SqlSweepStore
from custody.wallets.agreeing import AgreeingSource, Named
from custody.wallets.deposit import Deposit, DepositState
from custody.wallets.gas_loans import LentGas
from custody.withdrawals.facts import Tier
from custody.withdrawals.ports import Change
from exchange.app.hot_day import DAY_MS, HotDay
from exchange.app.watching import AlarmRaised
from exchange.app.watching_lanes import BlockWatch, day_of, nodes_of, stopped_watches

BLOCK = BlockRef(SIM, 7, "b7", "b6")
FEE = 10
HOT = "sim1hot"
NOW_MS = NOW_S * 1000


# Nodes against each other ---------------------------------------------------------------------


def two_nodes():
    first, second = BentChain(), BentChain()
    for each in (first, second):
        each.mine(count=9)
    named = AgreeingSource([Named("own:1", first), Named("rented:2", second)])
    part = SimpleNamespace(chain=first.chain, lane=SimpleNamespace(reader=first, witnesses=(second,)), source=named)
    return first, second, part


def test_one_node_alone_contradicts_nobody():
    part = SimpleNamespace(lane=SimpleNamespace(reader=BentChain(), witnesses=()))
    assert nodes_of(part) is None


def test_two_nodes_with_different_final_blocks_stop_the_chain(tmp_path):
    first, second, part = two_nodes()
    breaker = FileBreaker(tmp_path / "breaker.json")
    watch = BlockWatch(first.tip, [nodes_of(part)], breaker)
    watch.step()
    second.reorg(2)
    second.mine(count=2)
    first.mine()  # what is not final may differ
    watch.step()
    assert breaker.open_scopes() == {}
    second.reorg(6)
    second.mine(count=8)
    first.mine()
    with pytest.raises(AlarmRaised, match="own:1 says h8-0, rented:2 says h8-2"):
        watch.step()
    assert list(breaker.open_scopes()) == ["chain:sim"]


def test_a_node_that_lags_contradicts_nobody_and_the_common_final_block_is_compared():
    first, _, part = two_nodes()
    first.mine(count=5)
    assert nodes_of(part)() == ChainReading("sim", 6, {"own:1": "h6-0", "rented:2": "h6-0"})


# Once a block ---------------------------------------------------------------------------------


class Reads:
    def __init__(self, *answers):
        self.answers, self.times = list(answers), 0

    def __call__(self):
        self.times += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


BAD = ChainReading("sim", 1, {"a": "x", "b": "y"})
GOOD = ChainReading("sim", 2, {"a": "x", "b": "x"})


def test_reads_once_a_block_and_an_alarm_lasts_until_a_block_without_it(tmp_path):
    blocks, reads = BentChain(), Reads(BAD, GOOD)
    watch = BlockWatch(blocks.tip, [reads], FileBreaker(tmp_path / "breaker.json"))
    for _ in range(3):
        with pytest.raises(AlarmRaised):
            watch.step()
    assert reads.times == 1
    blocks.mine()
    watch.step()
    watch.step()
    assert reads.times == 2


def test_a_reading_that_fails_hides_no_alarm_and_is_tried_again(tmp_path):
    silent, bad = Reads(NodeUnavailable("no answer")), Reads(BAD)
    breaker = FileBreaker(tmp_path / "breaker.json")
    watch = BlockWatch(BentChain().tip, [silent, bad], breaker)
    for _ in range(2):
        with pytest.raises(AlarmRaised):
            watch.step()
    assert (silent.times, list(breaker.open_scopes())) == (2, ["chain:sim"])


def test_nothing_but_an_error_is_the_error_and_a_bug_is_no_error(tmp_path):
    breaker = FileBreaker(tmp_path / "breaker.json")
    with pytest.raises(NodeUnavailable):
        BlockWatch(BentChain().tip, [Reads(NodeUnavailable("no answer"))], breaker).step()
    with pytest.raises(InvariantBroken):
        BlockWatch(BentChain().tip, [Reads(InvariantBroken("on purpose"))], breaker).step()


# The hot wallet over a day -----------------------------------------------------------------------


class World:
    def __init__(self, folder):
        self.house = House(url=f"sqlite:///{folder / 'custody.sqlite'}")
        assets = AssetBook([COIN])
        self.deposits = SqlDepositStore(self.house.engine, assets)
        self.sweeps = SqlSweepStore(self.house.engine, assets)
        self.stores = SimpleNamespace(
            deposits=self.deposits,
            withdrawals=self.house.store,
            sweeps=self.sweeps,
            flows=SqlFlows(self.house.engine),
        )
        self.hot, self.tip, self.lent = 100_000, BLOCK, LentGas()
        self.part = SimpleNamespace(
            chain=chain(),
            native=COIN,
            source=SimpleNamespace(tip=lambda: self.tip),
            hot_balance=lambda: Amount(self.hot, COIN),
            fee_paid=lambda signed: signed.fee_max,
            tokens=(),
            lent_gas=lambda: self.lent,
            hot_addresses=lambda: (Address(SIM, HOT),),
            warm=SimpleNamespace(lane=SimpleNamespace(wallet_id="warm-sim")),
        )
        self.deposits.record_block(BLOCK, [])
        self.day = HotDay(self.part, self.stores)

    def read(self, later_ms=0):
        return self.day.read(self.house.now_s * 1000 + later_ms)

    def leaks(self, later_ms=0):
        day = self.read(later_ms)
        alarm = refill_leaks(SimpleNamespace(day=day, symbol="SIM"))
        return "" if alarm is None else alarm.reason

    def move(self, source, units, to):
        """A move between our own wallets that is settled; the tier that paid is written in afterwards."""
        asked = self.house.ask(units, to=to)
        self.house.settle()
        stored = self.house.service.get(asked.id)
        assert stored.state == "settled"
        paid = replace(self.house.store.payment(stored.payment_id), wallet_id=f"{source.value}-sim")
        self.house.store.commit(Change(payments=(paid,), withdrawals=(replace(stored, source=source),)))

    def come(self, units, name="d", state=DepositState.SEEN):
        self.deposits.record_block(BLOCK, [Deposit(name, 0, "alice", Amount(units, COIN), BLOCK, state)])


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_says_nothing_before_a_calm_moment_or_over_a_block_that_is_not_scanned(world):
    assert world.read() is None  # the first calm moment is the start of the day
    world.tip = replace(BLOCK, height=8, hash="b8")
    assert world.read() is None
    world.tip = BLOCK
    assert world.read() is not None


def test_e02_what_nobody_was_paid_is_a_leak_whatever_the_books_say(world):
    world.read()
    world.hot -= 1
    assert world.leaks() == "SIM: the hot wallet lost 1 base units in a day that nobody was paid"


def test_deposits_and_payments_explain_themselves_on_their_way_and_afterwards(world):
    world.read()
    world.come(500)
    world.hot += 500
    assert not world.leaks()
    asked = world.house.ask(1_000)
    world.house.step()
    assert world.house.state(asked.id) == "broadcast"
    assert not world.leaks()
    world.hot -= 1_000 + FEE
    assert not world.leaks()
    world.house.settle()
    assert world.house.state(asked.id) == "settled"
    assert not world.leaks()
    world.hot -= 1
    assert "lost 1 base units" in world.leaks()


def test_what_was_paid_before_the_day_began_explains_nothing(world):
    world.house.ask(1_000)
    world.house.settle()
    world.read()
    world.hot -= 1_000
    assert "lost 1000 base units" in world.leaks()


def test_e02_a_refill_from_cold_hides_no_leak(world):
    world.read()
    world.move(Tier.COLD, 2_000, HOT)
    assert "lost" in world.leaks()  # 2000 were to come, and the hot wallet holds what it held
    world.hot += 2_000
    assert not world.leaks()


def test_e02_a_refill_from_warm_hides_no_leak_and_warm_pays_its_fee(world):
    world.read()
    world.move(Tier.WARM, 2_000, HOT)
    assert "lost 2000 base units" in world.leaks()
    world.hot += 1_999
    assert "lost 1 base units" in world.leaks()
    world.hot += 1
    assert not world.leaks()


def test_what_moves_behind_the_hot_wallet_neither_comes_to_it_nor_leaves_it(world):
    world.read()
    world.move(Tier.WARM, 2_000, "sim1behind")
    assert not world.leaks()
    world.hot -= 1
    assert "lost 1 base units" in world.leaks()


def test_what_the_hot_wallet_gives_the_warm_one_left_it(world):
    world.read()
    world.move(Tier.HOT, 2_000, "sim1warm")
    world.hot -= 2_000
    assert not world.leaks()


def test_a_refill_on_its_way_explains_its_coins_before_and_after_they_come(world):
    world.read()
    asked = world.house.ask(2_000, to=HOT)
    world.house.step()
    stored = world.house.service.get(asked.id)
    assert stored.state == "broadcast"
    world.house.store.commit(Change(withdrawals=(replace(stored, source=Tier.WARM),)))
    assert not world.leaks()
    world.hot += 2_000
    assert not world.leaks()
    world.house.settle()
    assert world.house.state(asked.id) == "settled"
    assert not world.leaks()


def test_gas_lent_to_the_wallet_is_neither_income_nor_loss(world):
    world.read()
    world.hot, world.lent = world.hot + 300, LentGas(settled=300)
    assert not world.leaks()
    world.hot -= 1
    assert "lost 1 base units" in world.leaks()


def test_quarantined_and_tiny_deposits_are_there_all_the_same(world):
    world.come(70, "q", DepositState.QUARANTINED)
    world.come(30, "i", DepositState.IGNORED)
    world.hot += 100
    world.read()
    world.come(70, "q", DepositState.CREDITED)
    assert not world.leaks()


def test_a_day_is_a_day(world):
    world.read()
    world.hot -= 5
    assert world.leaks(DAY_MS) != ""
    assert not world.leaks(DAY_MS + 1)  # the marks of yesterday are gone: a new day begins with what is there


def test_the_reading_of_a_day_judges_the_day_and_nothing_else(world, tmp_path, monkeypatch):
    monkeypatch.setattr("time.time_ns", lambda: NOW_MS * 1_000_000)
    blocks, breaker = BentChain(), FileBreaker(tmp_path / "breaker.json")
    watch = BlockWatch(blocks.tip, [day_of(world.part, SimpleNamespace(stores=world.stores))], breaker)
    watch.step()
    blocks.mine()
    watch.step()
    world.hot -= 1
    blocks.mine()
    watch.step()  # seen once: chain and records are not read in one instant
    world.hot += 1
    blocks.mine()
    watch.step()
    world.hot -= 1
    blocks.mine()
    watch.step()
    assert breaker.open_scopes() == {}
    blocks.mine()
    with pytest.raises(AlarmRaised, match="lost 1 base units"):
        watch.step()
    assert list(breaker.open_scopes()) == ["asset:SIM"]


# Who is alive ---------------------------------------------------------------------------------


def test_only_a_watch_that_ended_takes_the_lease_away():
    problems = {
        "watch BTC": "SIM: 1 base units missing on chain",
        "watch lanes sim": "stopped: KeyError",
        "payments sim": "stopped: a broken invariant",
        "watch ETH": "stopped: a broken invariant",
    }
    assert stopped_watches(problems) == ["watch ETH", "watch lanes sim"]
    assert stopped_watches({}) == []
