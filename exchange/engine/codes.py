"""The numbers of the matching core: limits, kinds, flags and answers.

Rules:
    * Codes and limits are part of the journal format: a number is never reused, a limit never lowered.
    * Zero is never a kind: a record of zeros asks for nothing and is refused.

Example:
    >>> Kind.NEW, Reject(2)
    (<Kind.NEW: 1>, <Reject.FUNDS: 2>)
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

AMOUNT_CAP = 1 << 62
"""Quanta; the largest balance, total, order cost or transfer. Half of int64, so one addition cannot overflow."""

WINDOW_TICKS = 1 << 18
"""Ticks of the price window of one market: three levels of 64-bit words address exactly this many."""

PPM = 1_000_000
"""Fee rates are parts per million of the traded amount."""

MAX_FEE_PPM = 100_000
"""10 %: a rate above it is a slip of the pen, and with it cost + fee still fits int64."""

DEFAULT_MAKER_PPM = 500
DEFAULT_TAKER_PPM = 500
"""0.05 %: the rates until a SET_FEE for account 0 says otherwise."""

FUND_SHARE = 10
"""One tenth of every fee goes to the protection fund, in the fill that books the fee."""


class SystemAccount(IntEnum):
    """Ledger accounts of the house; only CLEARING may go below zero: it mirrors what custody holds."""

    CLEARING = 0
    FEES = 1
    WITHDRAWALS = 2
    FUND = 3
    DUST = 4


FIRST_CUSTOMER = 16
"""Numbers below are the house's own and cannot place orders."""


class Kind(IntEnum):
    """What a command asks for."""

    NEW = 1
    CANCEL = 2
    CANCEL_ALL = 3
    REPLACE = 4
    TICK = 5
    SET_FEE = 6
    SET_MARKET = 7
    SET_OWNER = 8
    MARK = 9
    FUNDING = 10
    LIQUIDATE = 11
    TAKEOVER = 12


class Side(IntEnum):
    """Side of an order."""

    BUY = 0
    SELL = 1


class Tif(IntEnum):
    """How long an order lives."""

    GTC = 0
    IOC = 1
    FOK = 2
    POST_ONLY = 3


class Stp(IntEnum):
    """What happens where the taker meets an order of its own beneficial owner: the taker's mode decides."""

    EXPIRE_TAKER = 0
    EXPIRE_MAKER = 1
    EXPIRE_BOTH = 2
    DECREMENT = 3


class OrderFlag(IntFlag):
    """Flags of a NEW command; ONE_MARKET belongs to CANCEL_ALL."""

    MARKET = 1
    QUOTE_QTY = 2
    ICEBERG = 4
    STOP_LOSS = 8
    TAKE_PROFIT = 16
    REDUCE_ONLY = 32
    ONE_MARKET = 64


class FeeMode(IntEnum):
    """In what the buyer pays: in the base asset received, or in quote on top of the price."""

    RECEIVED = 0
    ON_TOP = 1


class Reject(IntEnum):
    """Why a command was refused. DUPLICATE is the sequencer's, WOULD_TRIGGER belongs to stop orders."""

    UNKNOWN = 1
    FUNDS = 2
    BAND = 3
    POST_ONLY = 4
    FOK = 5
    CAPACITY = 6
    NOT_OWNER = 7
    DUPLICATE = 8
    HALTED = 9
    WOULD_TRIGGER = 10
    INVALID = 11


REJECT_PRECEDENCE = (
    Reject.UNKNOWN,
    Reject.NOT_OWNER,
    Reject.HALTED,
    Reject.BAND,
    Reject.INVALID,
    Reject.CAPACITY,
    Reject.FUNDS,
    Reject.POST_ONLY,
    Reject.FOK,
)
"""Where several reasons apply, the first of this list is given."""


class EventKind(IntEnum):
    """What happened. TRIGGERED, REFILLED and LEVEL are numbered for later and not emitted."""

    ACCEPTED = 1
    REJECTED = 2
    CANCELED = 3
    EXPIRED = 4
    TRIGGERED = 5
    REFILLED = 6
    DECREMENTED = 7
    LEVEL = 8
    APPLIED = 9


class Ending(IntEnum):
    """Reason of CANCELED, EXPIRED and DECREMENTED."""

    ASKED = 1
    IMMEDIATE = 2
    SELF_TRADE = 3


class FillFlag(IntFlag):
    """Facts about a fill that the amounts do not show."""

    BUYER_FEE_IN_QUOTE = 1
    MAKER_DONE = 2


class TransferFlag(IntFlag):
    """Flags of a transfer; of PENDING, POST and VOID at most one."""

    LINKED = 1
    PENDING = 2
    POST = 4
    VOID = 8


class TransferResult(IntEnum):
    """Answer to a transfer; where several apply, the lowest number above zero is given."""

    OK = 0
    CHAIN_OPEN = 1
    CHAIN_FAILED = 2
    RESERVED_FIELD = 3
    INVALID_FLAGS = 4
    INVALID_ID = 5
    EXISTS_DIFFERENT = 6
    EXISTS = 7
    ALREADY_FAILED = 8
    UNKNOWN_ACCOUNT = 9
    SAME_ACCOUNT = 10
    UNKNOWN_LEDGER = 11
    INVALID_AMOUNT = 12
    INVALID_PENDING_ID = 13
    PENDING_NOT_FOUND = 14
    NOT_PENDING = 15
    PENDING_DIFFERENT = 16
    EXCEEDS_PENDING = 17
    ALREADY_POSTED = 18
    ALREADY_VOIDED = 19
    FUNDS = 20
    OVERFLOW = 21


TRANSFER_DONE = frozenset({TransferResult.OK, TransferResult.EXISTS})
"""Answers that mean: the transfer stands, now or since an earlier try."""
