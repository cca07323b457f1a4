# Every rule switched on once, and once left off by one unit.
from dataclasses import replace

import pytest

from custody.monitor.reconcile import Margins
from custody.monitor.rules import (
    ASSET_RULES,
    CHAIN_RULES,
    LANE_RULES,
    AssetReading,
    ChainReading,
    DayOfHot,
    LaneReading,
)

QUIET = Margins(0, 0, 0, 0)
DAY = DayOfHot(at_start=100, now=60, came=50, left=90, open=0)
ASSET = AssetReading("BTC", QUIET, left_in_window=10, most_in_window=10, day=DAY)
LANE = LaneReading("hot-eth", 600, next_on_chain=7, used=frozenset({5, 6, 7, 8}), waiting=frozenset({7, 8}))
CHAIN = ChainReading("ethereum", 9, {"a": "0x1", "b": "0x1"})


def alarms(reading):
    rules = {AssetReading: ASSET_RULES, LaneReading: LANE_RULES, ChainReading: CHAIN_RULES}[type(reading)]
    return [(alarm.rule, alarm.scope, alarm.stops) for alarm in (rule(reading) for rule in rules) if alarm]


@pytest.mark.parametrize(
    ("reading", "alarm"),
    [
        (replace(ASSET, margins=Margins(-1, -1, 0, 0)), ("unbalanced", "asset:BTC", True)),
        (replace(ASSET, margins=Margins(1, 1, 0, 0)), ("unbalanced", "asset:BTC", False)),
        (replace(ASSET, left_in_window=11), ("outflow_too_fast", "asset:BTC", True)),
        (replace(ASSET, day=replace(DAY, now=59)), ("refill_leaks", "asset:BTC", True)),
        (replace(LANE, next_on_chain=10), ("key_used_outside", "lane:hot-eth", True)),
        (replace(LANE, used=frozenset({5, 7, 8})), ("key_used_outside", "lane:hot-eth", True)),
        (
            replace(LANE, waiting=frozenset({10}), used=frozenset({5, 6, 7, 8, 10})),
            ("sequence_gap", "lane:hot-eth", False),
        ),
        (replace(LANE, uncertain_s=601), ("submission_uncertain", "lane:hot-eth", False)),
        (replace(CHAIN, hashes={"a": "0x1", "b": "0x2"}), ("nodes_disagree", "chain:ethereum", True)),
    ],
)
def test_each_rule_raises_its_own_alarm_and_only_that(reading, alarm):
    assert alarms(reading) == [alarm]


@pytest.mark.parametrize(
    "reading",
    [
        ASSET,
        replace(ASSET, day=None),
        replace(ASSET, day=replace(DAY, now=59, open=1)),
        LANE,
        LaneReading("hot-btc", 0),
        CHAIN,
        ChainReading("ethereum", 9, {}),
    ],
)
def test_nothing_is_said_at_the_limit_or_where_nothing_can_be_judged(reading):
    assert alarms(reading) == []
