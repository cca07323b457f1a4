"""Assets: a coin or token with its decimals and its home chain.

Example:
    >>> eth = Asset("ETH", 18, ChainId("ethereum"))
    >>> eth.unit
    1000000000000000000
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidInput, UnknownAsset

MAX_DECIMALS = 36
"""More than any chain in use (18), small enough that 10**decimals stays far below 2**256."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A coin or token.

    Attributes:
        symbol: Upper-case name people use, unique in one installation: "BTC", "USDC".
        decimals: Base units = value * 10**decimals; 0 to 36.
        chain: Home chain.
        contract: Token contract or mint in the chain's text form; None for the native coin.
    """

    symbol: str
    decimals: int
    chain: ChainId
    contract: str | None = None

    def __post_init__(self) -> None:
        if not (self.symbol.isascii() and self.symbol.isalnum() and self.symbol == self.symbol.upper()):
            raise InvalidInput(f"asset symbol {self.symbol!r}: upper-case ASCII letters and digits only")
        if not 0 <= self.decimals <= MAX_DECIMALS:
            raise InvalidInput(f"asset {self.symbol}: decimals {self.decimals} outside 0..{MAX_DECIMALS}")

    @property
    def unit(self) -> int:
        """Base units in one whole coin."""
        return int(10**self.decimals)

    @property
    def key(self) -> str:
        """Canonical text "chain/contract", "chain/native" for the coin; what intents and SQL store."""
        return f"{self.chain}/{self.contract or 'native'}"


class AssetBook:
    """The allow-list of assets: what is not in it does not exist."""

    def __init__(self, assets: Iterable[Asset]) -> None:
        self._by_symbol = {asset.symbol: asset for asset in assets}

    def get(self, symbol: str) -> Asset:
        """Look an asset up by its symbol.

        Raises:
            UnknownAsset: No such asset is configured.
        """
        try:
            return self._by_symbol[symbol]
        except KeyError:
            known = ", ".join(sorted(self._by_symbol))
            raise UnknownAsset(f"unknown asset {symbol!r}; known: {known}", asset=symbol) from None

    def __iter__(self) -> Iterator[Asset]:
        return iter(self._by_symbol.values())

    def __len__(self) -> int:
        return len(self._by_symbol)
