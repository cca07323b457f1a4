"""Network fees of ended transactions: which are still to be booked, which are, and what rounding left over.

Rules:
    * A payment or a sweep that ends stands here as due from the same transaction on, so that nobody has to look
      through all that ever ended.
    * A fee is marked as booked, and its dust added, once; the row that was due goes with it.

Example:
    queue = SqlFeeQueue(database)
    for payment_id in queue.due(DueKind.PAYMENT, chain): ...
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Engine, MetaData, delete, update
from sqlalchemy import select as select_columns
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, SQLModel, col

from custody.primitives.amount import Amount
from custody.primitives.chain import ChainId
from custody.store.database import for_reading
from custody.store.plain_rows import key_pages


class DueKind(enum.StrEnum):
    """What ended."""

    PAYMENT = "payment"
    SWEEP = "sweep"


class FeeModel(SQLModel):
    """Tables of fees."""

    metadata = MetaData()


class FeeDueRow(FeeModel, table=True):
    """Something that ended and whose fees are not booked; named by payment id or transaction id."""

    __tablename__ = "fee_due"

    chain: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    name: str = Field(primary_key=True)


class FeeBookedRow(FeeModel, table=True):
    """A transaction ("chain/txid") whose fee is booked; never deleted."""

    __tablename__ = "fee_booked"

    subject: str = Field(primary_key=True)


class FeeDustRow(FeeModel, table=True):
    """Base units by which the booked fees of an asset exceed what the chain took; decimal text, since it is a sum."""

    __tablename__ = "fee_dust"

    asset: str = Field(primary_key=True)
    units: str


def create_fee_tables(engine: Engine) -> None:
    """Create the tables where they do not exist; whoever writes `fee_is_due` needs them."""
    FeeModel.metadata.create_all(engine)


def fee_is_due(session: Session, chain: ChainId, kind: DueKind, name: str) -> None:
    """Note, in the transaction that ends it, that the fees of a payment or sweep are to be booked."""
    session.merge(FeeDueRow(chain=chain, kind=kind.value, name=name))


class SqlFeeQueue:
    """What is due, and what is done."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = for_reading(engine)
        create_fee_tables(engine)

    def due(self, kind: DueKind, chain: ChainId) -> tuple[str, ...]:
        """Names of what ended on a chain and is not booked, in order."""
        mine = (col(FeeDueRow.chain) == chain) & (col(FeeDueRow.kind) == kind.value)
        with self._reading.connect() as connection:
            names = select_columns(col(FeeDueRow.name)).where(mine).order_by(col(FeeDueRow.name))
            return tuple(connection.scalars(names))

    def done(self, kind: DueKind, chain: ChainId, name: str, dust: Mapping[str, Amount]) -> None:
        """Take something off the list; each of its fees counts once, however often this is said.

        Args:
            kind: What ended.
            chain: Where.
            name: Payment id or transaction id.
            dust: Subject ("chain/txid") of every fee that was booked for it -> what rounding left over.
        """
        with Session(self._engine) as session:
            for subject, left in sorted(dust.items()):
                if _is_first(session, FeeBookedRow(subject=subject)):
                    _add_dust(session, left)
            mine = (col(FeeDueRow.kind) == kind.value) & (col(FeeDueRow.name) == name)
            session.execute(delete(FeeDueRow).where(mine & (col(FeeDueRow.chain) == chain)))
            session.commit()

    def booked(self, subjects: Collection[str]) -> frozenset[str]:
        """Those of these transactions ("chain/txid") whose fee is booked."""
        found: set[str] = set()
        subject = col(FeeBookedRow.subject)
        with self._reading.connect() as connection:
            for some in key_pages(subjects):
                found |= set(connection.scalars(select_columns(subject).where(subject.in_(some))))
        return frozenset(found)

    def dust(self, symbol: str) -> int:
        """Base units by which booked fees of an asset exceed what the chain took."""
        mine = select_columns(col(FeeDustRow.units)).where(col(FeeDustRow.asset) == symbol)
        with self._reading.connect() as connection:
            return int(connection.scalar(mine) or 0)


def _add_dust(session: Session, left: Amount) -> None:
    symbol = left.asset.symbol
    _is_first(session, FeeDustRow(asset=symbol, units="0"))
    mine = col(FeeDustRow.asset) == symbol
    units = (
        session.connection().execute(select_columns(col(FeeDustRow.units)).where(mine).with_for_update()).scalar_one()
    )
    session.execute(update(FeeDustRow).where(mine).values(units=str(int(units) + left.units)))


def _is_first(session: Session, row: FeeModel) -> bool:
    """Insert a row unless it is there, also if another process does the same now; tell whether it was inserted."""
    connection = session.connection()
    make: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    table = FeeModel.metadata.tables[str(row.__tablename__)]
    return connection.execute(make(table).values(**row.model_dump()).on_conflict_do_nothing()).rowcount == 1
