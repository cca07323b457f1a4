"""The plain twin's configuration commands: fees, markets, owners, the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exchange.engine.codes import AMOUNT_CAP, FIRST_CUSTOMER, MAX_FEE_PPM, WINDOW_TICKS, FeeMode, Kind, Reject, Side
from exchange.engine.reference_book import Market
from exchange.engine.views import MarketSpec

if TYPE_CHECKING:
    import numpy as np

    from exchange.engine.reference import ReferenceEngine


def configure(engine: ReferenceEngine, command: np.void) -> Reject | None:
    """Carry out a configuration command, or say why not."""
    kind = int(command["kind"])
    if kind == Kind.TICK:
        engine.last_tick_ns = int(command["ts"])
        return None
    if kind == Kind.SET_FEE:
        return _set_fee(engine, command)
    if kind == Kind.SET_OWNER:
        return _set_owner(engine, command)
    return _set_market(engine, command) if kind == Kind.SET_MARKET else Reject.UNKNOWN


def _is_customer(engine: ReferenceEngine, account: int) -> bool:
    return FIRST_CUSTOMER <= account < engine.config.max_accounts


def _set_fee(engine: ReferenceEngine, command: np.void) -> Reject | None:
    account, maker_ppm, taker_ppm = (int(command[name]) for name in ("account", "price", "qty"))
    if account != 0 and not _is_customer(engine, account):
        return Reject.UNKNOWN
    if not (0 <= maker_ppm <= MAX_FEE_PPM and 0 <= taker_ppm <= MAX_FEE_PPM):
        return Reject.INVALID
    engine.accounts[account] = engine.account(account)
    engine.accounts[account].rates = (maker_ppm, taker_ppm)
    return None


def _set_owner(engine: ReferenceEngine, command: np.void) -> Reject | None:
    account, owner = int(command["account"]), int(command["ref"])
    if not (_is_customer(engine, account) and _is_customer(engine, owner)):
        return Reject.UNKNOWN
    engine.accounts[account] = engine.account(account)
    engine.accounts[account].owner = owner
    return None


def _set_market(engine: ReferenceEngine, command: np.void) -> Reject | None:
    number, mode, side = (int(command[name]) for name in ("market", "tif", "side"))
    if number >= engine.config.max_markets or int(command["account"]) != 0 or side > 1 or mode > max(FeeMode):
        return Reject.UNKNOWN
    terms = _terms(engine, command)
    if terms is None:
        return Reject.INVALID
    low = int(command["aux"])
    market = engine.books.get(number)
    if market is None:
        engine.books[number] = Market(terms, open=bool(side), low=low)
        return None
    if market.terms != terms:
        return Reject.INVALID
    prices = [price for half in (Side.BUY, Side.SELL) for price in market.side(half).queues]
    if any(not low <= price < low + WINDOW_TICKS for price in prices):
        return Reject.BAND
    market.low = low
    market.open = bool(side)
    return None


def _terms(engine: ReferenceEngine, command: np.void) -> MarketSpec | None:
    """The unchanging terms a SET_MARKET names; None where they are out of range."""
    multiplier, lot, ref, low = (int(command[name]) for name in ("price", "qty", "ref", "aux"))
    base, quote = ref >> 32, ref & 0xFFFF_FFFF
    if ref < 0 or base == quote or max(base, quote) >= engine.config.max_assets:
        return None
    if not (1 <= multiplier <= AMOUNT_CAP and 1 <= lot <= AMOUNT_CAP):
        return None
    if not 1 <= low <= AMOUNT_CAP // multiplier - WINDOW_TICKS:
        return None
    mode = FeeMode(int(command["tif"]))
    return MarketSpec(int(command["market"]), base, quote, multiplier, lot, fee_mode=mode)
