import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.monitor.reconcile import Margins
from custody.monitor.rules import AssetReading, ChainReading, LaneReading
from custody.monitor.watch import CONFIRM_MS, OutflowMeter, Watch


class Opened(dict):
    def open(self, scope, reason):
        self.setdefault(scope, reason)


def reading(gap=0, left=0):
    return AssetReading("BTC", Margins(gap, gap, 0, 0), left, most_in_window=100)


@pytest.fixture
def breaker():
    return Opened()


def test_an_imbalance_seen_once_stops_nothing(breaker):
    watch = Watch(breaker)
    assert watch.judge(reading(-1), 0) == ()
    assert watch.judge(reading(0), 100) == ()
    assert watch.judge(reading(-1), CONFIRM_MS) == ()  # the count begins again
    assert breaker == {}


def test_an_imbalance_that_lasts_half_a_second_opens_the_breaker_with_its_reason(breaker):
    watch = Watch(breaker)
    watch.judge(reading(-7), 1_000)
    assert watch.judge(reading(-7), 1_000 + CONFIRM_MS - 1) == ()
    (alarm,) = watch.judge(reading(-7), 1_000 + CONFIRM_MS)
    assert breaker == {"asset:BTC": "unbalanced: BTC: 7 base units missing on chain"}
    assert alarm.stops


def test_coins_nobody_booked_are_an_alarm_and_stop_nothing(breaker):
    watch = Watch(breaker)
    watch.judge(reading(5), 0)
    assert [alarm.rule for alarm in watch.judge(reading(5), CONFIRM_MS)] == ["unbalanced"]
    assert breaker == {}


def test_everything_else_acts_at_once_each_in_its_own_scope(breaker):
    watch = Watch(breaker)
    watch.judge(reading(left=101), 0)
    watch.judge(ChainReading("ethereum", 1, {"a": "x", "b": "y"}), 0)
    watch.judge(LaneReading("hot-eth", 0, next_on_chain=3, used=frozenset({1})), 0)
    assert set(breaker) == {"asset:BTC", "chain:ethereum", "lane:hot-eth"}


def test_a_good_reading_afterwards_closes_nothing(breaker):
    watch = Watch(breaker)
    watch.judge(reading(left=101), 0)
    watch.judge(reading(), 1)
    assert set(breaker) == {"asset:BTC"}


def test_a_dip_and_its_return_are_no_outflow():
    meter = OutflowMeter(1_000)
    assert [meter.left(spent, at) for at, spent in enumerate((50, 20, 50, 51))] == [0, 0, 0, 1]


def test_what_left_before_the_window_no_longer_counts():
    meter = OutflowMeter(1_000)
    assert [meter.left(spent, at) for at, spent in ((0, 0), (500, 10), (1_400, 15), (1_499, 15))] == [0, 10, 15, 15]
    assert meter.left(15, 1_500) == 5
    assert meter.left(15, 9_999) == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 400)), max_size=15))
def test_the_meter_never_says_less_than_what_left_within_the_window(steps):
    meter, at, total, history = OutflowMeter(1_000), 0, 0, [(0, 0)]
    meter.left(0, 0)
    for units, pause in steps:
        at, total = at + pause, total + units
        history.append((at, total))
        before = max(spent for when, spent in history if when <= max(0, at - 1_000))
        assert meter.left(total, at) >= total - before
