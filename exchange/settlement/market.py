"""A market's units: between decimal text, ticks and lots.

Rules:
    * price = whole ticks, quantity = whole lots; anything between is refused, never rounded.
    * tick x lot is a whole number of quote quanta (the multiplier), so that every fill is exact.

Example:
    >>> from custody.primitives.asset import Asset
    >>> from custody.primitives.chain import ChainId
    >>> btc = AssetScale(Asset("BTC", 8, ChainId("bitcoin")), 0, 0)
    >>> eth = AssetScale(Asset("ETH", 18, ChainId("ethereum")), 1, 10)
    >>> market = Market("BTC/ETH", 0, btc, eth, tick="0.0001", lot="0.0001", lowest="15")
    >>> market.multiplier, market.ticks("30.5"), market.lots("0.25")
    (1, 305000, 2500)
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.primitives.amount import Amount
from custody.primitives.errors import InvalidAmount, InvalidInput
from exchange.engine.views import MarketSpec
from exchange.settlement.scale import AssetScale


@dataclass(frozen=True, slots=True)
class Market:
    """One market.

    Attributes:
        symbol: "BASE/QUOTE".
        number: Its number in the engine.
        base, quote: The two assets.
        tick: Smallest price step, in whole quote coins per whole base coin, as text.
        lot: Smallest quantity, in whole base coins, as text.
        lowest: Lowest price the market takes, as text; the engine's window of 2**18 ticks starts there.
    """

    symbol: str
    number: int
    base: AssetScale
    quote: AssetScale
    tick: str
    lot: str
    lowest: str

    def __post_init__(self) -> None:
        numerator = self.tick_quanta * self.lot_quanta
        if numerator <= 0 or numerator % 10**self.base.decimals:
            raise InvalidInput(f"{self.symbol}: tick {self.tick} x lot {self.lot} is not whole quote quanta")

    @property
    def tick_quanta(self) -> int:
        """Quote quanta of one tick for one whole base coin."""
        return self.quote.exact(Amount.parse(self.tick, self.quote.asset))

    @property
    def lot_quanta(self) -> int:
        """Base quanta in one lot."""
        return self.base.exact(Amount.parse(self.lot, self.base.asset))

    @property
    def multiplier(self) -> int:
        """Quote quanta of one lot at one tick."""
        return int(self.tick_quanta * self.lot_quanta // 10**self.base.decimals)

    def spec(self, *, is_open: bool) -> MarketSpec:
        """The terms as the engine takes them."""
        return MarketSpec(
            self.number,
            base=self.base.number,
            quote=self.quote.number,
            multiplier=self.multiplier,
            lot=self.lot_quanta,
            open=is_open,
            low=self.ticks(self.lowest),
        )

    def ticks(self, price: str) -> int:
        """Convert a price given as text.

        Raises:
            InvalidAmount: Not a positive whole number of ticks.
        """
        quanta = self.quote.exact(Amount.parse(price, self.quote.asset).positive())
        return self._whole(quanta, self.tick_quanta, f"price {price}", f"tick {self.tick}")

    def lots(self, quantity: str) -> int:
        """Convert a quantity given as text.

        Raises:
            InvalidAmount: Not a positive whole number of lots.
        """
        quanta = self.base.exact(Amount.parse(quantity, self.base.asset).positive())
        return self._whole(quanta, self.lot_quanta, f"quantity {quantity}", f"lot {self.lot}")

    def price_text(self, ticks: int) -> str:
        """Show a price in quote coins."""
        return self.quote.amount(ticks * self.tick_quanta).text()

    def quantity_text(self, lots: int) -> str:
        """Show a quantity in base coins."""
        return self.base.amount(lots * self.lot_quanta).text()

    def _whole(self, quanta: int, step: int, what: str, unit: str) -> int:
        steps, rest = divmod(quanta, step)
        if rest:
            raise InvalidAmount(f"{self.symbol}: {what} is not a whole number of {unit}", market=self.symbol)
        return steps
