"""Sums of all deposits by chain, asset and state, carried along with every change of a deposit.

The monitor asks several times a second what all deposits ever came to: a sum over their rows would take longer the
longer the house exists.

Rules:
    * A deposit and its part of the sums are written in one transaction.
    * Beside the units, the sums keep the remainders below one quantum of the books, which are never credited.
    * Another quantum, or sums over another number of deposits than there are, and all of it is counted anew when
      the store is opened.

Example:
    with Session(engine) as session:
        carry_totals(session, before, after, {"ETH": 10**10})
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Row, delete, func
from sqlalchemy import select as select_columns
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, col

from custody.primitives.invariant import invariant
from custody.store.deposit_rows import DepositModel, DepositRow
from custody.store.plain_rows import all_columns
from custody.wallets.deposit import DepositState

Key = tuple[str, str, str]
"""Chain, asset, state."""


class DepositTotalRow(DepositModel, table=True):
    """One sum; numbers are decimal text, since a sum may exceed what one amount can be."""

    __tablename__ = "deposit_total"

    chain: str = Field(primary_key=True)
    asset: str = Field(primary_key=True)
    state: str = Field(primary_key=True)
    n_deposits: int = Field(sa_type=BigInteger)
    units: str
    rest: str
    quantum: str


@dataclass(frozen=True, slots=True)
class DepositTotal:
    """All deposits of one asset in one state.

    Attributes:
        state: Theirs.
        asset: Symbol.
        count: How many there are.
        units: Base units together.
        rest: What of each is below one quantum, together; base units.
        quantum: Base units of one unit of the books, as the store was told.
    """

    state: DepositState
    asset: str
    count: int
    units: int
    rest: int
    quantum: int


_TABLE = DepositModel.metadata.tables["deposit_total"]
_ALL = all_columns(DepositTotalRow)
_SUMMED = select_columns(*(col(getattr(DepositRow, name)) for name in ("chain", "asset", "state", "units")))


def carry_totals(session: Session, before: Iterable[Any], after: Iterable[Any], quanta: Mapping[str, int]) -> None:
    """Take deposits as they were out of the sums, and put them in as they are now.

    Args:
        session: The transaction that writes the deposits; on PostgreSQL the sums stay locked until it ends.
        before: Their rows as they were stored; those that were not are left out.
        after: Their rows as they will be.
        quanta: Symbol -> base units of one quantum; 1 for assets that are not named.
    """
    changes: dict[Key, tuple[int, int, int]] = {}
    for sign, side in ((-1, before), (1, after)):
        for row in side:
            key = (row.chain, row.asset, row.state)
            count, units, rest = changes.get(key, (0, 0, 0))
            remainder = row.units % quanta.get(row.asset, 1)
            changes[key] = (count + sign, units + sign * row.units, rest + sign * remainder)
    for key, change in sorted(changes.items()):
        if any(change):
            _add(session, key, change, quanta.get(key[1], 1))


def recount_totals(session: Session, quanta: Mapping[str, int]) -> None:
    """Count everything anew, if what is stored cannot be right."""
    totals = session.connection().execute(_ALL).all()
    counted = session.connection().scalar(select_columns(func.count()).select_from(DepositRow))
    is_right = all(row.quantum == str(quanta.get(row.asset, 1)) for row in totals)
    if is_right and counted == sum(row.n_deposits for row in totals):
        return
    session.execute(delete(DepositTotalRow))
    carry_totals(session, (), session.connection().execute(_SUMMED), quanta)


def totals_of(rows: Iterable[Row[Any]]) -> Sequence[DepositTotal]:
    """Read sums."""
    return [
        DepositTotal(DepositState(r.state), r.asset, r.n_deposits, int(r.units), int(r.rest), int(r.quantum))
        for r in rows
    ]


def _add(session: Session, key: Key, change: tuple[int, int, int], quantum: int) -> None:
    connection = session.connection()
    place = dict(zip(("chain", "asset", "state"), key, strict=True))
    make: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    empty = {"n_deposits": 0, "units": "0", "rest": "0", "quantum": str(quantum)}
    connection.execute(make(_TABLE).values(**place, **empty).on_conflict_do_nothing())
    mine = [_TABLE.c[name] == value for name, value in place.items()]
    held = connection.execute(_ALL.where(*mine).with_for_update()).one()
    count, units, rest = held.n_deposits + change[0], int(held.units) + change[1], int(held.rest) + change[2]
    invariant(min(count, units, rest) >= 0, "sums of deposits are never below zero", key="/".join(key))
    connection.execute(_TABLE.update().where(*mine).values(n_deposits=count, units=str(units), rest=str(rest)))
