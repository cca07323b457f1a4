import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custody.primitives.errors import InvalidInput
from custody.wallets.demand import WEEK_H, FlowHistory, HistoryTooShort, Horizon, forecast

HORIZON = Horizon(lead_h=8, sweep_h=6)
ETHER = 10**18


def history(hours, out=lambda hour: 0, come=lambda hour: 0):
    return FlowHistory(0, tuple(out(h) for h in range(hours)), tuple(come(h) for h in range(hours)))


def noise(hour, most):
    return (hour * 7_919 + 13) % 1_009 * most // 1_009


@pytest.mark.parametrize("hours", [0, 1, 4 * WEEK_H - 1])
def test_refuses_to_forecast_from_less_than_four_weeks(hours):
    with pytest.raises(HistoryTooShort, match=f"{hours} hours of flows are known, 672 are needed"):
        forecast(history(hours), HORIZON, b"")


@pytest.mark.parametrize(("lead", "sweep"), [(0, 1), (1, 0), (169, 1), (1, 169), (-1, 1)])
def test_refuses_a_horizon_that_is_none(lead, sweep):
    with pytest.raises(InvalidInput):
        Horizon(lead, sweep)


@pytest.mark.parametrize(("out", "come"), [((1,), ()), ((-1,), (0,)), ((0,), (-1,))])
def test_refuses_flows_that_are_none(out, come):
    with pytest.raises(InvalidInput):
        FlowHistory(0, out, come)


def test_a_house_where_nothing_moves_needs_nothing():
    demand = forecast(history(4 * WEEK_H), HORIZON, b"")
    assert (demand.hour_q50, demand.lead_q95, demand.lead_q99, demand.lead_q999, demand.sweep_inflow_q50) == (0,) * 5


def test_more_coming_than_going_is_a_demand_of_nothing_not_below():
    demand = forecast(history(5 * WEEK_H, out=lambda h: 10, come=lambda h: 100), HORIZON, b"")
    assert (demand.hour_q50, demand.lead_q999, demand.sweep_inflow_q50) == (0, 0, 600)


def test_a_steady_outflow_is_forecast_as_it_is_whatever_the_size_of_the_units():
    demand = forecast(history(6 * WEEK_H, out=lambda h: 5 * ETHER), HORIZON, b"")
    for found, wanted in ((demand.hour_q50, 5), (demand.lead_q95, 40), (demand.lead_q999, 40)):
        assert abs(found - wanted * ETHER) < ETHER // 10**9


def test_the_hour_of_the_week_is_learned():
    busy = history(6 * WEEK_H, out=lambda h: 900 if h % WEEK_H == 3 else 0)
    assert forecast(busy, Horizon(1, 1), b"").hour_q50 == 0
    until_busy = 5 * WEEK_H + 3  # the next hour is the busy one
    known = FlowHistory(0, busy.outflow[:until_busy], busy.inflow[:until_busy])
    assert forecast(known, Horizon(1, 1), b"").hour_q50 == 900


def test_the_same_seed_is_the_same_forecast_and_another_seed_is_not():
    uneven = history(8 * WEEK_H, out=lambda h: noise(h, 10**9), come=lambda h: noise(h + 5, 10**9))
    first = forecast(uneven, HORIZON, b"BTC")
    assert forecast(uneven, HORIZON, b"BTC") == first
    assert forecast(uneven, HORIZON, b"ETH") != first


def test_newer_weeks_count_more_than_older_ones():
    grew = history(8 * WEEK_H, out=lambda h: 100 if h >= 4 * WEEK_H else 0)
    assert forecast(grew, HORIZON, b"").hour_q50 > 50


def test_a_run_in_the_last_hours_is_taken_to_go_on():
    hours = 8 * WEEK_H
    calm = history(hours, out=lambda h: 100 + noise(h, 20))
    run = history(hours, out=lambda h: 2_000 if h >= hours - 3 else 100 + noise(h, 20))
    assert forecast(run, HORIZON, b"").lead_q95 > 5 * forecast(calm, HORIZON, b"").lead_q95


def test_of_a_long_history_only_the_newest_half_year_counts():
    wild = history(40 * WEEK_H, out=lambda h: 10**6 if h < 14 * WEEK_H else 100)
    assert forecast(wild, HORIZON, b"").lead_q999 == 800


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 10**24), min_size=1, max_size=60), st.integers(0, 10**24))
def test_the_quantiles_are_ordered_whole_and_not_below_zero(pattern, come):
    hours = 4 * WEEK_H
    found = forecast(history(hours, lambda h: pattern[h % len(pattern)], lambda h: come), HORIZON, b"")
    assert 0 <= found.lead_q95 <= found.lead_q99 <= found.lead_q999
    assert all(type(units) is int for units in (found.hour_q50, found.lead_q95, found.sweep_inflow_q50))
