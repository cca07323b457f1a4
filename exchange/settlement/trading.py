"""Orders in people's units: text in, ticks and lots to the engine, text out.

Rules:
    * What is not a whole tick or lot is refused before it reaches the journal.
    * A market order is an IOC with a protection price around the best opposite price, within the market's window.
    * An answer is given after the command is durable; it comes from the engine's events, not from SQL.

Example:
    answer = desk.place(OrderRequest(CustomerId("alice"), "BTC/ETH", "buy", "30.5", "0.25"))
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from custody.primitives.errors import InvalidInput, NotFound, Refused
from custody.primitives.ids import CustomerId
from exchange.accounts.directory import AccountDirectory
from exchange.engine.codes import WINDOW_TICKS, EventKind, OrderFlag, Reject, Side, Tif
from exchange.engine.commands import Cancel, NewOrder, SetMarket, pack_commands
from exchange.engine.engine import Engine
from exchange.engine.records import Records
from exchange.fees.schedule import FeeSchedule, verify_smallest_fill
from exchange.settlement.market import Market

PROTECTION_PPM = 50_000
"""A market order trades at most 5 % beyond the best price."""
PPM = 1_000_000

T = TypeVar("T")

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
TIMES_IN_FORCE = {"GTC": Tif.GTC, "IOC": Tif.IOC, "FOK": Tif.FOK, "POST_ONLY": Tif.POST_ONLY}


class UnknownMarket(InvalidInput):
    """No market of this name."""

    code = "unknown_market"


class OrderRefused(Refused):
    """The engine refuses the order; `reason` is its code."""

    code = "order_refused"


class Answers(Protocol):
    """What the sequencer returns for commands."""

    @property
    def events(self) -> Records: ...  # noqa: D102
    @property
    def fills(self) -> Records: ...  # noqa: D102


class CommandPort(Protocol):
    """The part of the sequencer that trading needs."""

    @property
    def directory(self) -> AccountDirectory: ...  # noqa: D102
    def open_account(self, customer: CustomerId) -> int: ...  # noqa: D102
    def submit_commands(self, commands: Records) -> Answers: ...  # noqa: D102
    def read(self, view: Callable[[Engine], T]) -> T: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as a person writes it.

    Attributes:
        customer: Whose.
        market: Symbol, "BTC/ETH".
        side: "buy" or "sell".
        price: In quote coins; None for a market order.
        quantity: In base coins.
        time_in_force: "GTC", "IOC", "FOK" or "POST_ONLY"; the last two need a price.
    """

    customer: CustomerId
    market: str
    side: str
    price: str | None
    quantity: str
    time_in_force: str = "GTC"


@dataclass(frozen=True, slots=True)
class FillView:
    """One fill of an order: price in quote coins, quantity in base coins, as exact text."""

    price: str
    quantity: str


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """What became of an order at once.

    Attributes:
        order_id: Public id, the sequence number of the command.
        status: "open", "filled", "partly filled" or "expired".
        executed: Quantity filled, in base coins.
        fills: Each with its price.
    """

    order_id: int
    status: str
    executed: str
    fills: tuple[FillView, ...]


@dataclass(frozen=True, slots=True)
class MarketRow:
    """One market for people: prices in quote coins, None where a side is empty; state "open" or "halted"."""

    market: str
    state: str
    bid: str | None
    ask: str | None
    trades: int


class TradingDesk:
    """Takes orders for all markets."""

    def __init__(self, port: CommandPort, markets: Iterable[Market], session: int) -> None:
        """Bind the desk.

        Args:
            port: The sequencer.
            markets: Known markets.
            session: Number of this session; never used before in the journal.
        """
        self._port = port
        self._markets = {market.symbol: market for market in markets}
        self._session = session
        self._ids = itertools.count(1)

    @property
    def markets(self) -> Mapping[str, Market]:
        """All markets by symbol."""
        return self._markets

    def market(self, symbol: str) -> Market:
        """Look up a market.

        Raises:
            UnknownMarket: There is none of this name.
        """
        if symbol not in self._markets:
            known = ", ".join(sorted(self._markets)) or "none"
            raise UnknownMarket(f"unknown market {symbol!r}; known: {known}", market=symbol)
        return self._markets[symbol]

    def set_market(self, market: Market, *, is_open: bool) -> None:
        """Journal a market's terms, and open or halt it; the same again changes nothing.

        Raises:
            DustMarket: One lot at the lowest price would pay no fee.
            OrderRefused: The engine knows this number with other terms.
        """
        spec = market.spec(is_open=is_open)
        verify_smallest_fill(spec, spec.low, FeeSchedule())
        answer = self._port.submit_commands(pack_commands([SetMarket(spec)]))
        self._require_no_reject(answer, f"market {market.symbol}")
        self._markets[market.symbol] = market

    def rows(self, trades: Mapping[int, int]) -> list[MarketRow]:
        """Show all markets the engine knows; `trades` counts them by market number."""
        numbered = {market.number: market for market in self._markets.values()}

        def view(engine: Engine) -> list[MarketRow]:
            rows = []
            for spec in engine.markets():
                market = numbered.get(spec.market)
                if market is not None:
                    best = engine.best(spec.market)
                    bid, ask = (None if tick is None else market.price_text(tick) for tick in (best.bid, best.ask))
                    state = "open" if spec.open else "halted"
                    rows.append(MarketRow(market.symbol, state, bid, ask, trades.get(spec.market, 0)))
            return rows

        return self._port.read(view)

    def place(self, request: OrderRequest) -> OrderAnswer:
        """Place an order.

        Raises:
            UnknownMarket, InvalidInput, InvalidAmount: The request is malformed.
            OrderRefused: The engine says no: funds, halted, would cross...
        """
        market = self.market(request.market)
        side = _choose(SIDES, request.side, "side")
        tif = _choose(TIMES_IN_FORCE, request.time_in_force, "time in force")
        is_market = request.price is None
        if is_market and tif not in (Tif.GTC, Tif.IOC):
            raise InvalidInput(f"{request.time_in_force} needs a price")
        lots = market.lots(request.quantity)
        price = self._protection(market, side) if request.price is None else market.ticks(request.price)
        command = NewOrder(
            market.number,
            self._port.open_account(request.customer),  # last: what is malformed leaves no account behind
            side,
            price,
            lots,
            tif=Tif.IOC if is_market else tif,
            flags=OrderFlag.MARKET if is_market else OrderFlag(0),
            session=self._session,
            cmd_id=next(self._ids),
        )
        answer = self._port.submit_commands(pack_commands([command]))
        self._require_no_reject(answer, f"{request.side} {request.quantity} {request.market}")
        return _answer(market, command.qty, answer)

    def cancel(self, customer: CustomerId, order_id: int) -> None:
        """Cancel an open order.

        Raises:
            NotFound: The customer has no such open order.
        """
        account = self._port.directory.find(customer)
        orders = () if account is None else self._port.read(lambda engine: engine.open_orders(account))
        for order in orders:
            if order.order == order_id:
                command = Cancel(order.market, order.account, order.handle, self._session, next(self._ids))
                self._require_no_reject(self._port.submit_commands(pack_commands([command])), f"cancel {order_id}")
                return
        raise NotFound(f"{customer} has no open order {order_id}", order=order_id)

    def _protection(self, market: Market, side: Side) -> int:
        best = self._port.read(lambda engine: engine.best(market.number))
        opposite = best.ask if side is Side.BUY else best.bid
        if opposite is None:
            raise OrderRefused(f"{market.symbol}: nobody on the other side", market=market.symbol, reason="empty")
        step = opposite * PROTECTION_PPM // PPM
        lowest = market.ticks(market.lowest)
        wanted = opposite + step if side is Side.BUY else opposite - step
        return min(max(wanted, lowest), lowest + WINDOW_TICKS - 1)

    def _require_no_reject(self, answer: Answers, what: str) -> None:
        for event in answer.events:
            if event["kind"] == EventKind.REJECTED:
                reason = Reject(int(event["reason"])).name.lower()
                raise OrderRefused(f"{what}: refused by the engine: {reason}", reason=reason)


def _answer(market: Market, lots: int, answer: Answers) -> OrderAnswer:
    fills = tuple(
        FillView(market.price_text(int(fill["price"])), market.quantity_text(int(fill["qty"]))) for fill in answer.fills
    )
    executed = sum(int(fill["qty"]) for fill in answer.fills)
    accepted = next(event for event in answer.events if event["kind"] == EventKind.ACCEPTED)
    if executed == lots:
        status = "filled"
    elif accepted["handle"]:
        status = "open"
    else:
        status = "partly filled" if executed else "expired"
    return OrderAnswer(int(accepted["order"]), status, market.quantity_text(executed), fills)


def _choose(table: Mapping[str, T], text: str, what: str) -> T:
    if text not in table:
        raise InvalidInput(f"{what} {text!r}: one of {', '.join(table)}")
    return table[text]
