"""Fee tiers by staked balance, and their translation into commands of the journal.

Rules:
    * Rates are whole parts per million; the base rate is 500 ppm (0.05 %).
    * A tier never costs more than the one below it, and no rate is negative: rebates are paid by transfers.
    * Tiers follow the lowest stake of the window, so that a stake of one day buys nothing.
    * A market must be so cut that its smallest fill pays a fee of at least one quantum, or dust trades free.

Example:
    >>> schedule = FeeSchedule((FeeTier(0, 500, 500), FeeTier(10_000, 300, 400)))
    >>> schedule.tier_of([20_000] * 13 + [0]).taker_ppm
    500
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from custody.primitives.errors import InvalidInput
from exchange.engine.codes import DEFAULT_MAKER_PPM, DEFAULT_TAKER_PPM, MAX_FEE_PPM, PPM, FeeMode
from exchange.engine.commands import SetFee
from exchange.engine.views import MarketSpec

STAKE_WINDOW_DAYS = 14
"""Days whose lowest stake decides the tier."""


class InvalidFeeSchedule(InvalidInput):
    """The fee tiers contradict their own rules."""

    code = "invalid_fee_schedule"


class DustMarket(InvalidInput):
    """The smallest fill of the market would pay no fee."""

    code = "dust_market"


@dataclass(frozen=True, slots=True)
class FeeTier:
    """Rates from a stake on: `min_stake` in base units of the staked token, rates in ppm."""

    min_stake: int
    maker_ppm: int
    taker_ppm: int


BASE_TIER = FeeTier(0, DEFAULT_MAKER_PPM, DEFAULT_TAKER_PPM)


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Tiers in rising order of stake; the first begins at zero.

    Raises:
        InvalidFeeSchedule: No tier at zero, tiers out of order, or a rate negative, above 10 % or rising.
    """

    tiers: tuple[FeeTier, ...] = (BASE_TIER,)

    def __post_init__(self) -> None:
        if not self.tiers or self.tiers[0].min_stake != 0:
            raise InvalidFeeSchedule("the first tier begins at a stake of 0")
        for tier in self.tiers:
            if not (0 <= tier.maker_ppm <= MAX_FEE_PPM and 0 <= tier.taker_ppm <= MAX_FEE_PPM):
                raise InvalidFeeSchedule(
                    f"rates of the tier from {tier.min_stake} are not within 0 .. {MAX_FEE_PPM} ppm"
                )
        for below, tier in zip(self.tiers, self.tiers[1:], strict=False):
            if tier.min_stake <= below.min_stake:
                raise InvalidFeeSchedule(f"the tier from {tier.min_stake} stands behind that from {below.min_stake}")
            if tier.maker_ppm > below.maker_ppm or tier.taker_ppm > below.taker_ppm:
                raise InvalidFeeSchedule(f"the tier from {tier.min_stake} costs more than the one below it")

    def tier_of(self, daily_stakes: Sequence[int]) -> FeeTier:
        """The tier that the lowest stake of the window reaches.

        Args:
            daily_stakes: One stake a day in base units, the latest last; days missing from the window count as zero.
        """
        window = daily_stakes[-STAKE_WINDOW_DAYS:]
        lowest = min(window) if len(window) == STAKE_WINDOW_DAYS else 0
        return max((tier for tier in self.tiers if tier.min_stake <= lowest), key=lambda tier: tier.min_stake)

    def lowest_ppm(self) -> int:
        """The lowest rate above zero that any order can have; 0 where all are zero."""
        rates = [rate for tier in self.tiers for rate in (tier.maker_ppm, tier.taker_ppm) if rate > 0]
        return min(rates, default=0)


def fee_commands(
    schedule: FeeSchedule, stakes: Iterable[tuple[int, Sequence[int]]], now: dict[int, FeeTier]
) -> list[SetFee]:
    """The commands that bring accounts to their tiers.

    Args:
        schedule: The tiers.
        stakes: Account number and daily stakes, see `FeeSchedule.tier_of`.
        now: The tier each account has; accounts not in it have the first.

    Returns:
        One command for each account whose tier changes, by account number.
    """
    commands = []
    for account, daily_stakes in sorted(stakes, key=lambda item: item[0]):
        tier = schedule.tier_of(daily_stakes)
        if tier != now.get(account, schedule.tiers[0]):
            commands.append(SetFee(account, tier.maker_ppm, tier.taker_ppm))
    return commands


def verify_smallest_fill(market: MarketSpec, lowest_price: int, schedule: FeeSchedule) -> None:
    """Refuse a market in which a fill of one lot pays no fee.

    Args:
        market: Terms of the market.
        lowest_price: Ticks; the lowest price it is meant to trade at.
        schedule: Tiers in force; rates of zero are meant to pay nothing.

    Raises:
        DustMarket: At the lowest rate, one lot pays less than one quantum in one of the two assets.
    """
    rate = schedule.lowest_ppm()
    if rate == 0:
        return
    smallest = {"quote": lowest_price * market.multiplier}
    if market.fee_mode == FeeMode.RECEIVED:
        smallest["base"] = market.lot
    for asset, quanta in smallest.items():
        if quanta * rate < PPM:
            raise DustMarket(
                f"one lot at {lowest_price} ticks is {quanta} {asset} quanta: its fee at {rate} ppm rounds to nothing",
                market=market.market,
                needed=-(-PPM // rate),
            )
