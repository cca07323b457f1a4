"""What a token is worth in its chain's native coin: whether moving it brings more than it costs.

Example:
    >>> worth = TokenWorth(units=10**6, native=4 * 10**14)     # one dollar of a token with six decimals
    >>> worth.native_of(5 * 10**6)
    2000000000000000
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.primitives.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class TokenWorth:
    """A ratio of two whole numbers, set by the operator.

    Attributes:
        units: Base units of the token, above zero.
        native: What these are worth in base units of the native coin.
    """

    units: int
    native: int

    def __post_init__(self) -> None:
        if self.units <= 0 or self.native < 0:
            raise InvalidInput(f"{self.units} base units worth {self.native} of the native coin is no ratio")

    def native_of(self, units: int) -> int:
        """Worth of so many base units, rounded down."""
        return units * self.native // self.units
