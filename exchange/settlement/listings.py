"""Listings: an approval that is final opens its market; one that is reorganised away never does.

Rules:
    * At "seen" a market is prepared: known, but halted. Only the finalized outbox opens it.
    * Opening is idempotent: the outbox is read from the start after a restart, the engine's terms decide.
    * An approved asset without a prepared market stays approved and is reported; nothing is guessed.

Example:
    desk.step()
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from exchange.settlement.market import Market
from exchange.settlement.trading import TradingDesk


@dataclass(frozen=True, slots=True)
class ListingView:
    """One proposal, for people.

    Attributes:
        id: Number in the contract.
        lane: "regular" or "expedited".
        state: As the contract names it.
        asset: Token address.
        votes_for, votes_against: Weight in whole MEXT, as text.
        market: Market that belongs to it, with its state; empty if none.
    """

    id: int
    lane: str
    state: str
    asset: str
    votes_for: str
    votes_against: str
    market: str


class ListingSource(Protocol):
    """What the indexer knows."""

    def approved_final(self) -> Iterable[str]:
        """Token addresses whose approval is final, lower case, oldest first."""
        ...

    def approved_seen(self) -> Iterable[str]:
        """Token addresses whose approval is seen but not final, lower case."""
        ...

    def views(self, markets: Mapping[str, str]) -> Sequence[ListingView]:
        """All proposals, newest first; `markets` maps a token address to its market's text."""
        ...


class ListingDesk:
    """Prepares and opens the markets that votes decide on."""

    def __init__(self, source: ListingSource, trading: TradingDesk, candidates: Mapping[str, Market]) -> None:
        """Bind the desk.

        Args:
            source: The indexer.
            trading: Sets markets.
            candidates: Token address, lower case -> the market that would open.
        """
        self._source = source
        self._trading = trading
        self._candidates = {address.lower(): market for address, market in candidates.items()}
        self._done: dict[str, str] = {}

    def step(self) -> list[str]:
        """Prepare what is seen, open what is final; returns the symbols that changed."""
        changed = []
        for address in self._source.approved_seen():
            changed += self._set(address, "prepared", is_open=False)
        for address in self._source.approved_final():
            changed += self._set(address, "open", is_open=True)
        return changed

    def listings(self) -> Sequence[ListingView]:
        """All proposals with their markets."""
        markets = {
            address: f"{m.symbol} ({self._done.get(address, 'closed')})" for address, m in self._candidates.items()
        }
        return self._source.views(markets)

    def opened(self, token: str) -> bool:
        """Tell whether a vote opened the market of this token."""
        return self._done.get(token.lower()) == "open"

    def _set(self, address: str, state: str, *, is_open: bool) -> list[str]:
        market = self._candidates.get(address)
        if market is None or self._done.get(address) in (state, "open"):
            return []
        self._trading.set_market(market, is_open=is_open)
        self._done[address] = state
        return [market.symbol]
