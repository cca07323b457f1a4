"""Names for the identifiers, so that one cannot be passed for another.

All are `NewType`s: free at run time, checked by the type checker.
"""

from __future__ import annotations

from typing import NewType

TxId = NewType("TxId", str)
"""Transaction id in the chain's own text form (hex for Bitcoin and Ethereum, base58 for Solana)."""

OrderId = NewType("OrderId", int)
"""Journal sequence number of the command that created the order; below 2**53."""

EntryId = NewType("EntryId", int)
"""128-bit identifier of a ledger transfer."""

CustomerId = NewType("CustomerId", str)
"""A person or firm we owe; text the customer can compare."""

WithdrawalId = NewType("WithdrawalId", str)
"""A withdrawal request."""

IdempotencyKey = NewType("IdempotencyKey", str)
"""Chosen by the caller, unique per customer for ever."""

Digest = NewType("Digest", bytes)
"""A 32-byte hash."""
