"""How much stays hot: the share of liabilities that may lie in hot wallets, and what to move.

Rules:
    * Hot plus what is in flight stays at or below the cap (2 % of liabilities by default).
    * Above the cap everything beyond the target goes to cold; below it nothing moves on its own.
    * Cold never pays a customer; a refill from cold is a request to people.

Example:
    >>> from custody.primitives.asset import Asset
    >>> from custody.primitives.chain import ChainId
    >>> btc = Asset("BTC", 8, ChainId("bitcoin"))
    >>> band = TreasuryBand(cap_ppm=20_000, target_ppm=15_000)
    >>> plan_sweep_to_cold(Amount(50_000, btc), Amount(1_000_000, btc), band).units
    35000
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.primitives.amount import Amount, Rounding
from custody.primitives.errors import InvalidInput

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class TreasuryBand:
    """Bounds of the hot share, in parts per million of liabilities.

    Attributes:
        cap_ppm: Above this a sweep to cold is due.
        target_ppm: What a sweep leaves hot; below the cap, so that the next deposit does not sweep again.
    """

    cap_ppm: int
    target_ppm: int

    def __post_init__(self) -> None:
        if not 0 <= self.target_ppm <= self.cap_ppm <= PPM:
            raise InvalidInput(f"treasury band: need 0 <= target {self.target_ppm} <= cap {self.cap_ppm} <= {PPM}")


def plan_sweep_to_cold(hot: Amount, liabilities: Amount, band: TreasuryBand) -> Amount:
    """Compute what must move from hot to cold.

    Args:
        hot: What lies in hot wallets, in flight included.
        liabilities: What we owe of this asset.
        band: Cap and target.

    Returns:
        The amount to move; zero while hot is within the cap.
    """
    if hot <= liabilities.mul_div(band.cap_ppm, PPM, Rounding.DOWN):
        return Amount(0, hot.asset)
    return hot - liabilities.mul_div(band.target_ppm, PPM, Rounding.DOWN)


def cold_share_ppm(cold: Amount, hot: Amount) -> int:
    """Share of our holdings that is cold, in ppm, rounded down; all of nothing counts as cold."""
    total = cold + hot
    return PPM if total.units == 0 else cold.units * PPM // total.units
