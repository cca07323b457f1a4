"""The plain twin's trading: admission, matching, self-trade prevention, holds, fees.

The rules in one place (docs/engine.md says why):
    * A refusal is the first of `codes.REJECT_PRECEDENCE` that applies; a refused order changes nothing.
    * A trade is at the resting order's price. Each fee is a floor, of each fill alone; a tenth goes to the fund.
    * A limit order must be covered in full at its price; a market order for what it would fill now.
    * Orders of one beneficial owner never trade; the mode of the incoming order says who gives way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exchange.engine.codes import (
    AMOUNT_CAP,
    FIRST_CUSTOMER,
    FUND_SHARE,
    MAX_FEE_PPM,
    PPM,
    Ending,
    EventKind,
    FeeMode,
    FillFlag,
    OrderFlag,
    Reject,
    Side,
    Stp,
    SystemAccount,
    Tif,
)
from exchange.engine.reference_book import Market, Order

if TYPE_CHECKING:
    import numpy as np

    from exchange.engine.reference import ReferenceEngine

_ORDER_FLAGS = int(OrderFlag.MARKET | OrderFlag.QUOTE_QTY)


@dataclass(slots=True)
class Incoming:
    """A NEW command that passed the first checks."""

    order: Order
    owner: int
    tif: Tif
    stp: Stp
    is_market: bool
    budget: int | None  # quote quanta, where the quantity is an amount
    fills: int = 0

    def can_rest(self) -> bool:
        """Whether what is left goes on the book."""
        return not self.is_market and self.tif in {Tif.GTC, Tif.POST_ONLY}


@dataclass(slots=True)
class Walk:
    """What an order would meet: lots it would trade and their cost."""

    lots: int = 0
    cost: int = 0


@dataclass(slots=True)
class Trading:
    """NEW commands of one engine."""

    engine: ReferenceEngine

    def place(self, command: np.void) -> None:
        """Accept or refuse an order, and carry it out."""
        result = self._admit(command)
        if isinstance(result, Reject):
            self.engine.report(EventKind.REJECTED, result)
            return
        order = result.order
        market = self.engine.books[order.market]
        accepted = self.engine.report(EventKind.ACCEPTED, 0, order=order.seq, price=order.price)
        self._match(result, market)
        if order.leaves and result.can_rest():
            self._rest(order, market)
            accepted |= {"handle": order.handle, "lots": order.leaves, "amount": order.hold}
        elif order.leaves or result.budget is not None:
            self.engine.report_order(order, EventKind.EXPIRED, Ending.IMMEDIATE, lots=order.leaves)

    # Admission ------------------------------------------------------------------------------

    def _admit(self, c: np.void) -> Incoming | Reject:  # noqa: PLR0911 - one return a reason
        flags = int(c["flags"])
        if not self._is_known(c, flags):
            return Reject.UNKNOWN
        market = self.engine.books[int(c["market"])]
        if not market.open:
            return Reject.HALTED
        if not market.admits(int(c["price"])):
            return Reject.BAND
        if not _is_valid_size(market, int(c["price"]), int(c["qty"]), is_amount=bool(flags & OrderFlag.QUOTE_QTY)):
            return Reject.INVALID
        incoming = self._incoming(c, flags)
        if incoming.can_rest() and not self.engine.slots.has_free():
            return Reject.CAPACITY
        if not self._is_funded(incoming, market):
            return Reject.FUNDS
        if incoming.tif == Tif.POST_ONLY and self._next_match(incoming.order, market) is not None:
            return Reject.POST_ONLY
        if incoming.tif == Tif.FOK and self._walk(incoming, market, stop_at_own=True).lots < incoming.order.leaves:
            return Reject.FOK
        return incoming

    def _is_known(self, c: np.void, flags: int) -> bool:
        if int(c["market"]) not in self.engine.books:
            return False
        if not FIRST_CUSTOMER <= int(c["account"]) < self.engine.config.max_accounts:
            return False
        if int(c["side"]) > max(Side) or int(c["tif"]) > max(Tif) or int(c["stp"]) > max(Stp):
            return False
        if int(c["ref"]) != 0 or int(c["aux"]) != 0 or flags > _ORDER_FLAGS or flags == OrderFlag.QUOTE_QTY:
            return False
        if flags and int(c["tif"]) == Tif.POST_ONLY:
            return False
        return not (flags & OrderFlag.QUOTE_QTY and int(c["tif"]) == Tif.FOK)

    def _incoming(self, c: np.void, flags: int) -> Incoming:
        account = self.engine.account(int(c["account"]))
        maker_ppm, taker_ppm = self.engine.rates(int(c["account"]))
        order = Order(
            seq=self.engine.seq,
            account=int(c["account"]),
            market=int(c["market"]),
            side=Side(int(c["side"])),
            price=int(c["price"]),
            leaves=int(c["qty"]),
            maker_ppm=maker_ppm,
            taker_ppm=taker_ppm,
        )
        budget = int(c["qty"]) if flags & OrderFlag.QUOTE_QTY else None
        is_market = bool(flags & OrderFlag.MARKET)
        return Incoming(order, account.owner, Tif(int(c["tif"])), Stp(int(c["stp"])), is_market, budget)

    def _is_funded(self, incoming: Incoming, market: Market) -> bool:
        order = incoming.order
        available = self.engine.purses[order.account, market.pay_asset(order.side)].available
        if not incoming.is_market:
            return market.hold(order) <= available
        walk = self._walk(incoming, market, stop_at_own=False)
        if incoming.budget is not None:
            order.leaves = walk.lots
        if order.side == Side.SELL:
            return walk.lots * market.terms.lot <= available
        fee = walk.cost * max(order.maker_ppm, order.taker_ppm) // PPM
        return walk.cost + (fee if market.terms.fee_mode == FeeMode.ON_TOP else 0) <= available

    def _walk(self, incoming: Incoming, market: Market, *, stop_at_own: bool) -> Walk:
        """Trade on paper. With a budget, an own order ends the walk in every mode but EXPIRE_MAKER."""
        order, walk = incoming.order, Walk()
        budget = incoming.budget if not stop_at_own else None
        left = order.leaves
        for resting in market.side(_other(order.side)).from_best():
            if not _crosses(order, resting.price) or (budget is None and left == 0):
                break
            if self.engine.account(resting.account).owner == incoming.owner:
                if stop_at_own or incoming.stp in {Stp.EXPIRE_TAKER, Stp.EXPIRE_BOTH}:
                    break
                if incoming.stp == Stp.DECREMENT:
                    if budget is not None:
                        break
                    left -= min(left, resting.leaves)
                continue
            each = market.cost(resting.price, 1)
            lots = min(left, resting.leaves) if budget is None else min(resting.leaves, (budget - walk.cost) // each)
            walk.lots += lots
            walk.cost += lots * each
            left -= lots
            if budget is not None and lots < resting.leaves:
                break
        return walk

    # Matching -------------------------------------------------------------------------------

    def _next_match(self, order: Order, market: Market) -> Order | None:
        """The resting order that the incoming one meets next."""
        other = market.side(_other(order.side))
        best = other.best()
        return other.queues[best][0] if best is not None and _crosses(order, best) else None

    def _match(self, incoming: Incoming, market: Market) -> None:
        order = incoming.order
        while order.leaves and (resting := self._next_match(order, market)) is not None:
            if self.engine.account(resting.account).owner == incoming.owner:
                self._meet_own(incoming, resting, market)
            else:
                self._fill(incoming, resting, market)

    def _meet_own(self, incoming: Incoming, resting: Order, market: Market) -> None:
        order = incoming.order
        if incoming.stp == Stp.DECREMENT:
            lots = min(order.leaves, resting.leaves)
            order.leaves -= lots
            resting.leaves -= lots
            released = resting.hold - market.hold(resting)
            self.engine.release_hold(resting, released)
            self.engine.report_order(resting, EventKind.DECREMENTED, Ending.SELF_TRADE, lots=lots, amount=released)
            self.engine.report_order(order, EventKind.DECREMENTED, Ending.SELF_TRADE, lots=lots)
            if not resting.leaves:
                self.engine.forget(resting)
            return
        if incoming.stp in {Stp.EXPIRE_MAKER, Stp.EXPIRE_BOTH}:
            self.engine.cancel(resting, Ending.SELF_TRADE)
        if incoming.stp in {Stp.EXPIRE_TAKER, Stp.EXPIRE_BOTH}:
            self.engine.report_order(order, EventKind.EXPIRED, Ending.SELF_TRADE, lots=order.leaves)
            order.leaves = 0

    def _fill(self, incoming: Incoming, resting: Order, market: Market) -> None:
        order = incoming.order
        lots = min(order.leaves, resting.leaves)
        quote, base = market.cost(resting.price, lots), lots * market.terms.lot
        on_top = market.terms.fee_mode == FeeMode.ON_TOP
        buyer, seller = (order, resting) if order.side == Side.BUY else (resting, order)
        buyer_ppm = order.taker_ppm if buyer is order else resting.maker_ppm
        seller_ppm = order.taker_ppm if seller is order else resting.maker_ppm
        fee_buyer = (quote if on_top else base) * buyer_ppm // PPM
        fee_seller = quote * seller_ppm // PPM
        self._charge(order, resting, (buyer, market.terms.quote), quote + (fee_buyer if on_top else 0))
        self._charge(order, resting, (seller, market.terms.base), base)
        self.engine.purses[buyer.account, market.terms.base].available += base - (0 if on_top else fee_buyer)
        self.engine.purses[seller.account, market.terms.quote].available += quote - fee_seller
        self._book_fee(market.terms.quote if on_top else market.terms.base, fee_buyer)
        self._book_fee(market.terms.quote, fee_seller)
        order.leaves -= lots
        resting.leaves -= lots
        market.last = resting.price
        flags = (FillFlag.BUYER_FEE_IN_QUOTE if on_top else 0) | (0 if resting.leaves else FillFlag.MAKER_DONE)
        amounts = (resting.price, lots, quote, fee_buyer, fee_seller)
        names = (buyer.account, seller.account, order.market, int(order.side), int(flags), incoming.fills)
        self.engine.fills.append((order.seq, resting.seq, resting.handle, *amounts, *names))
        incoming.fills += 1
        if not resting.leaves:
            self.engine.release_hold(resting, resting.hold)
            self.engine.forget(resting)

    def _charge(self, order: Order, resting: Order, payer: tuple[Order, int], amount: int) -> None:
        """Take an amount: from the hold of the resting order, from the available money of the incoming one."""
        who, asset = payer
        purse = self.engine.purses[who.account, asset]
        if who is order:
            purse.available -= amount
        else:
            resting.hold -= amount
            purse.order_hold -= amount

    def _book_fee(self, asset: int, fee: int) -> None:
        self.engine.purses[SystemAccount.FUND, asset].available += fee // FUND_SHARE
        self.engine.purses[SystemAccount.FEES, asset].available += fee - fee // FUND_SHARE

    def _rest(self, order: Order, market: Market) -> None:
        order.hold = market.hold(order)
        purse = self.engine.purses[order.account, market.pay_asset(order.side)]
        purse.available -= order.hold
        purse.order_hold += order.hold
        self.engine.slots.place(order)
        market.side(order.side).add(order)


def _other(side: Side) -> Side:
    return Side.SELL if side == Side.BUY else Side.BUY


def _crosses(order: Order, price: int) -> bool:
    return price <= order.price if order.side == Side.BUY else price >= order.price


def _is_valid_size(market: Market, price: int, qty: int, *, is_amount: bool) -> bool:
    if not 0 < qty <= AMOUNT_CAP:
        return False
    if is_amount:
        return True
    cost = market.cost(price, qty)
    return qty * market.terms.lot <= AMOUNT_CAP and cost + cost * MAX_FEE_PPM // PPM <= AMOUNT_CAP
