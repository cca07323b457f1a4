"""Opening a database so that a commit is durable and two writers wait instead of failing late.

Rules:
    * SQLite: write-ahead log, synchronous=FULL, foreign keys on, BEGIN IMMEDIATE. A transaction that
      reads and then writes would otherwise fail in the middle when another one wrote meanwhile.
    * `for_reading` gives the same database with plain BEGIN: readers never wait for the writer.
    * Writers of one process take turns in the order they came. SQLite lets those who wait poll, and on a
      busy machine one among many of them never meets a free moment.
    * What passes by itself (another process writes, the disk is full, the server restarts) is
      `DatabaseUnavailable`: nothing of the transaction happened, or a lost commit has to be looked for.
    * `open_reading` opens a SQLite file that cannot be written at all: for looking at somebody else's database.
    * PostgreSQL: psycopg 3, SERIALIZABLE is left to the caller; connections are tested before use.

Example:
    database = open_database("sqlite:///mext.db")
    with database.begin() as connection: ...
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from custody.primitives.errors import InvalidInput, NotFound, Unavailable
from custody.primitives.turns import Turns

BUSY_TIMEOUT_MS = 10_000
"""How long a SQLite writer waits for one of another process before it fails."""

TURN_TIMEOUT_S = 60.0
"""How long a SQLite writer waits for those of its own process."""

_READING = "mext_reading"
_HOLDS_TURN = "mext_holds_turn"
_KEPT_CONNECTIONS = 20
_PASSING_FAULTS = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})


class DatabaseUnavailable(Unavailable):
    """The database is busy for too long, full, or does not answer."""

    code = "database_unavailable"


class InvalidDatabaseUrl(InvalidInput):
    """Neither SQLite nor PostgreSQL."""

    code = "invalid_database_url"


def open_database(url: str) -> Engine:
    """Open a SQLite or PostgreSQL database.

    Args:
        url: "sqlite:///path", "sqlite://" (memory, for tests) or "postgresql://user@host/name".

    Raises:
        InvalidDatabaseUrl: Another database, or not a URL.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "postgresql":
        engine = create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
        event.listen(engine, "handle_error", _translate_fault)
        return engine
    if parsed.database in (None, "", ":memory:"):
        engine = create_engine(parsed)
    else:
        # A writer that waits for its turn holds a connection: readers must not run out of them.
        engine = create_engine(parsed, pool_size=_KEPT_CONNECTIONS, max_overflow=-1)
        _let_writers_take_turns(engine)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "handle_error", _translate_fault)
    return engine


def open_reading(path: Path) -> Engine:
    """Open an existing SQLite file that can only be read, beside whoever writes to it.

    Raises:
        NotFound: No such file.
    """
    if not path.is_file():
        raise NotFound(f"{path}: no database here; nothing ran in this folder yet")
    engine = create_engine(f"sqlite:///file:{quote(str(path.resolve()))}?mode=ro&uri=true")
    event.listen(engine, "connect", _only_read)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "handle_error", _translate_fault)
    return for_reading(engine)


def for_reading(engine: Engine) -> Engine:
    """Return the same database for transactions that only read."""
    return engine.execution_options(**{_READING: True})


def _parse(url: str) -> URL:
    # The URL may hold a password: it is not repeated in the message.
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidDatabaseUrl("not a database URL; expected sqlite:///path or postgresql://...") from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise InvalidDatabaseUrl(
            f"{parsed.get_backend_name()!r} is not supported; sqlite and postgresql are", backend=parsed.drivername
        )
    return parsed


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection
    connection.isolation_level = None  # the driver's own BEGIN comes too late; `_begin_sqlite` does it
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _only_read(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN" if _is_reading(connection) else "BEGIN IMMEDIATE")


def _is_reading(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(_READING, False))


def _let_writers_take_turns(engine: Engine) -> None:
    turns = Turns()

    def take(connection: Connection) -> None:
        if _is_reading(connection) or connection.info.get(_HOLDS_TURN):
            return
        if not turns.take(TURN_TIMEOUT_S):
            raise DatabaseUnavailable(f"the database is busy: no turn to write within {TURN_TIMEOUT_S:.0f} s")
        connection.info[_HOLDS_TURN] = True

    def give_back(_connection: object, record: ConnectionPoolEntry) -> None:
        if record.info.pop(_HOLDS_TURN, False):
            turns.give_back()

    event.listen(engine, "begin", take)
    event.listen(engine, "checkin", give_back)


def _translate_fault(context: ExceptionContext) -> None:
    fault = context.original_exception
    if isinstance(fault, sqlite3.Error):
        # Other SQLite faults share the driver's class: a missing table is our bug, a failed sync is a broken disk.
        is_passing = getattr(fault, "sqlite_errorcode", 0) & 0xFF in _PASSING_FAULTS
    else:
        is_passing = isinstance(context.sqlalchemy_exception, OperationalError)
    if is_passing:
        raise DatabaseUnavailable(f"the database does not take this now: {fault}") from fault
