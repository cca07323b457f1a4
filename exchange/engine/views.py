"""What an engine answers: outputs of a batch, balances, markets, open orders, depth.

Example:
    >>> Balance(available=70, order_hold=20, pending_out=10).total
    100
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exchange.engine.codes import FeeMode, Side
from exchange.engine.records import EVENT, FILL, Records


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a batch of commands caused, in order; every command has at least one event.

    Attributes:
        events: EVENT records.
        fills: FILL records.
    """

    events: Records
    fills: Records


@dataclass(frozen=True, slots=True)
class Balance:
    """What one account has of one asset, in quanta.

    Attributes:
        available: Free to trade and to transfer.
        order_hold: Set aside for open orders.
        pending_out: Set aside for pending transfers, such as requested withdrawals.
    """

    available: int
    order_hold: int = 0
    pending_out: int = 0

    @property
    def held(self) -> int:
        """All that is set aside."""
        return self.order_hold + self.pending_out

    @property
    def total(self) -> int:
        """What we owe: set-aside money is still the account's own."""
        return self.available + self.held


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """Terms of a market; `open` and `low` may change, nothing else.

    Attributes:
        market, base, quote: Numbers of the market and of its two assets.
        multiplier: Quote quanta of one lot at a price of one tick: price * quantity * multiplier is the cost.
        lot: Base quanta of one lot.
        open: False refuses new orders; cancels always work.
        fee_mode: In what the buyer pays his fee.
        low: Lowest tick of the price window of 2**18 ticks.
        last: Price of the last fill in ticks; 0 before the first.
    """

    market: int
    base: int
    quote: int
    multiplier: int
    lot: int = 1
    open: bool = True
    fee_mode: FeeMode = FeeMode.RECEIVED
    low: int = 1
    last: int = 0


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """A resting order: `order` is its public id, `handle` what CANCEL asks for; price in ticks, leaves in lots."""

    order: int
    handle: int
    market: int
    account: int
    side: Side
    price: int
    leaves: int
    hold: int


@dataclass(frozen=True, slots=True)
class Level:
    """All that rests at one price: ticks, lots, number of orders."""

    price: int
    lots: int
    orders: int


@dataclass(frozen=True, slots=True)
class Depth:
    """The best levels of both sides, the best first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Best:
    """Best prices of a market in ticks; None where a side is empty."""

    bid: int | None
    ask: int | None


def join(parts: list[Outputs]) -> Outputs:
    """Join the outputs of consecutive stretches of one batch."""
    if len(parts) == 1:
        return parts[0]
    events = [part.events for part in parts] or [np.zeros(0, EVENT)]
    fills = [part.fills for part in parts] or [np.zeros(0, FILL)]
    return Outputs(np.concatenate(events), np.concatenate(fills))
