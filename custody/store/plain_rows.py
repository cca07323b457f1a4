"""Reading rows as plain columns: what is only read needs no mapped object, and comes at a third of the price.

Rules:
    * The columns are those of the table, in its order; a row has them as attributes.
    * One call is one transaction: what belongs together is read over one connection.

Example:
    with reading.connect() as connection:
        connection.execute(all_columns(SweepRow).where(SweepRow.chain == "ethereum"))
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Select, select
from sqlmodel import SQLModel

MAX_BOUND = 500
"""Keys in one statement; databases limit them."""


def all_columns(table: type[SQLModel]) -> Select[Any]:
    """Select every column of a table."""
    return select(table.metadata.tables[str(table.__tablename__)])


def key_pages(keys: Collection[str]) -> Iterator[list[str]]:
    """Cut keys into ordered pages that one statement can hold."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), MAX_BOUND):
        yield ordered[start : start + MAX_BOUND]
