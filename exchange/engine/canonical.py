"""Working state of the compiled core to canonical state, and back.

Rules:
    * Export copies: what it returns does not change with the next batch.
    * Load writes into fresh working arrays only; levels, links and the id index are rebuilt by the core.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from exchange.engine import core
from exchange.engine.codes import DEFAULT_MAKER_PPM, DEFAULT_TAKER_PPM, WINDOW_TICKS
from exchange.engine.records import EVENT, FILL, TRANSFER
from exchange.engine.state import ACCOUNT_ROW, BALANCE_ROW, MARKET_ROW, ORDER_ROW, OUTCOME, EngineConfig, StateArrays

OUTPUT_EVENTS = 1 << 15
OUTPUT_FILLS = 1 << 15
"""Records of the output buffers at the start: 4.7 MB. They grow when one command needs more."""

FIRST_TRANSFERS = 1 << 12
"""Transfers the ledger has room for at the start; it doubles as needed."""

_MARKET_FIELDS = ("base", "quote", "open", "fee_mode", "multiplier", "lot", "low", "last")
_ACCOUNT_FIELDS = ("owner", "maker_ppm", "taker_ppm", "has_rates")
_ORDER_FIELDS = ("seq", "price", "leaves", "hold", "account", "maker_ppm", "taker_ppm", "market", "side")


def new_books(config: EngineConfig) -> core.Books:
    """Empty books: every account its own owner, at the default rates."""
    markets = np.zeros(config.max_markets, core.MARKET)
    markets["best_bid"] = -1
    markets["best_ask"] = WINDOW_TICKS
    accounts = np.zeros(config.max_accounts, core.ACCOUNT)
    accounts["owner"] = np.arange(config.max_accounts)
    accounts[0]["maker_ppm"], accounts[0]["taker_ppm"] = DEFAULT_MAKER_PPM, DEFAULT_TAKER_PPM
    accounts[0]["has_rates"] = 1
    return core.Books(
        orders=np.zeros(config.max_orders + 1, core.ORDER),
        free=np.zeros(config.max_orders, "<u4"),
        levels=np.zeros(config.max_markets * WINDOW_TICKS, core.LEVEL),
        bits=np.zeros(config.max_markets * 2 * core.BIT_WORDS, "<u8"),
        markets=markets,
        accounts=accounts,
        balances=np.zeros((config.max_accounts, config.max_assets), core.BALANCE),
        counters=np.zeros(core.COUNTERS, "<i8"),
        taker=np.zeros(1, core.TAKER),
        events=np.zeros(OUTPUT_EVENTS, EVENT),
        fills=np.zeros(OUTPUT_FILLS, FILL),
    )


def new_ledger(books: core.Books, room: int) -> core.Ledger:
    """An empty transfer ledger over the balances of the books, with room for so many transfers."""
    size = FIRST_TRANSFERS
    while size < room:
        size *= 2
    return core.Ledger(
        transfers=np.zeros(size, TRANSFER),
        outcomes=np.zeros(size, OUTCOME),
        index=np.zeros(2 * size, "<i8"),
        balances=books.balances,
        counters=books.counters,
    )


def grown_ledger(ledger: core.Ledger, room: int) -> core.Ledger:
    """The same ledger with room for so many transfers."""
    count = int(ledger.counters[core.TRANSFER_COUNT])
    size = len(ledger.transfers)
    while size < room:
        size *= 2
    grown = ledger._replace(
        transfers=np.zeros(size, TRANSFER),
        outcomes=np.zeros(size, OUTCOME),
        index=np.zeros(2 * size, "<i8"),
    )
    grown.transfers[:count] = ledger.transfers[:count]
    grown.outcomes[:count] = ledger.outcomes[:count]
    core.rebuild_index(grown)
    return grown


def export_balances(books: core.Books) -> npt.NDArray[Any]:
    """Balances that are not zero as BALANCE_ROW, by account and asset."""
    accounts, assets = np.nonzero(books.balances != np.zeros((), core.BALANCE))
    rows = np.zeros(len(accounts), BALANCE_ROW)
    rows["account"], rows["asset"] = accounts, assets
    for field in ("available", "order_hold", "pending_out"):
        rows[field] = books.balances[field][accounts, assets]
    return rows


def export_orders(books: core.Books, account: int | None = None) -> npt.NDArray[Any]:
    """Resting orders as ORDER_ROW, by market, side, price, rank; of one account or of all."""
    used = books.orders[: int(books.counters[core.HIGH_SLOT]) + 1]
    wanted = used["live"] == 1
    if account is not None:
        wanted &= used["account"] == account
    slots = np.flatnonzero(wanted)
    live = used[slots]
    rows = np.zeros(len(slots), ORDER_ROW)
    for field in _ORDER_FIELDS:
        rows[field] = live[field]
    rows["handle"] = live["generation"].astype("<i8") << 32 | slots
    rank = np.lexsort((rows["seq"], rows["price"], rows["side"], rows["market"]))
    ranked: npt.NDArray[Any] = rows[rank]
    return ranked


def export_markets(books: core.Books) -> npt.NDArray[Any]:
    """Defined markets as MARKET_ROW, by number."""
    numbers = np.flatnonzero(books.markets["defined"])
    rows = np.zeros(len(numbers), MARKET_ROW)
    rows["market"] = numbers
    for field in _MARKET_FIELDS:
        rows[field] = books.markets[field][numbers]
    return rows


def _export_accounts(books: core.Books) -> npt.NDArray[Any]:
    default = (books.accounts["owner"] == np.arange(len(books.accounts))) & (books.accounts["has_rates"] == 0)
    numbers = np.flatnonzero(~default)
    rows = np.zeros(len(numbers), ACCOUNT_ROW)
    rows["account"] = numbers
    for field in _ACCOUNT_FIELDS:
        rows[field] = books.accounts[field][numbers]
    return rows


def export_state(books: core.Books, ledger: core.Ledger) -> StateArrays:
    """The canonical state arrays."""
    high, transfers = int(books.counters[core.HIGH_SLOT]), int(books.counters[core.TRANSFER_COUNT])
    return {
        "counters": books.counters[[core.SEQ, core.LAST_TICK]],
        "markets": export_markets(books),
        "accounts": _export_accounts(books),
        "balances": export_balances(books),
        "orders": export_orders(books),
        "free": books.free[: int(books.counters[core.FREE_COUNT])].copy(),
        "generations": books.orders["generation"][1 : high + 1].copy(),
        "transfers": ledger.transfers[:transfers].copy(),
        "outcomes": ledger.outcomes[:transfers].copy(),
    }


def load_books(arrays: StateArrays, config: EngineConfig) -> core.Books:
    """Working books from canonical arrays that passed `require_state`."""
    books = new_books(config)
    markets, accounts, balances, orders = (arrays[name] for name in ("markets", "accounts", "balances", "orders"))
    books.counters[[core.SEQ, core.LAST_TICK]] = arrays["counters"]
    books.counters[core.HIGH_SLOT] = len(arrays["generations"])
    books.counters[core.FREE_COUNT] = len(arrays["free"])
    books.counters[core.TRANSFER_COUNT] = len(arrays["transfers"])
    books.markets["defined"][markets["market"]] = 1
    for field in _MARKET_FIELDS:
        books.markets[field][markets["market"]] = markets[field]
    for field in _ACCOUNT_FIELDS:
        books.accounts[field][accounts["account"]] = accounts[field]
    for field in ("available", "order_hold", "pending_out"):
        books.balances[field][balances["account"], balances["asset"]] = balances[field]
    slots = orders["handle"] & 0xFFFF_FFFF
    books.free[: len(arrays["free"])] = arrays["free"]
    books.orders["generation"][1 : len(arrays["generations"]) + 1] = arrays["generations"]
    for field in _ORDER_FIELDS:
        books.orders[field][slots] = orders[field]
    books.orders["live"][slots] = 1
    core.rebuild_books(books, slots.astype("<u4"))
    return books


def load_ledger(arrays: StateArrays, books: core.Books) -> core.Ledger:
    """The transfer ledger from canonical arrays, over the balances of loaded books."""
    count = len(arrays["transfers"])
    ledger = new_ledger(books, count)
    ledger.transfers[:count] = arrays["transfers"]
    ledger.outcomes[:count] = arrays["outcomes"]
    core.rebuild_index(ledger)
    return ledger
