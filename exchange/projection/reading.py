"""Questions to the projection: notes of open holds, trades of a market.

The answers are as old as the stored offset; whoever needs the present drains the worker first.
"""

from __future__ import annotations

from sqlalchemy import Engine, exists, func, select

from custody.store.database import for_reading
from exchange.engine.codes import TransferFlag, TransferResult
from exchange.projection.schema import ProjectionModel

_TABLES = ProjectionModel.metadata.tables
_TRANSFERS, _NOTES, _FILLS = _TABLES["transfers"], _TABLES["notes"], _TABLES["fills"]
_OK, _PENDING = TransferResult.OK.value, TransferFlag.PENDING.value


def open_hold_notes(database: Engine) -> list[bytes]:
    """Return the notes of all pending transfers that have no end, oldest first."""
    hold, ending = _TRANSFERS.alias("hold"), _TRANSFERS.alias("ending")
    has_end = exists().where(ending.c.pending_id == hold.c.transfer_id, ending.c.result == _OK)
    is_open = hold.c.flags.bitwise_and(_PENDING) != 0
    question = (
        select(_NOTES.c.text)
        .join(hold, hold.c.note_seq == _NOTES.c.seq)
        .where(is_open, hold.c.result == _OK, ~has_end)
        .order_by(hold.c.seq)
    )
    with for_reading(database).begin() as connection:
        return [str(row.text).encode() for row in connection.execute(question)]


def open_hold_note(database: Engine, transfer_id: int) -> bytes | None:
    """Return the note of one pending transfer; None if there is no such transfer, or it has an end."""
    name = f"{transfer_id:032x}"
    ended = exists().where(_TRANSFERS.c.pending_id == name, _TRANSFERS.c.result == _OK)
    is_open = _TRANSFERS.c.flags.bitwise_and(_PENDING) != 0
    question = (
        select(_NOTES.c.text)
        .join(_TRANSFERS, _TRANSFERS.c.note_seq == _NOTES.c.seq)
        .where(_TRANSFERS.c.transfer_id == name, is_open, _TRANSFERS.c.result == _OK)
    )
    with for_reading(database).begin() as connection:
        if connection.execute(select(ended)).scalar_one():
            return None
        found = connection.execute(question).first()
        return None if found is None else str(found.text).encode()


def trade_counts(database: Engine) -> dict[int, int]:
    """Return the number of trades by market number."""
    question = select(_FILLS.c.market, func.count()).group_by(_FILLS.c.market)
    with for_reading(database).begin() as connection:
        return dict(connection.execute(question).tuples().all())
