"""The plain twin's canonical state: rows out, rows in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from exchange.engine.codes import FeeMode, Side
from exchange.engine.reference_book import Account, Market, Order, Slots
from exchange.engine.reference_ledger import Purse
from exchange.engine.state import ACCOUNT_ROW, BALANCE_ROW, MARKET_ROW, ORDER_ROW, StateArrays
from exchange.engine.views import MarketSpec

if TYPE_CHECKING:
    from exchange.engine.reference import ReferenceEngine


def spec_of(market: Market) -> MarketSpec:
    """The market as it is now."""
    return replace(market.terms, open=market.open, low=market.low, last=market.last)


def sorted_orders(engine: ReferenceEngine) -> list[Order]:
    """Resting orders by market, side, price, rank."""
    return sorted(engine.slots.live.values(), key=lambda o: (o.market, o.side, o.price, o.seq))


def export(engine: ReferenceEngine) -> StateArrays:
    """The canonical state arrays."""
    transfers, outcomes = engine.ledger.export()
    specs = [spec_of(engine.books[number]) for number in sorted(engine.books)]
    markets = [(s.market, s.base, s.quote, s.open, s.fee_mode, 0, s.multiplier, s.lot, s.low, s.last) for s in specs]
    accounts = [
        (number, a.owner, *(a.rates or (0, 0)), int(a.rates is not None))
        for number, a in sorted(engine.accounts.items())
        if a.owner != number or (a.rates is not None)
    ]
    balances = [
        (*key, p.available, p.order_hold, p.pending_out)
        for key, p in sorted(engine.purses.items(), key=lambda item: item[0])
        if p.available or p.order_hold or p.pending_out
    ]
    orders = [
        (o.seq, o.handle, o.price, o.leaves, o.hold, o.account, o.maker_ppm, o.taker_ppm, o.market, o.side, 0)
        for o in sorted_orders(engine)
    ]
    return {
        "counters": np.array([engine.seq, engine.last_tick_ns], "<i8"),
        "markets": np.array(markets, MARKET_ROW),
        "accounts": np.array(accounts, ACCOUNT_ROW),
        "balances": np.array(balances, BALANCE_ROW),
        "orders": np.array(orders, ORDER_ROW),
        "free": np.array(engine.slots.free, "<u4"),
        "generations": np.array(engine.slots.generations, "<u4"),
        "transfers": transfers,
        "outcomes": outcomes,
    }


def load(engine: ReferenceEngine, arrays: StateArrays) -> None:
    """Continue from canonical arrays that passed `require_state`."""
    engine.seq, engine.last_tick_ns = arrays["counters"].tolist()
    engine.books = {int(row["market"]): _market_of(row) for row in arrays["markets"]}
    engine.accounts = {0: engine.account(0)}
    for number, owner, maker_ppm, taker_ppm, has_rates in arrays["accounts"].tolist():
        engine.accounts[number] = Account(owner, (maker_ppm, taker_ppm) if has_rates else None)
    engine.purses.clear()
    for account, asset, *amounts in arrays["balances"].tolist():
        engine.purses[account, asset] = Purse(*amounts)
    engine.slots = Slots(engine.config.max_orders, arrays["generations"].tolist(), arrays["free"].tolist())
    for row in arrays["orders"]:
        order = _order_of(row)
        engine.slots.live[order.handle] = order
        engine.books[order.market].side(order.side).add(order)
    engine.ledger.load(arrays["transfers"], arrays["outcomes"])


def _market_of(row: np.void) -> Market:
    number, base, quote, multiplier, lot = (int(row[name]) for name in ("market", "base", "quote", "multiplier", "lot"))
    terms = MarketSpec(number, base, quote, multiplier, lot, fee_mode=FeeMode(int(row["fee_mode"])))
    return Market(terms, open=bool(row["open"]), low=int(row["low"]), last=int(row["last"]))


def _order_of(row: np.void) -> Order:
    names = ("seq", "account", "market", "price", "leaves", "maker_ppm", "taker_ppm", "hold", "handle")
    return Order(**{name: int(row[name]) for name in names}, side=Side(int(row["side"])))
