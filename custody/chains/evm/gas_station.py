"""Is a token worth its gas, and what does its deposit account lack to pay for the sweep?

Rules:
    * Only a token whose worth in the native coin is configured is swept: what nobody prices moves nowhere.
    * Swept is what brings more than sweep and top-up may cost together, at the highest price offered.
    * The station pays just what is missing.

Example:
    >>> worth = TokenWorth(units=10**6, wei=4 * 10**14)     # one dollar of a token with six decimals
    >>> worth.wei_of(5 * 10**6)
    2000000000000000
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.chains.evm.params import Pricing
from custody.chains.evm.sweep import SweepState
from custody.chains.evm.upkeep import TRANSFER_GAS
from custody.primitives.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class TokenWorth:
    """What a token is worth, as a ratio of two whole numbers, set by the operator.

    Attributes:
        units: Base units of the token, above zero.
        wei: What these are worth in the native coin.
    """

    units: int
    wei: int

    def __post_init__(self) -> None:
        if self.units <= 0 or self.wei < 0:
            raise InvalidInput(f"{self.units} base units worth {self.wei} wei is no ratio")

    def wei_of(self, units: int) -> int:
        """Worth of so many base units, rounded down."""
        return units * self.wei // self.units


def is_worth_its_gas(state: SweepState, worth: TokenWorth, pricing: Pricing) -> bool:
    """Tell whether a token sweep brings more than it may cost, the top-up before it included."""
    around = state.fee_wei_per_gas * (TRANSFER_GAS + pricing.extra_gas) + pricing.layer_fee_wei
    return worth.wei_of(state.units) > state.reserve_wei + around


def missing_wei(state: SweepState) -> int:
    """What the account lacks to pay for the sweep; 0 if nothing."""
    return max(0, state.reserve_wei - state.balance_wei)
