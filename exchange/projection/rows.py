"""From a publication to rows: plain dictionaries, ready for one executemany a table.

Nothing is computed about money here: balances come from the engine, fees and holds from its records.
An order's state follows from its events:

    open       rests on the book
    filled     nothing is left, all of it traded
    canceled   taken off because its owner asked
    expired    part of it was given up: immediate order, or self-trade prevention
    rejected   never accepted; `reason` is the engine's code
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from custody.primitives.encoding import canonical_json
from exchange.engine.codes import EventKind, FillFlag, Kind
from exchange.engine.records import Records
from exchange.journal.format import RecordType
from exchange.sequencer.port import Publication

Row = dict[str, Any]

_FROM_FILL = (
    *("seq", "maker", "market", "price", "qty", "quote", "fee_buyer", "fee_seller", "buyer", "seller"),
    *("taker_side", "flags"),
)
_FROM_TRANSFER = ("debit", "credit", "amount", "code", "flags", "user_a", "user_b", "ts")
_FROM_COMMAND = ("account", "session", "market", "side", "tif", "flags", "price", "qty", "ts")
ENDS = {EventKind.CANCELED: "canceled", EventKind.EXPIRED: "expired"}


@dataclass(slots=True)
class OrderChange:
    """What a frame did to one order that it found.

    Attributes:
        filled, filled_quote: Lots and quote quanta traded.
        removed: Lots taken off without a trade.
        state, reason: New state; None if it did not change.
    """

    filled: int = 0
    filled_quote: int = 0
    removed: int = 0
    state: str | None = None
    reason: int = 0


def order_rows(publication: Publication) -> tuple[list[Row], dict[int, OrderChange]]:
    """Return the orders a frame placed, and its changes to older ones by order id."""
    placed = {int(row["order_id"]): row for row in _placed(publication)}
    changes: dict[int, OrderChange] = defaultdict(OrderChange)
    for event in _dicts(publication.outputs.events, ("kind", "reason", "seq", "order", "handle", "lots")):
        row = placed.get(event["seq"])
        if event["kind"] == EventKind.REJECTED and row is not None:
            row["state"], row["reason"] = "rejected", event["reason"]
        elif event["kind"] == EventKind.ACCEPTED and row is not None:
            row["state"], row["handle"] = ("open" if event["handle"] else "filled"), event["handle"]
        elif event["kind"] in ENDS:
            change = changes[event["order"]]
            change.removed += event["lots"]
            if event["lots"]:
                change.state, change.reason = ENDS[EventKind(event["kind"])], event["reason"]
        elif event["kind"] == EventKind.DECREMENTED:
            change = changes[event["order"]]
            change.removed += event["lots"]
            change.reason = event["reason"]
    _add_fills(publication.outputs.fills, changes)
    for order_id in placed.keys() & changes.keys():
        _merge(placed[order_id], changes.pop(order_id))
    return list(placed.values()), changes


def fill_rows(publication: Publication) -> list[Row]:
    """Return the trades of a frame; a trade has the time of its taker's command."""
    times = publication.records["ts"].tolist() if len(publication.outputs.fills) else []
    rows = list(_dicts(publication.outputs.fills, (*_FROM_FILL, "index")))
    for row in rows:
        row["number"] = row.pop("index")
        row["ts"] = times[row["seq"] - publication.first_seq]
    return rows


def transfer_rows(publication: Publication, note_seq: int | None) -> list[Row]:
    """Return the transfers of a frame.

    Args:
        publication: A frame of transfers.
        note_seq: Sequence number of the note directly in front of it, if there is one.
    """
    names = (*_FROM_TRANSFER, "id_lo", "id_hi", "pending_lo", "pending_hi", "ledger")
    rows = list(_dicts(publication.records, names))
    for index, (row, code) in enumerate(zip(rows, publication.codes.tolist(), strict=True)):
        row["seq"] = publication.first_seq + index
        row["transfer_id"] = _hex128(row.pop("id_hi"), row.pop("id_lo"))
        row["pending_id"] = _hex128(row.pop("pending_hi"), row.pop("pending_lo"))
        row["asset"] = row.pop("ledger")
        row["result"] = code
        row["note_seq"] = note_seq
    return rows


def note_row(publication: Publication) -> Row:
    """Return the row of a note."""
    note = publication.note or {}
    return {"seq": publication.first_seq, "kind": note.get("kind"), "text": canonical_json(note).decode()}


def balance_rows(publication: Publication) -> list[Row]:
    """Return the balances a frame changed, as they are after it."""
    return [{**balance._asdict(), "seq": publication.last_seq} for balance in publication.balances]


def _placed(publication: Publication) -> Iterator[Row]:
    if publication.kind is not RecordType.CMD:
        return
    names = (*_FROM_COMMAND, "cmd_id", "kind")
    for index, row in enumerate(_dicts(publication.records, names)):
        if row.pop("kind") == Kind.NEW:
            row["order_id"] = publication.first_seq + index
            row["cmd_id"] = str(row["cmd_id"])
            yield row | {"filled": 0, "filled_quote": 0, "removed": 0, "handle": 0, "state": "", "reason": 0}


def _add_fills(fills: Records, changes: dict[int, OrderChange]) -> None:
    for fill in _dicts(fills, ("seq", "maker", "qty", "quote", "flags")):
        for order_id in (fill["seq"], fill["maker"]):
            changes[order_id].filled += fill["qty"]
            changes[order_id].filled_quote += fill["quote"]
        if fill["flags"] & FillFlag.MAKER_DONE:
            changes[fill["maker"]].state = "filled"


def _merge(row: Row, change: OrderChange) -> None:
    row["filled"] += change.filled
    row["filled_quote"] += change.filled_quote
    row["removed"] += change.removed
    row["state"] = change.state or row["state"]
    row["reason"] = change.reason or row["reason"]
    is_cut_short = row["state"] == "filled" and (row["removed"] or not row["filled"])
    is_gone = row["state"] == "open" and row["removed"] and row["filled"] + row["removed"] >= row["qty"]
    if is_cut_short or is_gone:
        row["state"] = "expired"


def _dicts(records: Records, names: tuple[str, ...]) -> Iterator[Row]:
    columns = [records[name].tolist() for name in names]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def _hex128(high: int, low: int) -> str:
    return f"{high << 64 | low:032x}"
