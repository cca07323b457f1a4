"""The plain twin of the compiled engine: same records in, same records out, same state hash.

It is the oracle of the tests, written from the rules and not from the compiled code, and it runs where the compiler
cannot. It is slower by two orders of magnitude.

Example:
    >>> from exchange.engine.commands import Transfer, pack_transfers
    >>> engine = ReferenceEngine(EngineConfig(max_accounts=32, max_assets=2, max_orders=8, max_markets=1))
    >>> engine.apply_transfers(pack_transfers([Transfer(id=7, debit=0, credit=16, ledger=1, amount=500)]), 1).tolist()
    [0]
    >>> engine.balance(16, 1).total
    500
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from custody.primitives.errors import InvalidInput
from exchange.engine import reference_state
from exchange.engine.codes import (
    DEFAULT_MAKER_PPM,
    DEFAULT_TAKER_PPM,
    FIRST_CUSTOMER,
    Ending,
    EventKind,
    Kind,
    OrderFlag,
    Reject,
    Side,
)
from exchange.engine.errors import SequenceTaken
from exchange.engine.records import EVENT, FILL
from exchange.engine.reference_book import Account, BookSide, Market, Order, Slots
from exchange.engine.reference_ledger import Purse, Purses, ReferenceLedger
from exchange.engine.reference_settings import configure
from exchange.engine.reference_trading import Trading
from exchange.engine.state import (
    EngineConfig,
    StateArrays,
    require_commands,
    require_state,
    require_transfers,
    state_hash,
)
from exchange.engine.views import Balance, Best, Depth, Level, MarketSpec, OpenOrder, Outputs

Event = dict[str, int]


class ReferenceEngine:
    """The interface of `Engine`, in dictionaries and Python integers; see there for what each method raises."""

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self.seq = 0
        self.last_tick_ns = 0
        self.command: Any = None
        self.events: list[Event] = []
        self.fills: list[tuple[int, ...]] = []
        self.books: dict[int, Market] = {}
        self.accounts: dict[int, Account] = {0: Account(0, (DEFAULT_MAKER_PPM, DEFAULT_TAKER_PPM))}
        self.slots = Slots(config.max_orders)
        self.purses: Purses = defaultdict(Purse)
        self.ledger = ReferenceLedger(config, self.purses)

    # Changes ---------------------------------------------------------------------------

    def apply_commands(self, batch: npt.NDArray[Any], first_seq: int) -> Outputs:
        """Apply commands in order."""
        records = require_commands(batch)
        self._require_next(first_seq, len(records))
        self.events, self.fills = [], []
        for index, command in enumerate(records):
            self.seq = first_seq + index
            self.command = command
            self._apply(command)
        events = np.array([tuple(event[name] for name in EVENT.names or ()) for event in self.events], EVENT)
        return Outputs(events, np.array(self.fills, FILL))

    def apply_transfers(self, batch: npt.NDArray[Any], first_seq: int) -> npt.NDArray[np.uint8]:
        """Apply transfers in order, linked chains whole or not at all."""
        records = require_transfers(batch)
        self._require_next(first_seq, len(records))
        results = self.ledger.apply(records)
        self.seq = max(self.seq, first_seq + len(records) - 1) if len(records) else self.seq
        return np.array(results, np.uint8)

    def _apply(self, command: np.void) -> None:
        kind = int(command["kind"])
        if kind == Kind.NEW:
            Trading(self).place(command)
        elif kind == Kind.CANCEL:
            self._cancel_one(command)
        elif kind == Kind.CANCEL_ALL:
            self._cancel_all(command)
        else:
            refusal = configure(self, command)
            self.report(EventKind.REJECTED if refusal else EventKind.APPLIED, refusal or 0)

    def _cancel_one(self, command: np.void) -> None:
        order = self.slots.live.get(int(command["ref"]))
        if order is None or order.market != int(command["market"]):
            self.report(EventKind.REJECTED, Reject.UNKNOWN)
        elif order.account != int(command["account"]):
            self.report(EventKind.REJECTED, Reject.NOT_OWNER)
        else:
            self.cancel(order, Ending.ASKED)

    def _cancel_all(self, command: np.void) -> None:
        account, market, flags = (int(command[name]) for name in ("account", "market", "flags"))
        one_market = flags == OrderFlag.ONE_MARKET
        if not FIRST_CUSTOMER <= account < self.config.max_accounts or not (one_market or (flags == 0 and market == 0)):
            self.report(EventKind.REJECTED, Reject.UNKNOWN)
            return
        mine = [order for order in self.slots.live.values() if order.account == account]
        mine = sorted(
            (order for order in mine if not one_market or order.market == market),
            key=lambda order: order.handle & 0xFFFF_FFFF,
        )
        for order in mine:
            self.cancel(order, Ending.ASKED)
        self.report(EventKind.APPLIED, 0)["lots"] = len(mine)

    # What trading uses -------------------------------------------------------------------

    def account(self, number: int) -> Account:
        """Owner and rates of an account."""
        return self.accounts.get(number) or Account(number)

    def rates(self, number: int) -> tuple[int, int]:
        """Maker and taker rate in ppm: the account's own or everyone's."""
        return self.account(number).rates or self.accounts[0].rates or (0, 0)

    def report(self, kind: EventKind, reason: int, **fields: int) -> Event:
        """Add an event about the command; returns it, to be completed."""
        event = dict.fromkeys(EVENT.names or (), 0)
        event |= {"kind": int(kind), "reason": int(reason), "seq": self.seq}
        event |= {name: int(self.command[name]) for name in ("market", "account", "cmd_id")}
        event |= fields
        self.events.append(event)
        return event

    def report_order(self, order: Order, kind: EventKind, ending: Ending, *, lots: int, amount: int = 0) -> None:
        """Add an event about an order."""
        facts = {"market": order.market, "account": order.account, "order": order.seq}
        facts |= {"handle": order.handle, "price": order.price}
        self.report(kind, ending, **facts, lots=lots, amount=amount)

    def release_hold(self, order: Order, amount: int) -> None:
        """Give part of an order's hold back to its account."""
        purse = self.purses[order.account, self.books[order.market].pay_asset(order.side)]
        order.hold -= amount
        purse.order_hold -= amount
        purse.available += amount

    def forget(self, order: Order) -> None:
        """Take a finished order off the book."""
        self.books[order.market].side(order.side).remove(order)
        self.slots.release(order)

    def cancel(self, order: Order, ending: Ending) -> None:
        """End a resting order, releasing all of its hold."""
        released = order.hold
        self.release_hold(order, released)
        self.report_order(order, EventKind.CANCELED, ending, lots=order.leaves, amount=released)
        self.forget(order)

    # Views -----------------------------------------------------------------------------

    @property
    def last_seq(self) -> int:
        """Sequence number of the last applied command or transfer; 0 before the first."""
        return self.seq

    def balance(self, account: int, asset: int) -> Balance:
        """What an account has of an asset."""
        if not (0 <= account < self.config.max_accounts and 0 <= asset < self.config.max_assets):
            raise InvalidInput(f"no balance of account {account} in asset {asset}", account=account, asset=asset)
        purse = self.purses.get((account, asset), Purse())
        return Balance(purse.available, purse.order_hold, purse.pending_out)

    def balances(self) -> Iterator[tuple[int, int, int, int]]:
        """All balances that are not zero, as (account, asset, available, held), by account and asset."""
        for (account, asset), purse in sorted(self.purses.items(), key=lambda item: item[0]):
            if purse.available or purse.order_hold or purse.pending_out:
                yield account, asset, purse.available, purse.order_hold + purse.pending_out

    def markets(self) -> tuple[MarketSpec, ...]:
        """The markets that were set up, by number."""
        return tuple(reference_state.spec_of(self.books[number]) for number in sorted(self.books))

    def open_orders(self, account: int) -> tuple[OpenOrder, ...]:
        """The resting orders of an account, by market, side, price and rank."""
        orders = [order for order in reference_state.sorted_orders(self) if order.account == account]
        return tuple(OpenOrder(o.seq, o.handle, o.market, o.account, o.side, o.price, o.leaves, o.hold) for o in orders)

    def best(self, market: int) -> Best:
        """Best bid and ask of a market."""
        book = self._market(market)
        return Best(book.bids.best(), book.asks.best())

    def depth(self, market: int, levels: int) -> Depth:
        """The best levels of both sides, at most so many a side."""
        book = self._market(market)
        return Depth(bids=_levels(book.bids, levels), asks=_levels(book.asks, levels))

    def _market(self, market: int) -> Market:
        if market not in self.books:
            raise InvalidInput(f"no market {market}", market=market)
        return self.books[market]

    def _require_next(self, first_seq: int, count: int) -> None:
        if count and first_seq <= self.seq:
            raise SequenceTaken(f"batch begins at {first_seq}, applied up to {self.seq}", first_seq=first_seq)

    # State -----------------------------------------------------------------------------

    def state_arrays(self) -> StateArrays:
        """A copy of the canonical state, as `state.ROWS` names it."""
        return reference_state.export(self)

    def load_state(self, arrays: StateArrays) -> None:
        """Continue from a canonical state."""
        require_state(arrays, self.config)
        reference_state.load(self, arrays)

    def state_hash(self) -> bytes:
        """BLAKE2b-256 of the canonical state, 32 bytes."""
        return state_hash(self.state_arrays())

    canonical_digest = state_hash


def _levels(side: BookSide, levels: int) -> tuple[Level, ...]:
    prices = sorted(side.queues, reverse=side.side == Side.BUY)[: max(0, levels)]
    queues = ((price, side.queues[price]) for price in prices)
    return tuple(Level(price, sum(order.leaves for order in queue), len(queue)) for price, queue in queues)
