"""Ledger transfers of the seam: why money moves, and an id that is the same whenever it is made.

Rules:
    * An id is the hash of what the transfer is about; made twice, it is booked once.
    * CLEARING mirrors what custody holds: a deposit debits it, a payment credits it, so its negative
      balance is the sum of all liabilities.
    * A withdrawal is PENDING from the customer to CLEARING until the chain is final.

Example:
    >>> posting_id(Reason.WITHDRAWAL_HOLD, "wd-1") == posting_id(Reason.WITHDRAWAL_PAID, "wd-1")
    False
"""

from __future__ import annotations

from enum import IntEnum

from custody.primitives.encoding import digest

POSTING_TAG = "mext/posting/1"


class Reason(IntEnum):
    """Why money moved; kept in the transfer's `code`."""

    DEPOSIT = 1
    DEPOSIT_REVERSAL = 2
    WITHDRAWAL_HOLD = 3
    WITHDRAWAL_PAID = 4
    WITHDRAWAL_RELEASED = 5
    NETWORK_FEE = 6


def posting_id(reason: Reason, subject: str) -> int:
    """Derive the id of a transfer from what it is about.

    Args:
        reason: Why money moves.
        subject: A name that is unique for this reason: a withdrawal id, a transaction id.

    Returns:
        128-bit integer.
    """
    return int.from_bytes(digest(POSTING_TAG, int(reason), subject)[:16], "big")
