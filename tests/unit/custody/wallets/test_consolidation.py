from dataclasses import replace

import pytest

from custody.primitives.errors import InvalidInput
from custody.wallets.consolidation import ConsolidationRule, plan_consolidation

RULE = ConsolidationRule(input_vbytes=100, overhead_vbytes=50, most_inputs=4, keep_coins=2)
RATES = [40, 10, 30, 20, 50]
COINS = [9_000, 5_000, 8_000, 7_000, 6_000, 10_000]


@pytest.mark.parametrize("change", [{"input_vbytes": 0}, {"overhead_vbytes": 0}, {"most_inputs": 1}, {"keep_coins": 0}])
def test_refuses_a_rule_that_is_none(change):
    with pytest.raises(InvalidInput):
        replace(RULE, **change)


@pytest.mark.parametrize(("rates", "now"), [([], 5), (RATES, 21), (RATES, 0), (RATES, -1)])
def test_nothing_is_merged_while_space_is_not_cheap(rates, now):
    assert plan_consolidation(COINS, rates, now, RULE) == ()


@pytest.mark.parametrize("coins", [[], [5_000], [5_000, 6_000], [100, 200, 300, 400, 500]])
def test_too_few_coins_or_coins_below_their_own_input_are_left(coins):
    assert plan_consolidation(coins, RATES, 10, RULE) == ()


def test_nothing_is_merged_where_it_saves_nothing():
    assert plan_consolidation(COINS, [10, 10, 10], 10, RULE) == ()


def test_the_smallest_coins_are_merged_up_to_the_most_and_some_are_kept():
    assert plan_consolidation(COINS, RATES, 10, RULE) == (1, 4, 3, 2)
    assert plan_consolidation(COINS, RATES, 10, replace(RULE, keep_coins=4)) == (1, 4, 3)
