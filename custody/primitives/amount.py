"""Money: a whole number of base units, with its asset.

Rules:
    * No float, no `*`, no `/`, no default rounding: `mul_div` names UP, DOWN or EXACT.
    * Two assets never mix: adding satoshi to wei raises, it does not return a number.
    * Text is parsed exactly or refused; "1e8", " 1", "1.", "+1", "NaN" are not amounts.
    * A negative amount exists only as a difference; what moves value demands `positive()`.

Example:
    >>> from custody.primitives.chain import ChainId
    >>> btc = Asset("BTC", 8, ChainId("bitcoin"))
    >>> (Amount.parse("0.1", btc) + Amount.parse("0.2", btc)).text()
    '0.30000000'
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from custody.primitives.asset import Asset
from custody.primitives.errors import AssetMismatch, InvalidAmount

MAX_UNITS = 2**256 - 1
"""Largest whole number any supported chain can express."""

_DECIMAL = re.compile(r"(?P<whole>0|[1-9][0-9]*)(?:\.(?P<fraction>[0-9]+))?", re.ASCII)
_MAX_TEXT_CHARS = 120  # 78 digits, a point and 36 decimals; anything longer is not an amount


class Rounding(Enum):
    """What happens to the remainder of a division. There is no default."""

    UP = "up"  # towards plus infinity
    DOWN = "down"  # towards minus infinity
    EXACT = "exact"  # a remainder is an error


@dataclass(frozen=True, slots=True)
class Amount:
    """Whole base units of one asset.

    Attributes:
        units: Satoshi, wei, lamport...: always a whole number; |units| < 2**256.
        asset: What the units are of.
    """

    units: int
    asset: Asset

    def __post_init__(self) -> None:
        # `bool` is an `int` to Python and True would count as one satoshi.
        if type(self.units) is not int:
            raise InvalidAmount(f"{self.asset.symbol}: units must be an int, not {type(self.units).__name__}")
        if abs(self.units) > MAX_UNITS:
            raise InvalidAmount(f"{self.asset.symbol}: more than 2**256 - 1 base units", asset=self.asset.symbol)

    @classmethod
    def parse(cls, text: str, asset: Asset) -> Amount:
        """Read a decimal number of whole coins, exactly.

        Args:
            text: "0.5", "12": ASCII digits, at most one point, no sign, no exponent, no spaces.
            asset: Gives the number of decimals allowed.

        Raises:
            InvalidAmount: Not such a number, more decimals than the asset has, or too large.
        """
        match = _DECIMAL.fullmatch(text) if len(text) <= _MAX_TEXT_CHARS else None
        if match is None:
            raise InvalidAmount(
                f"{asset.symbol}: {text[:40]!r} is not a plain decimal number such as 12 or 0.5", asset=asset.symbol
            )
        fraction = match["fraction"] or ""
        if len(fraction) > asset.decimals:
            raise InvalidAmount(
                f"{asset.symbol}: {text!r} has {len(fraction)} decimals, {asset.symbol} has {asset.decimals}",
                asset=asset.symbol,
                decimals=asset.decimals,
            )
        return cls(int(match["whole"] + fraction.ljust(asset.decimals, "0")), asset)

    def text(self) -> str:
        """Show all decimals of the asset: the exact inverse of `parse` for amounts >= 0."""
        sign = "-" if self.units < 0 else ""
        whole, fraction = divmod(abs(self.units), self.asset.unit)
        return f"{sign}{whole}" + (f".{fraction:0{self.asset.decimals}d}" if self.asset.decimals else "")

    def __str__(self) -> str:
        return f"{self.text()} {self.asset.symbol}"

    def __add__(self, other: Amount) -> Amount:
        self._require_same_asset(other)
        return Amount(self.units + other.units, self.asset)

    def __sub__(self, other: Amount) -> Amount:
        self._require_same_asset(other)
        return Amount(self.units - other.units, self.asset)

    def __lt__(self, other: Amount) -> bool:
        self._require_same_asset(other)
        return self.units < other.units

    def __le__(self, other: Amount) -> bool:
        self._require_same_asset(other)
        return self.units <= other.units

    def mul_div(self, num: int, den: int, rounding: Rounding) -> Amount:
        """Multiply by num/den without losing a unit unseen.

        Args:
            num, den: The ratio; den > 0.
            rounding: UP, DOWN or EXACT.

        Raises:
            InvalidAmount: den is not positive, or EXACT and a remainder is left.
        """
        if den <= 0:
            raise InvalidAmount(f"{self.asset.symbol}: cannot divide by {den}")
        quotient, remainder = divmod(self.units * num, den)
        if remainder and rounding is Rounding.EXACT:
            raise InvalidAmount(f"{self.asset.symbol}: {self.units} * {num} / {den} leaves a remainder")
        return Amount(quotient + (1 if remainder and rounding is Rounding.UP else 0), self.asset)

    def positive(self) -> Amount:
        """Return self, or refuse zero and less: what moves value calls this first.

        Raises:
            InvalidAmount: units <= 0.
        """
        if self.units <= 0:
            raise InvalidAmount(f"{self.asset.symbol}: {self.text()} is not above zero", asset=self.asset.symbol)
        return self

    def _require_same_asset(self, other: Amount) -> None:
        if self.asset != other.asset:
            raise AssetMismatch(f"{self.asset.key} and {other.asset.key} do not mix")
