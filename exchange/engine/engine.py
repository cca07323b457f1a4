"""The engine: books and ledger in memory, driven by numbered batches of records.

Rules:
    * Deterministic: the same batches give the same outputs and the same state hash, split in whatever way.
    * Bad commands do not raise, they are answered; raising means the caller broke the protocol of this class.
    * Not thread-safe: one writer, the sequencer, owns it.

Example:
    >>> from exchange.engine.commands import SetMarket, Transfer, pack_commands, pack_transfers
    >>> from exchange.engine.views import MarketSpec
    >>> engine = Engine(EngineConfig(max_accounts=32, max_assets=2, max_orders=8, max_markets=1))
    >>> outputs = engine.apply_commands(pack_commands([SetMarket(MarketSpec(0, base=0, quote=1, multiplier=1))]), 1)
    >>> engine.apply_transfers(pack_transfers([Transfer(id=7, debit=0, credit=16, ledger=1, amount=500)]), 2).tolist()
    [0]
    >>> engine.balance(16, 1).available
    500
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from custody.primitives.errors import InvalidInput, InvariantBroken
from exchange.engine import canonical, core
from exchange.engine.codes import FeeMode, Side
from exchange.engine.errors import SequenceTaken
from exchange.engine.records import EVENT, FILL, Records
from exchange.engine.state import (
    EngineConfig,
    StateArrays,
    require_commands,
    require_state,
    require_transfers,
    state_hash,
)
from exchange.engine.views import Balance, Best, Depth, Level, MarketSpec, OpenOrder, Outputs, join

MAX_DEPTH_LEVELS = 5_000
"""Levels a side that `depth` returns at most."""


class Engine:
    """The compiled engine; `ReferenceEngine` is the same in plain Python."""

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self._books = canonical.new_books(config)
        self._ledger = canonical.new_ledger(self._books, 0)

    # Changes ---------------------------------------------------------------------------

    def apply_commands(self, batch: npt.NDArray[Any], first_seq: int) -> Outputs:
        """Apply commands in order.

        Args:
            batch: CMD records.
            first_seq: Sequence number of the first; the others follow one by one.

        Raises:
            InvalidInput: The batch is not of CMD records.
            SequenceTaken: first_seq was applied before.
            InvariantBroken: A bug of the core; the state is no longer to be trusted.
        """
        records = require_commands(batch)
        self._require_next(first_seq, len(records))
        parts: list[Outputs] = []
        done = 0
        while done < len(records) or not parts:
            self._books.counters[[core.EVENT_COUNT, core.FILL_COUNT]] = 0
            before = done
            done = self._run(records, first_seq, done)
            events, fills = (int(self._books.counters[at]) for at in (core.EVENT_COUNT, core.FILL_COUNT))
            parts.append(Outputs(self._books.events[:events].copy(), self._books.fills[:fills].copy()))
            if done == before and done < len(records):
                self._double_outputs()
        return join(parts)

    def apply_transfers(self, batch: npt.NDArray[Any], first_seq: int) -> npt.NDArray[np.uint8]:
        """Apply transfers in order, linked chains whole or not at all.

        Args:
            batch: TRANSFER records.
            first_seq: Sequence number of the first.

        Returns:
            One `TransferResult` each.

        Raises:
            InvalidInput: The batch is not of TRANSFER records.
            SequenceTaken: first_seq was applied before.
        """
        records = require_transfers(batch)
        self._require_next(first_seq, len(records))
        results = np.zeros(len(records), np.uint8)
        room = int(self._books.counters[core.TRANSFER_COUNT]) + len(records)
        if room > len(self._ledger.transfers):
            self._ledger = canonical.grown_ledger(self._ledger, room)
        try:
            core.run_transfers(self._ledger, records, results)
        except IndexError as error:
            raise InvariantBroken("the ledger left the bounds of its arrays", first_seq=first_seq) from error
        if len(records):
            self._books.counters[core.SEQ] = first_seq + len(records) - 1
        return results

    # Views -----------------------------------------------------------------------------

    @property
    def last_seq(self) -> int:
        """Sequence number of the last applied command or transfer; 0 before the first."""
        return int(self._books.counters[core.SEQ])

    def balance(self, account: int, asset: int) -> Balance:
        """What an account has of an asset."""
        if not (0 <= account < self.config.max_accounts and 0 <= asset < self.config.max_assets):
            raise InvalidInput(f"no balance of account {account} in asset {asset}", account=account, asset=asset)
        row = self._books.balances[account, asset]
        return Balance(int(row["available"]), int(row["order_hold"]), int(row["pending_out"]))

    def balances(self) -> Iterator[tuple[int, int, int, int]]:
        """All balances that are not zero, as (account, asset, available, held), by account and asset."""
        rows = canonical.export_balances(self._books)
        held = rows["order_hold"] + rows["pending_out"]
        columns = (rows["account"], rows["asset"], rows["available"], held)
        yield from zip(*(column.tolist() for column in columns), strict=True)

    def markets(self) -> tuple[MarketSpec, ...]:
        """The markets that were set up, by number."""
        return tuple(_market_spec(row) for row in canonical.export_markets(self._books))

    def open_orders(self, account: int) -> tuple[OpenOrder, ...]:
        """The resting orders of an account, by market, side, price and rank."""
        return tuple(_open_order(row) for row in canonical.export_orders(self._books, account))

    def best(self, market: int) -> Best:
        """Best bid and ask of a market."""
        mk = self._market(market)
        bid = int(mk["low"] + mk["best_bid"]) if mk["bids"] else None
        ask = int(mk["low"] + mk["best_ask"]) if mk["asks"] else None
        return Best(bid, ask)

    def depth(self, market: int, levels: int) -> Depth:
        """The best levels of both sides, at most so many (and 5,000) a side."""
        self._market(market)
        return Depth(bids=self._side(market, Side.BUY, levels), asks=self._side(market, Side.SELL, levels))

    # State -----------------------------------------------------------------------------

    def state_arrays(self) -> StateArrays:
        """A copy of the canonical state, as `state.ROWS` names it."""
        return canonical.export_state(self._books, self._ledger)

    def load_state(self, arrays: StateArrays) -> None:
        """Continue from a canonical state, written by this or the plain engine.

        Raises:
            MalformedPayload: The arrays are not a state that fits this engine's capacities.
        """
        require_state(arrays, self.config)
        books = canonical.load_books(arrays, self.config)
        self._ledger = canonical.load_ledger(arrays, books)
        self._books = books

    def state_hash(self) -> bytes:
        """BLAKE2b-256 of the canonical state, 32 bytes; equal for every engine in the same state."""
        return state_hash(self.state_arrays())

    canonical_digest = state_hash

    # Private ---------------------------------------------------------------------------

    def _require_next(self, first_seq: int, count: int) -> None:
        if count and first_seq <= self.last_seq:
            raise SequenceTaken(f"batch begins at {first_seq}, applied up to {self.last_seq}", first_seq=first_seq)

    def _run(self, records: Records, first_seq: int, start: int) -> int:
        try:
            return int(core.run_commands(self._books, records, first_seq, start))
        except IndexError as error:
            raise InvariantBroken("the core left the bounds of its arrays", first_seq=first_seq) from error

    def _double_outputs(self) -> None:
        self._books = self._books._replace(
            events=np.zeros(2 * len(self._books.events), EVENT),
            fills=np.zeros(2 * len(self._books.fills), FILL),
        )

    def _market(self, market: int) -> Any:  # noqa: ANN401 - a row of a structured array
        if not (0 <= market < self.config.max_markets and self._books.markets[market]["defined"]):
            raise InvalidInput(f"no market {market}", market=market)
        return self._books.markets[market]

    def _side(self, market: int, side: Side, levels: int) -> tuple[Level, ...]:
        found = np.zeros((max(0, min(levels, MAX_DEPTH_LEVELS)), 3), "<i8")
        count = int(core.read_side(self._books, market, int(side), found))
        return tuple(Level(*row) for row in found[:count].tolist())


def _market_spec(row: Any) -> MarketSpec:  # noqa: ANN401 - a row of a structured array
    return MarketSpec(
        market=int(row["market"]),
        base=int(row["base"]),
        quote=int(row["quote"]),
        multiplier=int(row["multiplier"]),
        lot=int(row["lot"]),
        open=bool(row["open"]),
        fee_mode=FeeMode(int(row["fee_mode"])),
        low=int(row["low"]),
        last=int(row["last"]),
    )


def _open_order(row: Any) -> OpenOrder:  # noqa: ANN401 - a row of a structured array
    return OpenOrder(
        order=int(row["seq"]),
        handle=int(row["handle"]),
        market=int(row["market"]),
        account=int(row["account"]),
        side=Side(int(row["side"])),
        price=int(row["price"]),
        leaves=int(row["leaves"]),
        hold=int(row["hold"]),
    )
