"""Between base units and quanta: exact conversion at the seam, remainders booked as dust.

Rules:
    * A quantum is 10**k base units, k fixed when the asset is listed; the engine counts quanta only.
    * Towards the engine (deposits) the quotient is credited and the remainder is dust, rounding DOWN.
    * Away from the engine (withdrawals) only exact multiples of the quantum pass.

Example:
    >>> from custody.primitives.chain import ChainId
    >>> eth = AssetScale(Asset("ETH", 18, ChainId("ethereum")), number=1, exponent=10)
    >>> eth.split(Amount(10**18 + 7, eth.asset))
    (100000000, 7)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.errors import InvalidAmount, InvalidInput, LimitExceeded, UnknownAsset

AMOUNT_CAP_QUANTA = 1 << 62
"""The engine's bound on every balance, total and transfer."""


@dataclass(frozen=True, slots=True)
class AssetScale:
    """How one asset is counted inside the engine.

    Attributes:
        asset: The asset.
        number: Its number in the engine.
        exponent: k; one quantum is 10**k base units.
    """

    asset: Asset
    number: int
    exponent: int

    def __post_init__(self) -> None:
        if not 0 <= self.exponent <= self.asset.decimals:
            raise InvalidInput(f"{self.asset.symbol}: a quantum of 10**{self.exponent} base units is not possible")

    @property
    def quantum(self) -> int:
        """Base units in one quantum."""
        return int(10**self.exponent)

    @property
    def decimals(self) -> int:
        """Decimals of the ledger: those of the asset less the exponent."""
        return self.asset.decimals - self.exponent

    def split(self, amount: Amount) -> tuple[int, int]:
        """Divide an amount into quanta and a remainder in base units.

        Raises:
            InvalidInput: Another asset.
            InvalidAmount: Below zero.
            LimitExceeded: More quanta than the engine can hold.
        """
        self._require(amount)
        quanta, dust = divmod(amount.units, self.quantum)
        if quanta > AMOUNT_CAP_QUANTA:
            raise LimitExceeded(f"{amount}: more than the engine can hold", asset=self.asset.symbol)
        return quanta, dust

    def exact(self, amount: Amount) -> int:
        """Convert an amount that must be a whole number of quanta.

        Raises:
            InvalidInput: Another asset.
            InvalidAmount: It is not, or it is below zero.
            LimitExceeded: More quanta than the engine can hold.
        """
        quanta, dust = self.split(amount)
        if dust:
            raise InvalidAmount(
                f"{amount.text()}: {self.asset.symbol} moves in steps of {Amount(self.quantum, self.asset).text()}",
                asset=self.asset.symbol,
            )
        return quanta

    def amount(self, quanta: int) -> Amount:
        """Convert quanta to base units."""
        return Amount(quanta * self.quantum, self.asset)

    def _require(self, amount: Amount) -> None:
        if amount.asset != self.asset:
            raise InvalidInput(f"{amount.asset.key} is not {self.asset.key}")
        if amount.units < 0:
            raise InvalidAmount(f"{amount}: below zero", asset=self.asset.symbol)


class ScaleBook:
    """All assets the engine knows, by symbol and by number."""

    def __init__(self, scales: Iterable[AssetScale] = ()) -> None:
        self._by_symbol: dict[str, AssetScale] = {}
        self._by_number: dict[int, AssetScale] = {}
        for scale in scales:
            self.add(scale)

    def add(self, scale: AssetScale) -> None:
        """Register an asset.

        Raises:
            InvalidInput: Symbol or number is taken by another one.
        """
        if self._by_symbol.get(scale.asset.symbol, scale) != scale or self._by_number.get(scale.number, scale) != scale:
            raise InvalidInput(f"asset {scale.asset.symbol} number {scale.number} is taken")
        self._by_symbol[scale.asset.symbol] = scale
        self._by_number[scale.number] = scale

    def of(self, symbol: str) -> AssetScale:
        """Look up by symbol.

        Raises:
            UnknownAsset: Not registered.
        """
        if symbol not in self._by_symbol:
            known = ", ".join(sorted(self._by_symbol))
            raise UnknownAsset(f"unknown asset {symbol!r}; known: {known}", asset=symbol)
        return self._by_symbol[symbol]

    def numbered(self, number: int) -> AssetScale:
        """Look up by engine number.

        Raises:
            UnknownAsset: Not registered.
        """
        if number not in self._by_number:
            raise UnknownAsset(f"no asset has number {number}", number=number)
        return self._by_number[number]

    def __iter__(self) -> Iterator[AssetScale]:
        return iter(sorted(self._by_symbol.values(), key=lambda scale: scale.number))
