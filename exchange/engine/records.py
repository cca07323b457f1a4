"""The records of the matching core: what goes in, what comes out, bit for bit.

Rules:
    * Little-endian, naturally aligned, no padding; `verify_layout` checks size and offset of every field.
    * `seq` of a command or transfer is implicit: first sequence number of the batch plus its index.
    * Prices are ticks, quantities lots, amounts int64 quanta of one asset; never more than 2**62.
    * The layout is part of the journal format: a field is never moved and a code never reused.

Fields of a command by kind (in NEW those not named must be zero, elsewhere they are ignored):
    NEW         market, side, tif, stp, flags, account, price (limit or protection price, ticks),
                qty (lots; quote quanta with QUOTE_QTY)
    CANCEL      market, account, ref (order handle)
    CANCEL_ALL  account; the market number, with flag ONE_MARKET
    TICK        ts alone
    SET_FEE     account (0: the rate of everyone without an own one), price (maker ppm), qty (taker ppm)
    SET_MARKET  market, side (1 open, 0 halted), tif (fee mode), price (multiplier), qty (lot, base
                quanta), ref (base asset << 32 | quote asset), aux (lowest tick of the price window)
    SET_OWNER   account, ref (account number of the beneficial owner)
Session, cmd_id and ts are free in every kind. REPLACE, MARK, FUNDING, LIQUIDATE and TAKEOVER and the flags
ICEBERG, STOP_LOSS, TAKE_PROFIT and REDUCE_ONLY have their number here and are refused as UNKNOWN.

Example:
    >>> verify_layout()
    >>> CMD.itemsize, TRANSFER.itemsize, EVENT.itemsize, FILL.itemsize
    (64, 128, 64, 80)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from custody.primitives.invariant import invariant
from exchange.engine.codes import (
    AMOUNT_CAP,
    EventKind,
    Kind,
    OrderFlag,
    Reject,
    Side,
    Stp,
    Tif,
    TransferFlag,
    TransferResult,
)

__all__ = [
    "AMOUNT_CAP",
    "CMD",
    "EVENT",
    "FILL",
    "TRANSFER",
    "EventKind",
    "Kind",
    "OrderFlag",
    "Records",
    "Reject",
    "Side",
    "Stp",
    "Tif",
    "TransferFlag",
    "TransferResult",
    "verify_layout",
]

Records = npt.NDArray[np.void]
"""A one-dimensional array of one of the record types below."""

CMD = np.dtype(
    [
        ("kind", "u1"),
        ("side", "u1"),
        ("tif", "u1"),
        ("stp", "u1"),
        ("market", "<u2"),
        ("flags", "<u2"),
        ("account", "<u4"),
        ("session", "<u4"),
        ("cmd_id", "<u8"),  # the client's number in its session: the sequencer's dedup key
        ("price", "<i8"),
        ("qty", "<i8"),
        ("ref", "<i8"),
        ("aux", "<i8"),
        ("ts", "<i8"),  # nanoseconds, stamped by the sequencer
    ],
    align=True,
)

TRANSFER = np.dtype(
    [
        ("id_lo", "<u8"),  # low and high half of the 128-bit id, chosen by the caller, unique for ever
        ("id_hi", "<u8"),
        ("pending_lo", "<u8"),  # id of the pending transfer that a POST or VOID ends; else zero
        ("pending_hi", "<u8"),
        ("debit", "<i8"),  # account numbers
        ("credit", "<i8"),
        ("amount", "<i8"),  # quanta; 0 in a POST or VOID means all of the pending amount
        ("ledger", "<u4"),  # asset number
        ("code", "<u2"),  # the caller's reason, not interpreted
        ("flags", "<u2"),
        ("ts", "<i8"),  # stamped by the sequencer; the only field a repetition may change
        ("user_a", "<i8"),  # the caller's own, not interpreted, compared on repetition
        ("user_b", "<i8"),
        ("reserved", "<u8", (5,)),  # must be zero
    ],
    align=True,
)

EVENT = np.dtype(
    [
        ("kind", "u1"),  # EventKind
        ("reason", "u1"),  # Reject when REJECTED, Ending when CANCELED, EXPIRED or DECREMENTED, else 0
        ("market", "<u2"),
        ("account", "<u4"),  # whose order; for REJECTED and APPLIED the command's account
        ("seq", "<i8"),  # sequence number of the command that caused it
        ("order", "<i8"),  # public order id = seq of the command that placed the order; 0: none
        ("handle", "<i8"),  # to cancel with; 0 in ACCEPTED: the order does not rest
        ("price", "<i8"),  # ticks
        ("lots", "<i8"),  # ACCEPTED: resting after the command; CANCELED, EXPIRED, DECREMENTED: lots taken off
        ("amount", "<i8"),  # ACCEPTED: quanta now held; CANCELED, DECREMENTED: quanta of hold released
        ("cmd_id", "<u8"),  # of the causing command
    ],
    align=True,
)

FILL = np.dtype(
    [
        ("seq", "<i8"),  # command of the taker = public id of the taker's order
        ("maker", "<i8"),  # public id of the maker's order
        ("handle", "<i8"),  # handle of the maker's order
        ("price", "<i8"),  # ticks: the maker's price
        ("qty", "<i8"),  # lots
        ("quote", "<i8"),  # quote quanta = price * qty * multiplier
        ("fee_buyer", "<i8"),  # base quanta, or quote quanta with BUYER_FEE_IN_QUOTE
        ("fee_seller", "<i8"),  # quote quanta
        ("buyer", "<u4"),
        ("seller", "<u4"),
        ("market", "<u2"),
        ("taker_side", "u1"),
        ("flags", "u1"),  # FillFlag
        ("index", "<u4"),  # 0, 1, 2 ... within the command: (seq, index) names the fill
    ],
    align=True,
)

_Layout = tuple[np.dtype[np.void], int, tuple[int, ...]]

_LAYOUT: dict[str, _Layout] = {
    "CMD": (CMD, 64, (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 40, 48, 56)),
    "TRANSFER": (TRANSFER, 128, (0, 8, 16, 24, 32, 40, 48, 56, 60, 62, 64, 72, 80, 88)),
    "EVENT": (EVENT, 64, (0, 1, 2, 4, 8, 16, 24, 32, 40, 48, 56)),
    "FILL": (FILL, 80, (0, 8, 16, 24, 32, 40, 48, 56, 64, 68, 72, 74, 75, 76)),
}


def verify_layout() -> None:
    """Check size and field offsets of every record against the journal format.

    Raises:
        InvariantBroken: A record is laid out differently, for example by another compiler or NumPy.
    """
    for name, (dtype, size, offsets) in _LAYOUT.items():
        found = _offsets(dtype)
        invariant(dtype.itemsize == size, f"a {name} record has {size} bytes", found=dtype.itemsize)
        invariant(found == offsets, f"the fields of {name} stand at their offsets", found=str(found))


def _offsets(dtype: np.dtype[np.void]) -> tuple[int, ...]:
    fields = dtype.fields
    if fields is None or dtype.names is None:
        return ()
    return tuple(int(fields[name][1]) for name in dtype.names)
