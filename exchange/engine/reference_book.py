"""The plain twin's order book: price to queue, and order slots numbered as the compiled core numbers them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field

from exchange.engine.codes import WINDOW_TICKS, FeeMode, Side
from exchange.engine.views import MarketSpec


@dataclass(slots=True)
class Account:
    """Beneficial owner and own rates (maker, taker) of an account."""

    owner: int
    rates: tuple[int, int] | None = None


@dataclass(slots=True, eq=False)
class Order:
    """An order, resting or in progress; names as in `state.ORDER_ROW`."""

    seq: int
    account: int
    market: int
    side: Side
    price: int
    leaves: int
    maker_ppm: int
    taker_ppm: int
    hold: int = 0
    handle: int = 0


@dataclass(slots=True)
class BookSide:
    """One side of a market: the orders at each price, first come first, and the prices in order."""

    side: Side
    queues: dict[int, list[Order]] = field(default_factory=dict)
    prices: list[int] = field(default_factory=list)

    def best(self) -> int | None:
        """Best price; None where the side is empty."""
        if not self.prices:
            return None
        return self.prices[-1] if self.side == Side.BUY else self.prices[0]

    def from_best(self) -> Iterator[Order]:
        """All orders, the best price first, within a price the oldest first."""
        for price in reversed(self.prices) if self.side == Side.BUY else self.prices:
            yield from self.queues[price]

    def add(self, order: Order) -> None:
        """Put the order behind those of its price."""
        if order.price not in self.queues:
            self.queues[order.price] = []
            insort(self.prices, order.price)
        self.queues[order.price].append(order)

    def remove(self, order: Order) -> None:
        """Take the order out, and its price with the last of it."""
        queue = self.queues[order.price]
        queue.remove(order)
        if not queue:
            del self.queues[order.price]
            del self.prices[bisect_left(self.prices, order.price)]


@dataclass(slots=True)
class Market:
    """A market: its terms and its two sides."""

    terms: MarketSpec
    open: bool
    low: int
    last: int = 0
    bids: BookSide = field(default_factory=lambda: BookSide(Side.BUY))
    asks: BookSide = field(default_factory=lambda: BookSide(Side.SELL))

    def side(self, side: Side) -> BookSide:
        """The side on which orders of this side rest."""
        return self.bids if side == Side.BUY else self.asks

    def pay_asset(self, side: Side) -> int:
        """The asset an order of this side gives."""
        return self.terms.quote if side == Side.BUY else self.terms.base

    def cost(self, price: int, lots: int) -> int:
        """Quote quanta of so many lots at a price."""
        return price * lots * self.terms.multiplier

    def hold(self, order: Order) -> int:
        """Quanta to set aside for what is left of the order."""
        if order.side == Side.SELL:
            return order.leaves * self.terms.lot
        cost = self.cost(order.price, order.leaves)
        if self.terms.fee_mode == FeeMode.RECEIVED:
            return cost
        return cost + cost * max(order.maker_ppm, order.taker_ppm) // 1_000_000

    def admits(self, price: int) -> bool:
        """Whether the price lies in the window."""
        return self.low <= price < self.low + WINDOW_TICKS


@dataclass(slots=True)
class Slots:
    """Order slots 1, 2 ...: the last one freed is used first, each use of a slot has its own generation."""

    capacity: int
    generations: list[int] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    live: dict[int, Order] = field(default_factory=dict)

    def has_free(self) -> bool:
        """Whether one more order can rest."""
        return bool(self.free) or len(self.generations) < self.capacity

    def place(self, order: Order) -> None:
        """Give the order a slot and its handle."""
        if self.free:
            slot = self.free.pop()
        else:
            self.generations.append(0)
            slot = len(self.generations)
        order.handle = self.generations[slot - 1] << 32 | slot
        self.live[order.handle] = order

    def release(self, order: Order) -> None:
        """Free the order's slot; its handle is never valid again."""
        slot = order.handle & 0xFFFF_FFFF
        del self.live[order.handle]
        self.generations[slot - 1] = (self.generations[slot - 1] + 1) & 0x7FFF_FFFF
        self.free.append(slot)
