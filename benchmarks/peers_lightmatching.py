"""The peer: lightmatchingengine, a pure-Python order book from the package index, driven by the same streams.

It has no accounts, balances, holds or fees. Its cancel raises AssertionError for some orders that are already filled;
that is caught, counted, and does nothing to the book.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import Any

from lightmatchingengine.lightmatchingengine import LightMatchingEngine

from benchmarks.streams import NEW, Stream

_MARKET = "X"


@dataclass(slots=True)
class PeerRun:
    """One pass over a stream."""

    cpu_s: float = 0.0
    raised: int = 0
    trades: list[tuple[int, list[Any]]] = field(default_factory=list)

    def digest(self, warm_up: int) -> str:
        """Hash of (taker, maker, price, quantity) of every trade of the measured part, in order."""
        digest = hashlib.blake2b(digest_size=16)
        for taker, trades in self.trades:
            for trade in trades:
                maker = trade.order_id - 1
                if maker != taker and taker >= warm_up:
                    digest.update(b"%d,%d,%d,%d;" % (taker, maker, trade.trade_price, trade.trade_qty))
        return digest.hexdigest()


def run(stream: Stream) -> PeerRun:
    """Replay a stream; only what follows the warm-up is timed, in CPU seconds of the process."""
    engine, result = LightMatchingEngine(), PeerRun()
    ids: dict[int, int] = {}
    positions: dict[int, int] = {}
    columns = (stream.kind, stream.side + 1, stream.price, stream.qty, stream.target)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    result.trades = _replay(engine, rows[: stream.warm_up], (ids, positions, 0), result)
    started = time.process_time()
    measured = _replay(engine, rows[stream.warm_up :], (ids, positions, stream.warm_up), result)
    result.cpu_s = time.process_time() - started
    for _, trades in measured:
        for trade in trades:
            trade.order_id = positions[trade.order_id] + 1
    result.trades = measured
    return result


def _replay(
    engine: LightMatchingEngine,
    rows: list[tuple[int, int, int, int, int]],
    known: tuple[dict[int, int], dict[int, int], int],
    result: PeerRun,
) -> list[tuple[int, list[Any]]]:
    ids, positions, first = known
    traded = []
    for position, (kind, side, price, qty, target) in enumerate(rows, first):
        if kind == NEW:
            order, trades = engine.add_order(_MARKET, price, qty, side)
            ids[position] = order.order_id
            positions[order.order_id] = position
            if trades:
                traded.append((position, trades))
        else:
            try:
                engine.cancel_order(ids[target], _MARKET)
            except AssertionError:
                result.raised += 1
    return traded
