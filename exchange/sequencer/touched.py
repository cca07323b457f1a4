"""Which balances a frame changed, and what they are now: so that nobody re-computes money from fills.

The projection and the streams store what the engine says; the arithmetic of holds and fees exists once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from exchange.engine.codes import EventKind, SystemAccount, TransferResult
from exchange.engine.records import Records
from exchange.engine.views import Outputs
from exchange.sequencer.port import BalanceNow, Codes, EngineLike

_MARKET_BITS = 16  # a market number is a u16
_WITHOUT_MONEY = (EventKind.REJECTED, EventKind.APPLIED)


MarketAssets = Mapping[int, tuple[int, int]]
"""Market -> (base asset, quote asset)."""


def after_commands(engine: EngineLike, outputs: Outputs, assets: MarketAssets) -> tuple[BalanceNow, ...]:
    """Return the balances that commands may have changed, by account and asset."""
    events, fills = outputs.events, outputs.fills
    events = events[~np.isin(events["kind"], _WITHOUT_MONEY)]
    keys = [_keys(events["account"], events["market"])]
    keys += [_keys(fills[side], fills["market"]) for side in ("buyer", "seller")]
    keys += [_keys(np.full(len(fills), house), fills["market"]) for house in (SystemAccount.FEES, SystemAccount.FUND)]
    pairs = {
        (key >> _MARKET_BITS, asset)
        for key in np.unique(np.concatenate(keys)).tolist()
        for asset in assets[key & (1 << _MARKET_BITS) - 1]
    }
    return _now(engine, pairs)


def after_transfers(engine: EngineLike, transfers: Records, codes: Codes) -> tuple[BalanceNow, ...]:
    """Return the balances that transfers changed, by account and asset."""
    done = transfers[codes == TransferResult.OK]
    ledgers = done["ledger"].tolist()
    debits = zip(done["debit"].tolist(), ledgers, strict=True)
    receipts = zip(done["credit"].tolist(), ledgers, strict=True)
    return _now(engine, {*debits, *receipts})


def _keys(accounts: NDArray[np.int64], markets: NDArray[np.int64]) -> NDArray[np.int64]:
    keys: NDArray[np.int64] = accounts.astype(np.int64) << _MARKET_BITS | markets.astype(np.int64)
    return keys


def _now(engine: EngineLike, pairs: Iterable[tuple[int, int]]) -> tuple[BalanceNow, ...]:
    found = []
    for account, asset in sorted(pairs):
        balance = engine.balance(account, asset)
        found.append(BalanceNow(account, asset, balance.available, balance.held))
    return tuple(found)
