import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.primitives.errors import InvalidInput
from custody.wallets.bands import Bands, Cap
from custody.wallets.treasury_moves import EdgeRefused, Purpose, Setting, Stock, TierMove, plan_moves, verify_edge
from custody.withdrawals.facts import Tier

BANDS = Bands(throttle=1_000, low=4_000, target=6_000, high=8_000, warm_low=6_000, warm_target=8_000, is_modelled=True)
CAP = Cap(1_000_000)
LEGAL = {
    (Tier.COLD, Tier.WARM),
    (Tier.WARM, Tier.HOT),
    (Tier.HOT, Tier.WARM),
    (Tier.HOT, Tier.COLD),
    (Tier.WARM, Tier.COLD),
}


def setting(**changes):
    return Setting(**{"bands": BANDS, "cap": CAP, "fee": 0, "breach_ppm": 1_000, "min_move": 1, **changes})


def plan(hot, warm=8_000, in_flight=0, to_hot=0, to_warm=0, seed=b"", **changes):
    return plan_moves(Stock(hot, warm, 10**6, in_flight, to_hot, to_warm), setting(**changes), seed)


def moved(found):
    return {(move.source, move.destination): move.units for move in found.moves}


@pytest.mark.parametrize("source", list(Tier))
@pytest.mark.parametrize("destination", list(Tier))
def test_every_edge_that_is_not_on_the_list_is_refused(source, destination):
    if (source, destination) in LEGAL:
        verify_edge(source, destination)
        return
    with pytest.raises(EdgeRefused):
        TierMove(Purpose.REFILL, source, destination, 1, "")


@pytest.mark.parametrize("units", [0, -1])
def test_refuses_a_move_of_nothing(units):
    with pytest.raises(InvalidInput):
        TierMove(Purpose.SWEEP, Tier.HOT, Tier.COLD, units, "")


@pytest.mark.parametrize("parts", [(-1, 0, 0), (0, 0, 0, 1, 1, 1), (0, 0, 0, 0, 1), (0, -1, 0), (0, 0, 0, -1)])
def test_refuses_a_stock_that_cannot_be(parts):
    with pytest.raises(InvalidInput):
        Stock(*parts)


def test_nothing_is_refilled_while_the_breaker_is_open_and_people_are_told():
    found = plan(10, is_stopped=True)
    assert found.moves == ()
    assert "the breaker is open" in found.notes[0]


def test_without_a_warm_wallet_cold_does_not_jump_to_hot():
    found = plan(10, warm=0, has_warm=False)
    assert found.moves == ()
    assert "without a warm wallet" in found.notes[0]


def test_a_house_without_a_warm_wallet_misses_nothing_while_hot_is_in_its_band():
    found = plan(6_000, warm=0, has_warm=False)
    assert (found.moves, found.notes) == ((), ())


def test_a_refill_below_the_least_move_is_not_made():
    found = plan(3_900, min_move=3_000)
    assert found.moves == ()
    assert "below the least move" in found.notes[0]


def test_a_fee_above_the_cost_of_waiting_waits_but_not_at_the_hard_limits():
    dear = {"fee": 10, "breach_ppm": 1_000}
    assert plan(3_999, **dear).moves == ()
    assert plan(8_001, **dear).moves == ()
    assert moved(plan(999, **dear))[(Tier.WARM, Tier.HOT)] >= 5_001  # customers are about to wait
    assert moved(plan(10_001, **dear)) == {(Tier.HOT, Tier.COLD): 4_001}  # beyond what a plan leaves outside cold


@pytest.mark.parametrize("hot", [4_000, 6_000, 8_000])
def test_nothing_moves_within_the_band(hot):
    found = plan(hot)
    assert (found.moves, found.notes, found.throttle_above) == ((), (), None)


def test_above_high_the_excess_fills_warm_first_and_the_rest_goes_cold():
    assert moved(plan(9_000)) == {(Tier.HOT, Tier.COLD): 3_000}
    assert moved(plan(9_000, warm=6_500)) == {(Tier.HOT, Tier.WARM): 1_500, (Tier.HOT, Tier.COLD): 1_500}
    assert moved(plan(9_000, warm=0, has_warm=False)) == {(Tier.HOT, Tier.COLD): 3_000}


def test_a_refill_comes_from_warm_and_cold_fills_warm_up_again():
    found = moved(plan(3_000, warm=7_000))
    assert 3_000 <= found[(Tier.WARM, Tier.HOT)] <= 3_150
    assert found[(Tier.COLD, Tier.WARM)] >= 4_000


def test_what_is_on_its_way_is_not_asked_for_again():
    assert plan(3_000, warm=8_000, in_flight=3_000, to_hot=3_000).moves == ()
    assert plan(6_000, warm=5_000, in_flight=3_000, to_warm=3_000).moves == ()


def test_below_the_throttle_large_withdrawals_wait_and_small_ones_flow():
    assert plan(1_000).throttle_above is None
    assert plan(999).throttle_above == 99


def test_the_jitter_is_fixed_by_the_seed_and_hides_the_level():
    sizes = {moved(plan(3_000, seed=b"%d" % n))[(Tier.WARM, Tier.HOT)] for n in range(30)}
    assert len(sizes) > 3
    assert plan(3_000, seed=b"1") == plan(3_000, seed=b"1")


amounts = st.integers(0, 40_000)


@given(amounts, amounts, amounts, amounts, amounts, st.integers(0, 10**6), st.binary(max_size=4))
def test_no_plan_takes_more_than_there_is_or_leaves_more_outside_cold_than_it_may(
    hot, warm, up, toward, other, cold, seed
):
    stock = Stock(hot, warm, cold, up + toward + other, up, toward)
    found = plan_moves(stock, setting(), seed)
    for tier, held in ((Tier.HOT, hot), (Tier.WARM, warm), (Tier.COLD, cold)):
        assert sum(move.units for move in found.moves if move.source is tier) <= held
    to_cold = sum(move.units for move in found.moves if move.destination is Tier.COLD)
    from_cold = sum(move.units for move in found.moves if move.source is Tier.COLD)
    after = stock.outside_cold - to_cold + from_cold
    assert after <= max(CAP.planned, up + toward + other)
    assert not (to_cold and from_cold)
