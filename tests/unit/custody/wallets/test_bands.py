import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.primitives.errors import InvalidInput
from custody.wallets.bands import Bands, Cap, judge_feasibility, plan_bands
from custody.wallets.demand import Demand

units = st.integers(0, 10**27)


def test_refuses_liabilities_below_zero():
    with pytest.raises(InvalidInput):
        Cap(-1)


@given(st.tuples(units, units, units, units, units), units, units)
def test_levels_are_ordered_and_never_plan_beyond_the_cap(parts, owed, largest):
    hour, *lead, inflow = parts
    demand = Demand(hour, *sorted(lead), inflow)
    for known in (demand, None):
        bands = plan_bands(known, Cap(owed), largest)
        assert 0 <= bands.throttle <= bands.low <= bands.target <= bands.high
        assert 0 <= bands.warm_low <= bands.warm_target
        assert (bands.high + bands.warm_target) * 100 <= owed * 2


def test_without_a_forecast_the_stated_shares_hold_and_say_so():
    bands = plan_bands(None, Cap(1_000_000), largest_automatic=10**9)
    assert bands == Bands(2_000, 5_000, 10_000, 14_000, 3_000, 4_000, is_modelled=False)


def test_the_levels_are_the_quantiles_while_the_cap_leaves_room():
    bands = plan_bands(Demand(10, 500, 700, 900, 200), Cap(1_000_000), largest_automatic=100)
    assert (bands.throttle, bands.low, bands.target, bands.high) == (10, 500, 800, 1_000)
    assert (bands.warm_low, bands.warm_target) == (1_350, 1_800)
    assert bands.is_modelled


def test_warm_gives_way_to_hot_where_the_cap_is_too_small_for_both():
    bands = plan_bands(Demand(10, 500, 700, 900, 200), Cap(60_000), largest_automatic=100)
    assert (bands.high, bands.warm_target) == (1_000, 80)


def test_the_report_says_when_service_and_the_98_percent_rule_conflict():
    demand = Demand(0, 0, 0, 20_001, 0)
    conflict = judge_feasibility(demand, Cap(1_000_000))
    assert not conflict.is_feasible
    assert conflict.text(8).startswith(
        "NOT feasible: customers may take 20001 base units within 8 h, the 2 % cap is 20000"
    )
    assert judge_feasibility(demand, Cap(1_000_050)).is_feasible
