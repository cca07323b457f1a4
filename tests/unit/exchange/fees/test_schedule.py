import pytest

from exchange.engine.codes import FeeMode
from exchange.engine.commands import SetFee
from exchange.engine.views import MarketSpec
from exchange.fees.schedule import (
    BASE_TIER,
    STAKE_WINDOW_DAYS,
    DustMarket,
    FeeSchedule,
    FeeTier,
    InvalidFeeSchedule,
    fee_commands,
    verify_smallest_fill,
)

SCHEDULE = FeeSchedule((BASE_TIER, FeeTier(1_000, 400, 450), FeeTier(50_000, 0, 200)))
FULL = STAKE_WINDOW_DAYS


@pytest.mark.parametrize(
    "tiers",
    [
        (),
        (FeeTier(1, 500, 500),),
        (BASE_TIER, FeeTier(0, 400, 400)),
        (BASE_TIER, FeeTier(9, 400, 400), FeeTier(8, 300, 300)),
        (BASE_TIER, FeeTier(9, 501, 400)),
        (BASE_TIER, FeeTier(9, 400, 501)),
        (FeeTier(0, -1, 500),),
        (FeeTier(0, 500, -1),),
        (FeeTier(0, 500, 100_001),),
    ],
)
def test_refuses_contradicting_tiers(tiers):
    with pytest.raises(InvalidFeeSchedule):
        FeeSchedule(tiers)


# P05: a stake of one day buys nothing
@pytest.mark.parametrize(
    "stakes", [[], [100_000], [100_000] * (FULL - 1), [0] * (FULL - 1) + [100_000], [*[100_000] * (FULL - 1), 0]]
)
def test_a_short_stake_buys_no_tier(stakes):
    assert SCHEDULE.tier_of(stakes) == BASE_TIER


@pytest.mark.parametrize(("stake", "taker_ppm"), [(999, 500), (1_000, 450), (49_999, 450), (50_000, 200)])
def test_a_full_window_reaches_the_tier_of_its_lowest_day(stake, taker_ppm):
    assert SCHEDULE.tier_of([0, *[stake] * FULL]).taker_ppm == taker_ppm
    assert SCHEDULE.tier_of([*[stake + 100_000] * (FULL - 1), stake]).taker_ppm == taker_ppm


def test_only_changes_become_commands():
    stakes = [(18, [2_000] * FULL), (17, [60_000] * FULL), (16, []), (19, [2_000] * FULL)]
    now = {19: SCHEDULE.tiers[1], 16: SCHEDULE.tiers[2]}
    assert fee_commands(SCHEDULE, stakes, now) == [SetFee(16, 500, 500), SetFee(17, 0, 200), SetFee(18, 400, 450)]


# P04: dust fills that pay no fee. At 200 ppm a lot must be 5,000 quanta.
@pytest.mark.parametrize(
    ("lot", "multiplier", "price", "mode"),
    [
        (4_999, 5_000, 1, FeeMode.RECEIVED),
        (5_000, 4_999, 1, FeeMode.RECEIVED),
        (5_000, 10, 499, FeeMode.RECEIVED),
        (5_000, 4_999, 1, FeeMode.ON_TOP),
    ],
)
def test_refuses_a_market_with_free_dust_fills(lot, multiplier, price, mode):
    market = MarketSpec(0, base=0, quote=1, multiplier=multiplier, lot=lot, fee_mode=mode)
    with pytest.raises(DustMarket):
        verify_smallest_fill(market, price, SCHEDULE)


@pytest.mark.parametrize(("lot", "mode"), [(5_000, FeeMode.RECEIVED), (1, FeeMode.ON_TOP)])
def test_admits_a_market_whose_smallest_fill_pays(lot, mode):
    verify_smallest_fill(MarketSpec(0, base=0, quote=1, multiplier=10, lot=lot, fee_mode=mode), 500, SCHEDULE)


def test_a_schedule_without_fees_admits_every_market():
    verify_smallest_fill(MarketSpec(0, base=0, quote=1, multiplier=1), 1, FeeSchedule((FeeTier(0, 0, 0),)))
