"""The SQL view of the journal: idempotent, rebuildable, and never asked for a decision.

Rules:
    * Rows and offset are written in one transaction; frames up to the stored offset are skipped.
    * One executemany a table; money is copied from the engine, not computed.
    * The tables can be dropped at any time: `rebuild` makes them again from the journal.

Example:
    projection = Projection(open_database("sqlite:///view.db"))
    projection.create_tables()
    sequencer = Sequencer.open(folder, engine, now_ns=clock, listeners=[projection])
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, String, Table, bindparam, case, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from custody.primitives.invariant import invariant
from custody.store.database import for_reading
from exchange.accounts.directory import NOTE_KIND
from exchange.journal.format import RecordType
from exchange.projection.rows import (
    OrderChange,
    Row,
    balance_rows,
    fill_rows,
    note_row,
    order_rows,
    transfer_rows,
)
from exchange.projection.schema import ProjectionModel
from exchange.sequencer.port import Publication

_TABLES = ProjectionModel.metadata.tables
_OFFSET, _ACCOUNTS, _BALANCES = _TABLES["projection_offset"], _TABLES["accounts"], _TABLES["balances"]
_ORDERS, _FILLS, _TRANSFERS, _NOTES = (_TABLES[name] for name in ("orders", "fills", "transfers", "notes"))
_ONLY_ROW = 1


class Projection:
    """Writes publications into a database. A `Listener` that works in the caller's thread."""

    def __init__(self, database: Engine) -> None:
        """Use a database; `create_tables` makes what is missing.

        Args:
            database: As `open_database` gives it.
        """
        self._database = database

    def create_tables(self) -> None:
        """Make the tables that are missing."""
        ProjectionModel.metadata.create_all(self._database)
        with self._database.begin() as connection:
            if connection.execute(select(_OFFSET.c.seq)).first() is None:
                connection.execute(insert(_OFFSET), [{"id": _ONLY_ROW, "seq": 0}])

    def clear(self) -> None:
        """Empty all tables and start from the beginning."""
        with self._database.begin() as connection:
            for table in reversed(ProjectionModel.metadata.sorted_tables):
                connection.execute(delete(table))
            connection.execute(insert(_OFFSET), [{"id": _ONLY_ROW, "seq": 0}])

    def offset(self) -> int:
        """Last sequence number whose rows are committed."""
        with for_reading(self._database).begin() as connection:
            return _stored_offset(connection)

    def on_outputs(self, publication: Publication) -> None:
        """Write one frame."""
        self.apply([publication])

    def apply(self, publications: Sequence[Publication]) -> None:
        """Write frames, in order, in one transaction.

        Raises:
            InvariantBroken: A frame between the stored offset and these is missing.
        """
        with self._database.begin() as connection:
            offset = _stored_offset(connection)
            start = offset
            for publication in publications:
                if publication.last_seq > offset:
                    invariant(publication.first_seq == offset + 1, "frames are projected without a gap", offset=offset)
                    self._write(connection, publication)
                    offset = publication.last_seq
            if offset > start:
                connection.execute(update(_OFFSET).values(seq=offset))

    def _write(self, connection: Connection, publication: Publication) -> None:
        if publication.kind is RecordType.NOTE:
            _write_note(connection, publication)
        elif publication.kind is RecordType.TRANSFER:
            before = publication.first_seq - 1
            in_front = connection.execute(select(_NOTES.c.seq).where(_NOTES.c.seq == before)).scalar()
            _insert(connection, _TRANSFERS, transfer_rows(publication, in_front))
        else:
            placed, changes = order_rows(publication)
            _insert(connection, _ORDERS, placed)
            _insert(connection, _FILLS, fill_rows(publication))
            _change_orders(connection, changes)
        _upsert_balances(connection, balance_rows(publication))


def _stored_offset(connection: Connection) -> int:
    offset = connection.execute(select(_OFFSET.c.seq)).scalar()
    invariant(offset is not None, "the tables of the projection were created")
    return int(offset or 0)


def _insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _write_note(connection: Connection, publication: Publication) -> None:
    row = note_row(publication)
    _insert(connection, _NOTES, [row])
    note = publication.note or {}
    if row["kind"] == NOTE_KIND:
        account = {"account": note["account"], "customer": note["customer"], "seq": row["seq"]}
        _insert(connection, _ACCOUNTS, [account])


def _change_orders(connection: Connection, changes: dict[int, OrderChange]) -> None:
    if not changes:
        return
    columns = _ORDERS.c
    filled, quote, removed, reason = (
        bindparam(name, type_=BigInteger) for name in ("n_filled", "n_quote", "n_removed", "n_reason")
    )
    new_state = bindparam("n_state", type_=String)
    is_cut_short = (new_state == "filled") & (columns.removed + removed > 0)
    is_gone = (new_state == "") & (removed > 0) & (columns.filled + columns.removed + filled + removed >= columns.qty)
    statement = (
        update(_ORDERS)
        .where(columns.order_id == bindparam("n_order", type_=BigInteger))
        .values(
            filled=columns.filled + filled,
            filled_quote=columns.filled_quote + quote,
            removed=columns.removed + removed,
            state=case((is_cut_short | is_gone, "expired"), (new_state != "", new_state), else_=columns.state),
            reason=case((reason != 0, reason), else_=columns.reason),
        )
    )
    connection.execute(statement, [_change_row(order, change) for order, change in sorted(changes.items())])


def _change_row(order_id: int, change: OrderChange) -> Row:
    return {
        "n_order": order_id,
        "n_filled": change.filled,
        "n_quote": change.filled_quote,
        "n_removed": change.removed,
        "n_state": change.state or "",
        "n_reason": change.reason,
    }


def _upsert_balances(connection: Connection, rows: Iterable[Row]) -> None:
    values = list(rows)
    if not values:
        return
    make: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(_BALANCES)
    changed = {name: statement.excluded[name] for name in ("available", "held", "seq")}
    connection.execute(statement.on_conflict_do_update(index_elements=["account", "asset"], set_=changed), values)
