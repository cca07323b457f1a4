"""Opening a database so that a commit is durable and two writers wait instead of failing late.

Rules:
    * SQLite: write-ahead log, synchronous=FULL, foreign keys on, BEGIN IMMEDIATE. A transaction that
      reads and then writes would otherwise fail in the middle when another one wrote meanwhile.
    * `for_reading` gives the same database with plain BEGIN: readers never wait for the writer.
    * `open_reading` opens a SQLite file that cannot be written at all: for looking at somebody else's database.
    * PostgreSQL: psycopg 3, SERIALIZABLE is left to the caller; connections are tested before use.

Example:
    database = open_database("sqlite:///mext.db")
    with database.begin() as connection: ...
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from custody.primitives.errors import InvalidInput, NotFound

BUSY_TIMEOUT_MS = 10_000
"""How long a SQLite writer waits for another one before it fails."""

_READING = "mext_reading"


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
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    engine = create_engine(parsed)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
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
    is_reading = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")
