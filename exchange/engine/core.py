"""The compiled core: order books, holds, matching, fees, and the transfer ledger.

All compiled code stands in this one file, because the on-disk cache of the compiler watches only the file a
function stands in. For the same reason the codes are written out here and compared with `codes` at import.

Rules:
    * Integers only. Money is int64 quanta, at most 2**62, so that one addition never overflows.
    * A command is checked in full before it changes anything; output space is counted before it starts.
    * Nothing here raises: whatever a record holds, the answer is an event or a result code.
    * Bounds are checked in every array access; it costs a few percent and turns a bug into a stop.
    * uint64 never meets int64 in arithmetic (the result would be a float): masks and ids stay apart.
"""
# ruff: noqa: PLR0911, PLR1714, FBT003 - one return a reason; comparisons compile to less than membership; no keywords

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype

from custody.primitives.invariant import invariant
from exchange.engine import codes
from exchange.engine.records import CMD, EVENT, FILL, TRANSFER
from exchange.engine.state import OUTCOME

F = TypeVar("F", bound=Callable[..., Any])
Record = Any
"""One row of a structured array: a reference into its memory, so writing to it changes the array."""

Array = Any
"""A structured or plain array; its row is a `Record` or a number, which NumPy's types cannot say."""
Int = Any
"""An int64 in compiled code; the compiler, not the type checker, infers and checks these."""
Word = Any
"""A uint64 in compiled code."""
Flag = Any
"""A truth value in compiled code."""

# Codes, written out; see `_verify_codes` --------------------------------------------------

NEW, CANCEL, CANCEL_ALL, TICK, SET_FEE, SET_MARKET, SET_OWNER = 1, 2, 3, 5, 6, 7, 8
BUY, SELL = 0, 1
GTC, IOC, FOK, POST_ONLY = 0, 1, 2, 3
EXPIRE_TAKER, EXPIRE_MAKER, EXPIRE_BOTH, DECREMENT = 0, 1, 2, 3
FLAG_MARKET, FLAG_QUOTE_QTY, FLAG_ONE_MARKET = 1, 2, 64
RECEIVED, ON_TOP = 0, 1
UNKNOWN, FUNDS, BAND, WOULD_CROSS, NOT_FILLABLE, CAPACITY = 1, 2, 3, 4, 5, 6
NOT_OWNER, HALTED, INVALID = 7, 9, 11
ACCEPTED, REJECTED, CANCELED, EXPIRED, DECREMENTED, APPLIED = 1, 2, 3, 4, 7, 9
ASKED, IMMEDIATE, SELF_TRADE = 1, 2, 3
BUYER_FEE_IN_QUOTE, MAKER_DONE = 1, 2
CLEARING, FEES, FUND, FIRST_CUSTOMER = 0, 1, 3, 16
CAP = 1 << 62
WINDOW = 1 << 18
PPM, MAX_FEE_PPM, FUND_SHARE = 1_000_000, 100_000, 10

LINKED, PENDING, POST, VOID = 1, 2, 4, 8
OK, CHAIN_OPEN, CHAIN_FAILED, RESERVED_FIELD, INVALID_FLAGS, INVALID_ID = 0, 1, 2, 3, 4, 5
EXISTS_DIFFERENT, EXISTS, ALREADY_FAILED, UNKNOWN_ACCOUNT, SAME_ACCOUNT, UNKNOWN_LEDGER = 6, 7, 8, 9, 10, 11
INVALID_AMOUNT, INVALID_PENDING_ID, PENDING_NOT_FOUND, NOT_PENDING, PENDING_DIFFERENT = 12, 13, 14, 15, 16
EXCEEDS_PENDING, ALREADY_POSTED, ALREADY_VOIDED, NO_FUNDS, OVERFLOW = 17, 18, 19, 20, 21
NEVER, OPEN, POSTED, VOIDED = 0, 1, 2, 3

# Layout of the working state --------------------------------------------------------------

BIT_WORDS = 4096 + 64 + 1
"""Words of one side's bitmap: one bit a tick, one a word of those, one a word of those."""

SEQ, LAST_TICK, HIGH_SLOT, FREE_COUNT, EVENT_COUNT, FILL_COUNT, TRANSFER_COUNT, COUNTERS = 0, 1, 2, 3, 4, 5, 6, 7

ORDER = np.dtype(
    [
        ("price", "<i8"),
        ("leaves", "<i8"),
        ("hold", "<i8"),
        ("seq", "<i8"),
        ("account", "<u4"),
        ("maker_ppm", "<u4"),
        ("taker_ppm", "<u4"),
        ("generation", "<u4"),
        ("next", "<u4"),
        ("prev", "<u4"),
        ("market", "<u2"),
        ("side", "u1"),
        ("live", "u1"),
        ("spare", "<u4"),
    ],
    align=True,
)

LEVEL = np.dtype([("qty", "<i8"), ("head", "<u4"), ("tail", "<u4")], align=True)

MARKET = np.dtype(
    [
        (name, "<i8")
        for name in (
            *("defined", "open", "fee_mode", "base", "quote", "multiplier", "lot", "low", "last"),
            *("best_bid", "best_ask"),  # tick within the window; -1 and WINDOW where the side is empty
            *("bids", "asks"),  # resting orders
        )
    ],
    align=True,
)

ACCOUNT = np.dtype([(name, "<u4") for name in ("owner", "maker_ppm", "taker_ppm", "has_rates")], align=True)
BALANCE = np.dtype([(name, "<i8") for name in ("available", "order_hold", "pending_out")], align=True)

TAKER = np.dtype(
    [
        ("cmd_id", "<u8"),
        *(
            (name, "<i8")
            for name in (
                *("seq", "account", "owner", "market", "side", "stp", "price", "limit", "leaves"),
                *("maker_ppm", "taker_ppm", "accepted", "fills"),
                *("paid", "got", "base_fee", "quote_fee", "base_fund", "quote_fund"),
                *("walk_lots", "walk_cost", "walk_touched"),
            )
        ),
    ],
    align=True,
)
"""The command in progress: one scratch record instead of twenty arguments."""


class Books(NamedTuple):
    """Working state of trading and the output buffers."""

    orders: Array  # ORDER, slot 0 unused
    free: Array  # u4, stack of free slots
    levels: Array  # LEVEL, market * WINDOW + tick
    bits: Array  # u8, (market * 2 + side) * BIT_WORDS
    markets: Array  # MARKET
    accounts: Array  # ACCOUNT
    balances: Array  # BALANCE, account by asset
    counters: Array  # i8
    taker: Array  # TAKER, one record
    events: Array  # EVENT
    fills: Array  # FILL


class Ledger(NamedTuple):
    """Working state of the transfer ledger; balances and counters are those of `Books`."""

    transfers: Array  # TRANSFER
    outcomes: Array  # OUTCOME
    index: Array  # i8, open addressing, power of two: transfer row + 1, or 0
    balances: Array
    counters: Array


def _array(dtype: object, dimensions: int = 1) -> types.Array:
    return types.Array(from_dtype(np.dtype(dtype)), dimensions, "C")  # type: ignore[call-overload]


_COMMANDS, _TRANSFERS, _CODES = _array(CMD), _array(TRANSFER), _array("u1")
_COUNTERS, _BALANCES = _array("<i8"), _array(BALANCE, 2)
_BOOKS = types.NamedTuple(
    (
        *(_array(ORDER), _array("<u4"), _array(LEVEL), _array("<u8"), _array(MARKET), _array(ACCOUNT)),
        *(_BALANCES, _COUNTERS, _array(TAKER), _array(EVENT), _array(FILL)),
    ),
    Books,
)
_LEDGER = types.NamedTuple((_TRANSFERS, _array(OUTCOME), _array("<i8"), _BALANCES, _COUNTERS), Ledger)


def compiled(*signatures: object) -> Callable[[F], F]:
    """Compile a function, eagerly where signatures are given, cached on disk where that is possible.

    An installed package may stand in a read-only place without a home for caches: then compile at each start.
    No function here allocates, so none needs the compiler's reference counting of arrays (`_nrt`); with it the
    counting alone would take nine tenths of the time. The caller keeps the arrays alive during the call.
    """

    def decorate(function: F) -> F:
        wanted = list(signatures) or None
        try:
            result: F = njit(wanted, cache=True, boundscheck=True, _nrt=False)(function)
        except RuntimeError:  # the compiler found no writable place for its cache
            result = njit(wanted, cache=False, boundscheck=True, _nrt=False)(function)
        return result

    return decorate


# Bitmaps: which ticks of a side hold orders -------------------------------------------------

ONE = np.uint64(1)
ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
ZERO = np.uint64(0)


@intrinsic  # type: ignore[untyped-decorator]
def _trailing_zeros(_context: Any, _word: Any) -> Any:  # noqa: ANN401 - the compiler's own interface
    def emit(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.cttz(arguments[0], cgutils.true_bit)

    return types.int64(types.uint64), emit


@intrinsic  # type: ignore[untyped-decorator]
def _leading_zeros(_context: Any, _word: Any) -> Any:  # noqa: ANN401 - the compiler's own interface
    def emit(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.ctlz(arguments[0], cgutils.true_bit)

    return types.int64(types.uint64), emit


@compiled()
def _bit(position: Int) -> Word:
    return ONE << np.uint64(position & 63)


@compiled()
def _set_tick(bits: Array, base: Int, tick: Int) -> None:
    bits[base + (tick >> 6)] |= _bit(tick)
    bits[base + 4096 + (tick >> 12)] |= _bit(tick >> 6)
    bits[base + 4160] |= _bit(tick >> 12)


@compiled()
def _clear_tick(bits: Array, base: Int, tick: Int) -> None:
    bits[base + (tick >> 6)] &= ~_bit(tick)
    if bits[base + (tick >> 6)] == ZERO:
        bits[base + 4096 + (tick >> 12)] &= ~_bit(tick >> 6)
        if bits[base + 4096 + (tick >> 12)] == ZERO:
            bits[base + 4160] &= ~_bit(tick >> 12)


@compiled()
def _tick_above(bits: Array, base: Int, tick: Int) -> Int:
    """Lowest occupied tick above this one; WINDOW where there is none."""
    word = bits[base + (tick >> 6)] & ((ALL << np.uint64(tick & 63)) << ONE)
    if word != ZERO:
        return (tick >> 6 << 6) + _trailing_zeros(word)
    group = tick >> 6
    word = bits[base + 4096 + (group >> 6)] & ((ALL << np.uint64(group & 63)) << ONE)
    if word == ZERO:
        top = group >> 6
        above = bits[base + 4160] & ((ALL << np.uint64(top)) << ONE)
        if above == ZERO:
            return WINDOW
        top = _trailing_zeros(above)
        word = bits[base + 4096 + top]
        group = (top << 6) + _trailing_zeros(word)
    else:
        group = (group >> 6 << 6) + _trailing_zeros(word)
    return (group << 6) + _trailing_zeros(bits[base + group])


@compiled()
def _tick_below(bits: Array, base: Int, tick: Int) -> Int:
    """Highest occupied tick below this one; -1 where there is none."""
    word = bits[base + (tick >> 6)] & (_bit(tick) - ONE)
    if word != ZERO:
        return (tick >> 6 << 6) + 63 - _leading_zeros(word)
    group = tick >> 6
    word = bits[base + 4096 + (group >> 6)] & (_bit(group) - ONE)
    if word == ZERO:
        top = group >> 6
        below = bits[base + 4160] & (_bit(top) - ONE)
        if below == ZERO:
            return -1
        top = 63 - _leading_zeros(below)
        word = bits[base + 4096 + top]
        group = (top << 6) + 63 - _leading_zeros(word)
    else:
        group = (group >> 6 << 6) + 63 - _leading_zeros(word)
    return (group << 6) + 63 - _leading_zeros(bits[base + group])


@compiled()
def _next_tick(s: Books, market: Int, side: Int, tick: Int) -> Int:
    """The next worse occupied tick of a side."""
    base = (market * 2 + side) * BIT_WORDS
    if side == SELL:
        return _tick_above(s.bits, base, tick)
    return _tick_below(s.bits, base, tick)


# Money --------------------------------------------------------------------------------------


@compiled()
def fee_of(amount: Int, ppm: Int) -> Int:
    """Exact floor(amount * ppm / 10**6) in int64, for 0 <= amount <= 2**62 and 0 <= ppm <= 10**6."""
    return (amount // PPM) * ppm + (amount % PPM) * ppm // PPM


@compiled()
def _hold_of(mk: Record, side: Int, terms: tuple[Int, Int, Int]) -> Int:
    """Quanta to set aside for a resting order of (price, lots, highest rate)."""
    price, lots, ppm = terms
    if side == SELL:
        return lots * mk.lot
    cost = price * lots * mk.multiplier
    if mk.fee_mode == ON_TOP:
        return cost + fee_of(cost, ppm)
    return cost


@compiled()
def _pay_asset(mk: Record, side: Int) -> Int:
    return mk.quote if side == BUY else mk.base


# Orders and levels ---------------------------------------------------------------------------


@compiled()
def _handle(s: Books, slot: Int) -> Int:
    return np.int64(s.orders[slot].generation) << 32 | slot


@compiled()
def _take_slot(s: Books) -> Int:
    """Claim a free order slot, the last one freed first; 0 where there is none."""
    if s.counters[FREE_COUNT] > 0:
        s.counters[FREE_COUNT] -= 1
        return np.int64(s.free[s.counters[FREE_COUNT]])
    if s.counters[HIGH_SLOT] + 1 >= len(s.orders):
        return 0
    s.counters[HIGH_SLOT] += 1
    return s.counters[HIGH_SLOT]


@compiled()
def _has_slot(s: Books) -> Flag:
    return s.counters[FREE_COUNT] > 0 or s.counters[HIGH_SLOT] + 1 < len(s.orders)


@compiled()
def _append(s: Books, slot: Int) -> None:
    """Put the order at the tail of its level and keep bitmap and best price."""
    o = s.orders[slot]
    mk = s.markets[o.market]
    tick = o.price - mk.low
    level = s.levels[o.market * WINDOW + tick]
    o.next = 0
    o.prev = level.tail
    if level.tail == 0:
        level.head = slot
        _set_tick(s.bits, (np.int64(o.market) * 2 + o.side) * BIT_WORDS, tick)
        if o.side == BUY:
            mk.best_bid = max(mk.best_bid, tick)
        else:
            mk.best_ask = min(mk.best_ask, tick)
    else:
        s.orders[level.tail].next = slot
    level.tail = slot
    level.qty += o.leaves
    if o.side == BUY:
        mk.bids += 1
    else:
        mk.asks += 1


@compiled()
def _remove(s: Books, slot: Int) -> None:
    """Take the order out of its level and free its slot under a new generation."""
    o = s.orders[slot]
    mk = s.markets[o.market]
    tick = o.price - mk.low
    level = s.levels[o.market * WINDOW + tick]
    if o.prev == 0:
        level.head = o.next
    else:
        s.orders[o.prev].next = o.next
    if o.next == 0:
        level.tail = o.prev
    else:
        s.orders[o.next].prev = o.prev
    level.qty -= o.leaves
    if o.side == BUY:
        mk.bids -= 1
    else:
        mk.asks -= 1
    if level.head == 0:
        _clear_tick(s.bits, (np.int64(o.market) * 2 + o.side) * BIT_WORDS, tick)
        if o.side == BUY and tick == mk.best_bid:
            mk.best_bid = _next_tick(s, np.int64(o.market), BUY, tick)
        elif o.side == SELL and tick == mk.best_ask:
            mk.best_ask = _next_tick(s, np.int64(o.market), SELL, tick)
    o.live = 0
    o.generation = (np.int64(o.generation) + 1) & 0x7FFF_FFFF
    s.free[s.counters[FREE_COUNT]] = slot
    s.counters[FREE_COUNT] += 1


@compiled()
def _release(s: Books, slot: Int, amount: Int) -> None:
    """Give part of the order's hold back to its account."""
    o = s.orders[slot]
    balance = s.balances[o.account, _pay_asset(s.markets[o.market], o.side)]
    o.hold -= amount
    balance.order_hold -= amount
    balance.available += amount


# Events ---------------------------------------------------------------------------------------


@compiled()
def _command_event(s: Books, c: Record, kind: Int, reason: Int) -> Int:
    """Write an event about the command itself; the caller may fill in more."""
    at = s.counters[EVENT_COUNT]
    s.counters[EVENT_COUNT] = at + 1
    e = s.events[at]
    e.kind = kind
    e.reason = reason
    e.market = c.market
    e.account = c.account
    e.seq = s.taker[0].seq
    e.order = 0
    e.handle = 0
    e.price = 0
    e.lots = 0
    e.amount = 0
    e.cmd_id = c.cmd_id
    return at


@compiled()
def _order_event(s: Books, slot: Int, why: tuple[Int, Int], lots: Int, amount: Int) -> None:
    """Write an event about a resting order."""
    at = s.counters[EVENT_COUNT]
    s.counters[EVENT_COUNT] = at + 1
    e = s.events[at]
    o = s.orders[slot]
    e.kind = why[0]
    e.reason = why[1]
    e.market = o.market
    e.account = o.account
    e.seq = s.taker[0].seq
    e.order = o.seq
    e.handle = _handle(s, slot)
    e.price = o.price
    e.lots = lots
    e.amount = amount
    e.cmd_id = s.taker[0].cmd_id


@compiled()
def _taker_event(s: Books, t: Record, kind: Int, reason: Int, lots: Int) -> None:
    """Write an event about the order in progress, which does not rest."""
    at = s.counters[EVENT_COUNT]
    s.counters[EVENT_COUNT] = at + 1
    e = s.events[at]
    e.kind = kind
    e.reason = reason
    e.market = t.market
    e.account = t.account
    e.seq = t.seq
    e.order = t.seq
    e.handle = 0
    e.price = t.price
    e.lots = lots
    e.amount = 0
    e.cmd_id = t.cmd_id


@compiled()
def _cancel(s: Books, slot: Int, ending: Int) -> None:
    """End a resting order: release all of its hold, report it, free it."""
    o = s.orders[slot]
    hold = o.hold
    _release(s, slot, hold)
    _order_event(s, slot, (CANCELED, ending), o.leaves, hold)
    _remove(s, slot)


# Dry walk: what an order would meet, without changing anything -----------------------------------


@compiled()
def _crosses(mk: Record, side: Int, limit: Int) -> Flag:
    if side == BUY:
        return mk.best_ask <= limit
    return mk.best_bid >= limit


@compiled()
def _walk(s: Books, t: Record, budget: Int, stop_at_own: Flag) -> None:
    """Count what the taker would fill now: lots, cost and orders touched.

    With `budget` >= 0 (quote quanta) the taker's lots are not limited, its cost is; DECREMENT then stops at an
    own order as well, since lots taken off there have no cost.
    """
    mk = s.markets[t.market]
    other = SELL if t.side == BUY else BUY
    tick = mk.best_ask if t.side == BUY else mk.best_bid
    lots = cost = touched = blocked = np.int64(0)
    wanted = t.leaves if budget < 0 else np.int64(CAP)
    while wanted > 0 and blocked == 0 and ((t.side == BUY and tick <= t.limit) or (t.side == SELL and tick >= t.limit)):
        slot = np.int64(s.levels[t.market * WINDOW + tick].head)
        while slot != 0 and wanted > 0 and blocked == 0:
            o = s.orders[slot]
            touched += 1
            take = min(wanted, o.leaves)
            if s.accounts[o.account].owner == t.owner:
                if stop_at_own or t.stp == EXPIRE_TAKER or t.stp == EXPIRE_BOTH or (budget >= 0 and t.stp == DECREMENT):
                    blocked = np.int64(1)
                elif t.stp == DECREMENT:
                    wanted -= take
            else:
                each = o.price * mk.multiplier
                if budget >= 0 and take > (budget - cost) // each:
                    take = (budget - cost) // each
                    wanted = take
                lots += take
                cost += take * each
                wanted -= take
            slot = np.int64(o.next)
        tick = _next_tick(s, t.market, other, tick)
    t.walk_lots = lots
    t.walk_cost = cost
    t.walk_touched = touched


# Matching ---------------------------------------------------------------------------------------


@compiled()
def _book_fees(t: Record, base_fee: Int, quote_fee: Int) -> None:
    t.base_fee += base_fee
    t.base_fund += base_fee // FUND_SHARE
    t.quote_fee += quote_fee
    t.quote_fund += quote_fee // FUND_SHARE


@compiled()
def _pay_maker(s: Books, slot: Int, spent: Int, income: Int) -> None:
    o = s.orders[slot]
    mk = s.markets[o.market]
    o.hold -= spent
    s.balances[o.account, _pay_asset(mk, o.side)].order_hold -= spent
    s.balances[o.account, _pay_asset(mk, 1 - o.side)].available += income


@compiled()
def _fill(s: Books, t: Record, slot: Int) -> None:
    """Trade the taker against one resting order at the resting price; fees round down, each on its own."""
    o = s.orders[slot]
    mk = s.markets[t.market]
    lots = min(t.leaves, o.leaves)
    quote = o.price * lots * mk.multiplier
    base = lots * mk.lot
    on_top = mk.fee_mode == ON_TOP
    t.leaves -= lots
    o.leaves -= lots
    s.levels[t.market * WINDOW + o.price - mk.low].qty -= lots
    buyer_ppm = t.taker_ppm if t.side == BUY else np.int64(o.maker_ppm)
    seller_ppm = np.int64(o.maker_ppm) if t.side == BUY else t.taker_ppm
    fee_buyer = fee_of(quote if on_top else base, buyer_ppm)
    fee_seller = fee_of(quote, seller_ppm)
    buyer_pays = quote + fee_buyer if on_top else quote
    buyer_gets = base if on_top else base - fee_buyer
    if t.side == BUY:
        t.paid += buyer_pays
        t.got += buyer_gets
        _pay_maker(s, slot, base, quote - fee_seller)
    else:
        t.paid += base
        t.got += quote - fee_seller
        _pay_maker(s, slot, buyer_pays, buyer_gets)
    if on_top:
        _book_fees(t, 0, fee_buyer)
        _book_fees(t, 0, fee_seller)
    else:
        _book_fees(t, fee_buyer, fee_seller)
    mk.last = o.price
    _write_fill(s, t, slot, (lots, quote), (fee_buyer, fee_seller))
    if o.leaves == 0:
        _release(s, slot, o.hold)
        _remove(s, slot)


@compiled()
def _write_fill(s: Books, t: Record, slot: Int, amounts: tuple[Int, Int], fees: tuple[Int, Int]) -> None:
    o = s.orders[slot]
    f = s.fills[s.counters[FILL_COUNT]]
    s.counters[FILL_COUNT] += 1
    f.seq = t.seq
    f.maker = o.seq
    f.handle = _handle(s, slot)
    f.price = o.price
    f.qty = amounts[0]
    f.quote = amounts[1]
    f.fee_buyer = fees[0]
    f.fee_seller = fees[1]
    f.buyer = t.account if t.side == BUY else np.int64(o.account)
    f.seller = np.int64(o.account) if t.side == BUY else t.account
    f.market = t.market
    f.taker_side = t.side
    f.flags = s.markets[t.market].fee_mode * BUYER_FEE_IN_QUOTE + (MAKER_DONE if o.leaves == 0 else 0)
    f.index = t.fills
    t.fills += 1


@compiled()
def _meet_own(s: Books, t: Record, slot: Int) -> None:
    """Prevent a trade between accounts of one beneficial owner, in the way the taker asked for."""
    o = s.orders[slot]
    if t.stp == DECREMENT:
        lots = min(t.leaves, o.leaves)
        mk = s.markets[t.market]
        o.leaves -= lots
        t.leaves -= lots
        s.levels[t.market * WINDOW + o.price - mk.low].qty -= lots
        ppm = max(np.int64(o.maker_ppm), np.int64(o.taker_ppm))
        released = o.hold - _hold_of(mk, o.side, (o.price, o.leaves, ppm))
        _release(s, slot, released)
        _order_event(s, slot, (DECREMENTED, SELF_TRADE), lots, released)
        _taker_event(s, t, DECREMENTED, SELF_TRADE, lots)
        if o.leaves == 0:
            _remove(s, slot)
        return
    if t.stp != EXPIRE_TAKER:
        _cancel(s, slot, SELF_TRADE)
    if t.stp != EXPIRE_MAKER:
        _taker_event(s, t, EXPIRED, SELF_TRADE, t.leaves)
        t.leaves = 0


@compiled()
def _match(s: Books, t: Record) -> None:
    """Trade while the taker has lots and the best opposite price is within its limit."""
    mk = s.markets[t.market]
    while t.leaves > 0 and _crosses(mk, t.side, t.limit):
        tick = mk.best_ask if t.side == BUY else mk.best_bid
        slot = np.int64(s.levels[t.market * WINDOW + tick].head)
        if s.accounts[s.orders[slot].account].owner == t.owner:
            _meet_own(s, t, slot)
        else:
            _fill(s, t, slot)
    if t.fills > 0:
        _settle(s, t)


@compiled()
def _settle(s: Books, t: Record) -> None:
    """Book the sums of all fills of the command: the taker's two legs and the house's fees."""
    mk = s.markets[t.market]
    s.balances[t.account, _pay_asset(mk, t.side)].available -= t.paid
    s.balances[t.account, _pay_asset(mk, 1 - t.side)].available += t.got
    s.balances[FEES, mk.base].available += t.base_fee - t.base_fund
    s.balances[FUND, mk.base].available += t.base_fund
    s.balances[FEES, mk.quote].available += t.quote_fee - t.quote_fund
    s.balances[FUND, mk.quote].available += t.quote_fund


@compiled()
def _rest(s: Books, t: Record) -> None:
    """Put what is left of the taker on the book and set its hold aside."""
    slot = _take_slot(s)
    o = s.orders[slot]
    mk = s.markets[t.market]
    o.price = t.price
    o.leaves = t.leaves
    o.seq = t.seq
    o.account = t.account
    o.maker_ppm = t.maker_ppm
    o.taker_ppm = t.taker_ppm
    o.market = t.market
    o.side = t.side
    o.live = 1
    o.hold = _hold_of(mk, t.side, (t.price, t.leaves, max(t.maker_ppm, t.taker_ppm)))
    balance = s.balances[t.account, _pay_asset(mk, t.side)]
    balance.available -= o.hold
    balance.order_hold += o.hold
    _append(s, slot)
    e = s.events[t.accepted]
    e.handle = _handle(s, slot)
    e.lots = t.leaves
    e.amount = o.hold


# NEW ----------------------------------------------------------------------------------------------


@compiled()
def _is_known_order(s: Books, c: Record) -> Flag:
    """Whether market, account and every code of a NEW command exist."""
    if c.market >= len(s.markets) or s.markets[c.market].defined == 0:
        return False
    if c.account < FIRST_CUSTOMER or c.account >= len(s.accounts):
        return False
    if c.side > SELL or c.tif > POST_ONLY or c.stp > DECREMENT or c.ref != 0 or c.aux != 0:
        return False
    if c.flags > (FLAG_MARKET | FLAG_QUOTE_QTY) or c.flags == FLAG_QUOTE_QTY:
        return False
    if c.flags == 0:
        return True
    return c.tif != POST_ONLY and not (c.tif == FOK and c.flags & FLAG_QUOTE_QTY)


@compiled()
def _is_valid_size(mk: Record, c: Record) -> Flag:
    """Whether quantity, cost and fee stay within the cap; divides, since the product might overflow."""
    if c.qty <= 0 or c.qty > CAP:
        return False
    if c.flags & FLAG_QUOTE_QTY:
        return True
    if c.qty > CAP // mk.lot or c.qty > CAP // (c.price * mk.multiplier):
        return False
    cost = c.price * c.qty * mk.multiplier
    return cost <= CAP - fee_of(cost, MAX_FEE_PPM)


@compiled()
def _begin(s: Books, c: Record) -> None:
    """Copy the command into the scratch record, with the rates and the owner of its account."""
    t = s.taker[0]
    t.account = c.account
    t.market = c.market
    t.side = c.side
    t.stp = c.stp
    t.price = c.price
    t.limit = c.price - s.markets[c.market].low
    t.leaves = c.qty
    rates = s.accounts[c.account] if s.accounts[c.account].has_rates else s.accounts[0]
    t.maker_ppm = rates.maker_ppm
    t.taker_ppm = rates.taker_ppm
    t.owner = s.accounts[c.account].owner
    t.fills = 0
    t.paid = 0
    t.got = 0
    t.base_fee = 0
    t.quote_fee = 0
    t.base_fund = 0
    t.quote_fund = 0


@compiled()
def _is_funded(s: Books, t: Record, c: Record) -> Flag:
    """Whether the account can pay: a limit order in full at its price, a market order what it would fill now."""
    mk = s.markets[t.market]
    available = s.balances[t.account, _pay_asset(mk, t.side)].available
    ppm = max(t.maker_ppm, t.taker_ppm)
    if not c.flags & FLAG_MARKET:
        return _hold_of(mk, t.side, (t.price, t.leaves, ppm)) <= available
    _walk(s, t, c.qty if c.flags & FLAG_QUOTE_QTY else np.int64(-1), False)
    if c.flags & FLAG_QUOTE_QTY:
        t.leaves = t.walk_lots
    if t.side == SELL:
        return t.walk_lots <= available // mk.lot
    return t.walk_cost + (fee_of(t.walk_cost, ppm) if mk.fee_mode == ON_TOP else 0) <= available


@compiled()
def _refusal_of_order(s: Books, c: Record) -> Int:
    """The first reason against a NEW command, in the fixed order; 0 where there is none."""
    if not _is_known_order(s, c):
        return UNKNOWN
    mk = s.markets[c.market]
    if mk.open == 0:
        return HALTED
    if c.price < mk.low or c.price >= mk.low + WINDOW:
        return BAND
    if not _is_valid_size(mk, c):
        return INVALID
    can_rest = c.flags == 0 and (c.tif == GTC or c.tif == POST_ONLY)
    if can_rest and not _has_slot(s):
        return CAPACITY
    _begin(s, c)
    t = s.taker[0]
    if not _is_funded(s, t, c):
        return FUNDS
    crosses = _crosses(mk, t.side, t.limit)
    if c.tif == POST_ONLY and crosses:
        return WOULD_CROSS
    if c.tif == FOK:
        _walk(s, t, np.int64(-1), True)
        if t.walk_lots < t.leaves:
            return NOT_FILLABLE
    return 0


@compiled()
def _has_room(s: Books, t: Record) -> Flag:
    """Whether the output buffers hold all this order can cause: a bound first, an exact count if that fails."""
    mk = s.markets[t.market]
    if not _crosses(mk, t.side, t.limit):
        return True
    touched = mk.asks if t.side == BUY else mk.bids
    events = len(s.events) - s.counters[EVENT_COUNT] - 4
    fills = len(s.fills) - s.counters[FILL_COUNT]
    if touched <= fills and 2 * touched <= events:
        return True
    _walk(s, t, np.int64(-1), False)
    return t.walk_touched <= fills and 2 * t.walk_touched <= events


@compiled()
def _new(s: Books, c: Record) -> Flag:
    """Place an order; False, with nothing changed, where the output buffers are too short."""
    refusal = _refusal_of_order(s, c)
    if refusal:
        _command_event(s, c, REJECTED, refusal)
        return True
    t = s.taker[0]
    if not _has_room(s, t):
        return False
    t.accepted = _command_event(s, c, ACCEPTED, 0)
    e = s.events[t.accepted]
    e.order = t.seq
    e.price = t.price
    _match(s, t)
    if t.leaves > 0 or c.flags & FLAG_QUOTE_QTY:
        if c.flags == 0 and (c.tif == GTC or c.tif == POST_ONLY):
            _rest(s, t)
        else:
            _taker_event(s, t, EXPIRED, IMMEDIATE, t.leaves)
    return True


# The other commands ---------------------------------------------------------------------------------


@compiled()
def _cancel_one(s: Books, c: Record) -> None:
    """Cancel by handle: the slot must be live, of this generation, in this market, and of this account."""
    slot = c.ref & 0xFFFF_FFFF
    is_live = c.ref > 0 and 0 < slot <= s.counters[HIGH_SLOT] and s.orders[slot].live == 1
    if not is_live or _handle(s, slot) != c.ref or s.orders[slot].market != c.market:
        _command_event(s, c, REJECTED, UNKNOWN)
    elif s.orders[slot].account != c.account:
        _command_event(s, c, REJECTED, NOT_OWNER)
    else:
        _cancel(s, slot, ASKED)


@compiled()
def _is_meant(s: Books, c: Record, slot: Int) -> Flag:
    o = s.orders[slot]
    if o.live == 0 or o.account != c.account:
        return False
    return c.flags != FLAG_ONE_MARKET or o.market == c.market


@compiled()
def _cancel_all(s: Books, c: Record) -> Flag:
    """Cancel all orders of an account, slot by slot; False where the event buffer is too short."""
    if c.account < FIRST_CUSTOMER or c.account >= len(s.accounts):
        _command_event(s, c, REJECTED, UNKNOWN)
        return True
    if (c.flags != 0 and c.flags != FLAG_ONE_MARKET) or (c.flags == 0 and c.market != 0):
        _command_event(s, c, REJECTED, UNKNOWN)
        return True
    count = np.int64(0)
    for slot in range(1, s.counters[HIGH_SLOT] + 1):
        if _is_meant(s, c, slot):
            count += 1
    if count + 1 > len(s.events) - s.counters[EVENT_COUNT]:
        return False
    for slot in range(1, s.counters[HIGH_SLOT] + 1):
        if _is_meant(s, c, slot):
            _cancel(s, slot, ASKED)
    s.events[_command_event(s, c, APPLIED, 0)].lots = count
    return True


@compiled()
def _set_fee(s: Books, c: Record) -> Int:
    is_payer = c.account == CLEARING or FIRST_CUSTOMER <= c.account < len(s.accounts)
    if not is_payer:
        return UNKNOWN
    if c.price < 0 or c.price > MAX_FEE_PPM or c.qty < 0 or c.qty > MAX_FEE_PPM:
        return INVALID
    a = s.accounts[c.account]
    a.maker_ppm = c.price
    a.taker_ppm = c.qty
    a.has_rates = 1
    return 0


@compiled()
def _set_owner(s: Books, c: Record) -> Int:
    if c.account < FIRST_CUSTOMER or c.account >= len(s.accounts):
        return UNKNOWN
    if c.ref < FIRST_CUSTOMER or c.ref >= len(s.accounts):
        return UNKNOWN
    s.accounts[c.account].owner = c.ref
    return 0


@compiled()
def _is_valid_market(s: Books, c: Record) -> Flag:
    base = c.ref >> 32
    quote = c.ref & 0xFFFF_FFFF
    assets = s.balances.shape[1]
    if c.ref < 0 or base >= assets or quote >= assets or base == quote:
        return False
    if c.price < 1 or c.price > CAP or c.qty < 1 or c.qty > CAP:
        return False
    return c.aux >= 1 and c.aux <= CAP // c.price - WINDOW


@compiled()
def _set_market(s: Books, c: Record) -> Int:
    """Define a market, open or halt it, or move its price window. The terms of a market never change."""
    if c.market >= len(s.markets) or c.account != CLEARING or c.side > 1 or c.tif > ON_TOP:
        return UNKNOWN
    if not _is_valid_market(s, c):
        return INVALID
    mk = s.markets[c.market]
    base = c.ref >> 32
    quote = c.ref & 0xFFFF_FFFF
    if mk.defined == 0:
        mk.defined = 1
        mk.base = base
        mk.quote = quote
        mk.multiplier = c.price
        mk.lot = c.qty
        mk.fee_mode = c.tif
        mk.low = c.aux
    elif mk.base != base or mk.quote != quote or mk.multiplier != c.price or mk.lot != c.qty or mk.fee_mode != c.tif:
        return INVALID
    elif mk.low != c.aux and not _move_window(s, np.int64(c.market), c.aux):
        return BAND
    mk.open = c.side
    return 0


@compiled()
def _outermost(s: Books, market: Int, side: Int) -> Int:
    """The occupied tick of a side that is farthest from the best price."""
    base = (market * 2 + side) * BIT_WORDS
    if side == SELL:
        if s.bits[base + 4095] & _bit(63):
            return WINDOW - 1
        return _tick_below(s.bits, base, WINDOW - 1)
    if s.bits[base] & ONE:
        return 0
    return _tick_above(s.bits, base, 0)


@compiled()
def _move_window(s: Books, market: Int, low: Int) -> Flag:
    """Give the price window another lowest tick; False where a resting order would fall out of it."""
    mk = s.markets[market]
    shift = mk.low - low
    if mk.bids > 0 and _outermost(s, market, BUY) + shift < 0:
        return False
    if mk.asks > 0 and _outermost(s, market, SELL) + shift >= WINDOW:
        return False
    if mk.bids > 0 and mk.best_bid + shift >= WINDOW:
        return False
    if mk.asks > 0 and mk.best_ask + shift < 0:
        return False
    mk.low = low
    _rebuild_market(s, market, shift)
    return True


@compiled()
def _rebuild_market(s: Books, market: Int, shift: Int) -> None:
    """Move every level of the market by `shift` ticks; links between orders stay as they are."""
    mk = s.markets[market]
    for step in range(2):
        # Away from the direction of movement, so that no level is overwritten before it has moved.
        side = BUY if (shift < 0) == (step == 0) else SELL
        base = (market * 2 + side) * BIT_WORDS
        count = np.int64(0)
        if (side == BUY and mk.bids > 0) or (side == SELL and mk.asks > 0):
            count = np.int64(WINDOW)
        tick = np.int64(0 if shift < 0 else WINDOW - 1)
        for _ in range(count):
            level = s.levels[market * WINDOW + tick]
            is_ours = (s.bits[base + (tick >> 6)] & _bit(tick)) != ZERO
            if is_ours:
                moved = s.levels[market * WINDOW + tick + shift]
                moved.qty = level.qty
                moved.head = level.head
                moved.tail = level.tail
                level.qty = 0
                level.head = 0
                level.tail = 0
                _clear_tick(s.bits, base, tick)
                _set_tick(s.bits, base, tick + shift)
            tick += 1 if shift < 0 else -1
    if mk.bids > 0:
        mk.best_bid += shift
    if mk.asks > 0:
        mk.best_ask += shift


@compiled()
def _configure(s: Books, c: Record) -> None:
    refusal = np.int64(UNKNOWN)
    if c.kind == TICK:
        s.counters[LAST_TICK] = c.ts
        refusal = np.int64(0)
    elif c.kind == SET_FEE:
        refusal = np.int64(_set_fee(s, c))
    elif c.kind == SET_MARKET:
        refusal = np.int64(_set_market(s, c))
    elif c.kind == SET_OWNER:
        refusal = np.int64(_set_owner(s, c))
    if refusal:
        _command_event(s, c, REJECTED, refusal)
    else:
        _command_event(s, c, APPLIED, 0)


@compiled(types.int64(_BOOKS, _COMMANDS, types.int64, types.int64))
def run_commands(s: Books, batch: Array, first_seq: Int, start: Int) -> Int:
    """Apply commands from index `start` on, until done or the output buffers are too short for the next.

    Args:
        s: Working state; events and fills are appended at its counters.
        batch: Commands; the one at index i has sequence number first_seq + i.
        first_seq, start: Sequence number of index 0, and the index to begin with.

    Returns:
        Index of the first command that was not applied; the length of the batch when all were.
    """
    t = s.taker[0]
    for i in range(start, len(batch)):
        if len(s.events) - s.counters[EVENT_COUNT] < 4:
            return i
        c = batch[i]
        t.seq = first_seq + i
        t.cmd_id = c.cmd_id
        if c.kind == NEW:
            if not _new(s, c):
                return i
        elif c.kind == CANCEL:
            _cancel_one(s, c)
        elif c.kind == CANCEL_ALL:
            if not _cancel_all(s, c):
                return i
        else:
            _configure(s, c)
        s.counters[SEQ] = first_seq + i
    return len(batch)


# Transfers: the index of ids ----------------------------------------------------------------------------

_MIX_LO = np.uint64(0x9E37_79B9_7F4A_7C15)
_MIX_HI = np.uint64(0xC2B2_AE3D_27D4_EB4F)


@compiled()
def _cell_of(g: Ledger, low: Word, high: Word) -> Int:
    """Index cell of a transfer id: the one that holds it, or the free one where it belongs."""
    mixed = (low * _MIX_LO) ^ (high * _MIX_HI)
    mixed ^= mixed >> np.uint64(29)
    mask = len(g.index) - 1
    cell = np.int64(mixed & np.uint64(0x7FFF_FFFF_FFFF_FFFF)) & mask
    while g.index[cell] != 0:
        known = g.transfers[g.index[cell] - 1]
        if known.id_lo == low and known.id_hi == high:
            return cell
        cell = (cell + 1) & mask
    return cell


@compiled()
def _record_transfer(g: Ledger, x: Record, result: Int, effect: Int, target: Int) -> None:
    """Append the transfer and its outcome, and index its id."""
    row = g.counters[TRANSFER_COUNT]
    g.counters[TRANSFER_COUNT] = row + 1
    g.index[_cell_of(g, x.id_lo, x.id_hi)] = row + 1
    g.transfers[row] = x
    o = g.outcomes[row]
    o.effect = effect
    o.target = target
    o.result = result
    o.state = OPEN if result == OK and x.flags & PENDING else NEVER


@compiled()
def _is_same(x: Record, y: Record) -> Flag:
    """Whether two transfers of one id agree in every field but the time stamp."""
    if x.debit != y.debit or x.credit != y.credit or x.amount != y.amount or x.ledger != y.ledger:
        return False
    if x.code != y.code or x.flags != y.flags or x.user_a != y.user_a or x.user_b != y.user_b:
        return False
    return x.pending_lo == y.pending_lo and x.pending_hi == y.pending_hi


# Transfers: judge, apply, undo ----------------------------------------------------------------------------


@compiled()
def _judge_shape(x: Record) -> Int:
    """Reasons that lie in the record alone; such a transfer leaves no trace."""
    for i in range(len(x.reserved)):
        if x.reserved[i] != ZERO:
            return RESERVED_FIELD
    mode = x.flags & (PENDING | POST | VOID)
    if x.flags > (LINKED | PENDING | POST | VOID) or mode & (mode - 1) != 0:
        return INVALID_FLAGS
    if (x.id_lo == ZERO and x.id_hi == ZERO) or (x.id_lo == ALL and x.id_hi == ALL):
        return INVALID_ID
    return OK


@compiled()
def _judge_fields(g: Ledger, x: Record) -> Int:
    if x.debit < 0 or x.credit < 0 or x.debit >= g.balances.shape[0] or x.credit >= g.balances.shape[0]:
        return UNKNOWN_ACCOUNT
    if x.debit == x.credit:
        return SAME_ACCOUNT
    if x.ledger >= g.balances.shape[1]:
        return UNKNOWN_LEDGER
    ends_pending = x.flags & (POST | VOID) != 0
    if x.amount < 0 or x.amount > CAP or (x.amount == 0 and not ends_pending):
        return INVALID_AMOUNT
    names_pending = x.pending_lo != ZERO or x.pending_hi != ZERO
    if names_pending != ends_pending or (x.pending_lo == x.id_lo and x.pending_hi == x.id_hi):
        return INVALID_PENDING_ID
    return OK


@compiled()
def _judge_ending(g: Ledger, x: Record) -> Int:
    """Reasons against a POST or VOID: each pending transfer ends once, as it was made, with at most its amount."""
    row = g.index[_cell_of(g, x.pending_lo, x.pending_hi)] - 1
    if row < 0 or g.outcomes[row].result != OK:
        return PENDING_NOT_FOUND
    p = g.transfers[row]
    if p.flags & PENDING == 0:
        return NOT_PENDING
    if p.debit != x.debit or p.credit != x.credit or p.ledger != x.ledger:
        return PENDING_DIFFERENT
    if x.amount > p.amount or (x.flags & VOID and x.amount != 0 and x.amount != p.amount):
        return EXCEEDS_PENDING
    if g.outcomes[row].state == POSTED:
        return ALREADY_POSTED
    if g.outcomes[row].state == VOIDED:
        return ALREADY_VOIDED
    return OK


@compiled()
def _judge(g: Ledger, x: Record) -> Int:
    """The first reason against a transfer, in the order of the codes; OK where there is none."""
    reason = _judge_shape(x)
    if reason != OK:
        return reason
    row = g.index[_cell_of(g, x.id_lo, x.id_hi)] - 1
    if row >= 0:
        if not _is_same(x, g.transfers[row]):
            return EXISTS_DIFFERENT
        return EXISTS if g.outcomes[row].result == OK else ALREADY_FAILED
    reason = _judge_fields(g, x)
    if reason != OK:
        return reason
    if x.flags & (POST | VOID):
        return _judge_ending(g, x)
    available = g.balances[x.debit, x.ledger].available
    if x.debit == CLEARING:
        # The sum of all others is the negative of this one, so this check caps every balance and every total.
        return OVERFLOW if available < x.amount - CAP else OK
    return NO_FUNDS if x.amount > available else OK


@compiled()
def _move(g: Ledger, x: Record, sign: Int) -> None:
    """Book a plain or pending transfer, or with sign -1 take it back."""
    debit = g.balances[x.debit, x.ledger]
    debit.available -= sign * x.amount
    if x.flags & PENDING:
        debit.pending_out += sign * x.amount
    else:
        g.balances[x.credit, x.ledger].available += sign * x.amount


@compiled()
def _end_pending(g: Ledger, target: Int, effect: Int, sign: Int) -> None:
    """Turn a pending amount into `effect` quanta paid and the rest returned, or with sign -1 take that back."""
    p = g.transfers[target]
    debit = g.balances[p.debit, p.ledger]
    debit.pending_out -= sign * p.amount
    debit.available += sign * (p.amount - effect)
    g.balances[p.credit, p.ledger].available += sign * effect


@compiled()
def _apply_transfer(g: Ledger, x: Record) -> None:
    if x.flags & (POST | VOID) == 0:
        _move(g, x, 1)
        _record_transfer(g, x, OK, x.amount, -1)
        return
    target = g.index[_cell_of(g, x.pending_lo, x.pending_hi)] - 1
    effect = np.int64(0)
    if x.flags & POST:
        effect = x.amount if x.amount > 0 else g.transfers[target].amount
    _end_pending(g, target, effect, 1)
    g.outcomes[target].state = POSTED if x.flags & POST else VOIDED
    _record_transfer(g, x, OK, effect, target)


@compiled()
def _undo_last(g: Ledger) -> None:
    """Take back the youngest transfer. Only the youngest: then clearing its index cell breaks no probe chain."""
    row = g.counters[TRANSFER_COUNT] - 1
    x = g.transfers[row]
    o = g.outcomes[row]
    if o.target < 0:
        _move(g, x, -1)
    else:
        _end_pending(g, o.target, o.effect, -1)
        g.outcomes[o.target].state = OPEN
    g.index[_cell_of(g, x.id_lo, x.id_hi)] = 0
    g.counters[TRANSFER_COUNT] = row


@compiled()
def _break_chain(g: Ledger, results: Array, first: Int, last: Int, rows: Int) -> None:
    """Undo the members of a chain that were applied, the youngest first, and say so in their results."""
    while g.counters[TRANSFER_COUNT] > rows:
        _undo_last(g)
    for i in range(first, last):
        if results[i] == OK:
            results[i] = CHAIN_FAILED


@compiled(types.void(_LEDGER, _TRANSFERS, _CODES))
def run_transfers(g: Ledger, batch: Array, results: Array) -> None:
    """Apply transfers in order; linked chains whole or not at all.

    Args:
        g: Working state, with room for as many more transfers and index cells as the batch is long.
        batch: Transfers.
        results: One `TransferResult` each, written here.
    """
    first = np.int64(-1)  # index of the first member of the present chain
    rows = np.int64(0)  # transfers recorded before that chain
    broken = False
    for i in range(len(batch)):
        x = batch[i]
        linked = x.flags & LINKED != 0
        if first < 0 and linked:
            first = np.int64(i)
            rows = g.counters[TRANSFER_COUNT]
        if linked and i == len(batch) - 1:
            result = CHAIN_OPEN
        elif broken:
            result = CHAIN_FAILED
        else:
            result = _judge(g, x)
        if result == OK:
            _apply_transfer(g, x)
        elif result != EXISTS and not broken:
            if first >= 0:
                _break_chain(g, results, first, np.int64(i), rows)
                broken = True
            if result >= UNKNOWN_ACCOUNT:
                _record_transfer(g, x, result, 0, -1)
        results[i] = result
        if not linked:
            first = np.int64(-1)
            broken = False


@compiled(types.void(_LEDGER))
def rebuild_index(g: Ledger) -> None:
    """Index the ids of all recorded transfers again, after the index was enlarged or the state loaded."""
    g.index[:] = 0
    for row in range(g.counters[TRANSFER_COUNT]):
        g.index[_cell_of(g, g.transfers[row].id_lo, g.transfers[row].id_hi)] = row + 1


@compiled(types.void(_BOOKS, _array("<u4")))
def rebuild_books(s: Books, slots: Array) -> None:
    """Append loaded orders to their levels.

    Args:
        s: Working state with empty levels and bitmaps and no order counted.
        slots: Slots of the live orders; those of one level in the order of their rank.
    """
    for slot in slots:
        _append(s, np.int64(slot))


@compiled(types.int64(_BOOKS, types.int64, types.int64, _array("<i8", 2)))
def read_side(s: Books, market: Int, side: Int, found: Array) -> Int:
    """Write (price, lots, orders) of the best levels of a side into the rows of `found`; return how many."""
    mk = s.markets[market]
    tick = mk.best_bid if side == BUY else mk.best_ask
    count = 0
    while count < len(found) and 0 <= tick < WINDOW:
        level = s.levels[market * WINDOW + tick]
        orders = 0
        slot = np.int64(level.head)
        while slot != 0:
            orders += 1
            slot = np.int64(s.orders[slot].next)
        found[count, 0] = mk.low + tick
        found[count, 1] = level.qty
        found[count, 2] = orders
        count += 1
        tick = _next_tick(s, market, side, tick)
    return count


def _verify_codes() -> None:
    """Compare the codes written out above with the enumerations that the rest of the project uses."""
    own = globals()
    renamed = {"POST_ONLY": "WOULD_CROSS", "FOK": "NOT_FILLABLE", "FUNDS": "FUNDS"}
    for name in ("NEW", "CANCEL", "CANCEL_ALL", "TICK", "SET_FEE", "SET_MARKET", "SET_OWNER"):
        invariant(own[name] == codes.Kind[name], f"command kind {name} has one number")
    for reject in codes.REJECT_PRECEDENCE:
        name = renamed.get(reject.name, reject.name)
        invariant(own[name] == reject, f"reject code {name} has one number")
    for result in codes.TransferResult:
        name = "NO_FUNDS" if result.name == "FUNDS" else result.name
        invariant(own[name] == result, f"transfer result {name} has one number")
    for enumeration in (
        codes.Side,
        codes.Tif,
        codes.Stp,
        codes.FeeMode,
        codes.Ending,
        codes.FillFlag,
        codes.TransferFlag,
    ):
        for member in enumeration:
            invariant(own[str(member.name)] == member, f"code {member.name} has one number")
    for name in ("ACCEPTED", "REJECTED", "CANCELED", "EXPIRED", "DECREMENTED", "APPLIED"):
        invariant(own[name] == codes.EventKind[name], f"event kind {name} has one number")
    for flag in (codes.OrderFlag.MARKET, codes.OrderFlag.QUOTE_QTY, codes.OrderFlag.ONE_MARKET):
        invariant(own[f"FLAG_{flag.name}"] == flag, f"order flag {flag.name} has one number")
    for name in ("CLEARING", "FEES", "FUND"):
        invariant(own[name] == codes.SystemAccount[name], f"system account {name} has one number")
    limits = (codes.AMOUNT_CAP, codes.WINDOW_TICKS, codes.PPM, codes.MAX_FEE_PPM, codes.FUND_SHARE)
    invariant(limits == (CAP, WINDOW, PPM, MAX_FEE_PPM, FUND_SHARE), "limits have one value")
    invariant(codes.FIRST_CUSTOMER == FIRST_CUSTOMER, "customers begin at one number")


_verify_codes()
