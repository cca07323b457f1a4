"""Which transactions of a ledger are deposits: what was delivered, never what was asked.

Rules:
    * Only `delivered_amount` of the metadata counts, and only as drops of XRP. `Amount` of a partial payment is what
      the sender would have liked to pay (attack B01).
    * Only successful payments, and accounts deleted in our favour; a claimed fee moves nothing.
    * The destination tag goes into the memo as plain decimal; no tag is an empty memo, tag 0 is "0".

Example:
    deposits_in(ledger, frozenset({"r..."}))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from custody.chains.xrpl.node import whole, whole_text
from custody.primitives.errors import NodeUnavailable

_DELIVERING = frozenset({"Payment", "AccountDelete"})


@dataclass(frozen=True, slots=True)
class Delivered:
    """A payment that reached a watched account."""

    txid: str
    to: str
    drops: int
    tag: str
    sender: str


def deposits_in(ledger: Mapping[str, Any], watched: Set[str]) -> Iterator[Delivered]:
    """Yield the deposits of a ledger in its order.

    Args:
        ledger: Answer of `ledger` with expanded transactions.
        watched: Addresses of ours.

    Raises:
        NodeUnavailable: A transaction to us has no shape that tells what it delivered.
    """
    transactions = ledger.get("transactions")
    if not isinstance(transactions, list):
        raise NodeUnavailable("a ledger without its transactions")
    for entry in transactions:
        if not isinstance(entry, dict):
            raise NodeUnavailable("a ledger whose transactions are not in full")
        if entry.get("Destination") in watched and entry.get("TransactionType") in _DELIVERING:
            found = _delivered(entry)
            if found is not None:
                yield found


def _delivered(entry: Mapping[str, Any]) -> Delivered | None:
    txid, meta = entry.get("hash"), entry.get("metaData")
    if not isinstance(txid, str) or not isinstance(meta, dict) or "TransactionResult" not in meta:
        raise NodeUnavailable(f"transaction {txid!r:.80} without metadata")
    if meta["TransactionResult"] != "tesSUCCESS":
        return None
    amount = meta.get("delivered_amount")
    if isinstance(amount, dict):
        return None  # an issued currency; we hold none
    drops = whole_text(amount)
    tag = str(whole(entry["DestinationTag"])) if "DestinationTag" in entry else ""
    sender = str(entry.get("Account"))
    return Delivered(txid, str(entry["Destination"]), drops, tag, sender) if drops > 0 else None
