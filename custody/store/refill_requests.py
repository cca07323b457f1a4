"""Refill requests in SQL; a partial unique index is the last line against two open ones for one wallet."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import BigInteger, Engine, Index, MetaData, inspect, text, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from custody.store.database import for_reading
from custody.store.units import Units
from custody.wallets.refill_requests import RefillOpen, RefillRequest, RefillState
from custody.withdrawals.facts import Tier

_UNFINISHED = text("is_open")


class RefillModel(SQLModel):
    """Table of refill requests, apart from those of other rooms."""

    metadata = MetaData()


class RefillRow(RefillModel, table=True):
    """One request; `number` gives the order in which they were raised."""

    __tablename__ = "refill_request"
    __table_args__ = (
        Index(
            "one_open_refill_per_wallet",
            "symbol",
            "destination",
            unique=True,
            sqlite_where=_UNFINISHED,
            postgresql_where=_UNFINISHED,
        ),
    )

    number: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    symbol: str
    source: str
    destination: str
    units: int = Field(sa_type=Units)
    quorum: int
    reason: str
    state: str
    is_open: bool
    raised_at_s: int = Field(sa_type=BigInteger)
    moved_at_s: int = Field(sa_type=BigInteger)
    level: int = Field(sa_type=Units)
    withdrawal_id: str = Field(index=True)
    note: str


def create_refill_table(engine: Engine) -> None:
    """Make the table where it is not there yet."""
    RefillModel.metadata.create_all(engine)


class SqlRefillStore:
    """Implements `custody.wallets.refill_requests.RefillStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = for_reading(engine)

    def add(self, request: RefillRequest) -> None:
        """Insert a request, durably.

        Raises:
            RefillOpen: One for the same asset and destination is open, or its id is taken.
        """
        with Session(self._engine) as session:
            session.add(RefillRow(**_columns(request)))
            try:
                session.commit()
            except IntegrityError as error:
                raise RefillOpen(
                    f"{request.id}: a request for {request.symbol} to {request.destination} is open already",
                    asset=request.symbol,
                    destination=request.destination,
                ) from error

    def save(self, request: RefillRequest) -> None:
        """Replace a request, durably."""
        with Session(self._engine) as session:
            session.exec(update(RefillRow).where(col(RefillRow.id) == request.id).values(**_columns(request)))
            session.commit()

    def requests(self, symbol: str | None = None) -> tuple[RefillRequest, ...]:
        """All requests, or those of an asset, oldest first."""
        wanted = select(RefillRow).order_by(col(RefillRow.number))
        return self._read(wanted if symbol is None else wanted.where(RefillRow.symbol == symbol))

    def of_withdrawal(self, withdrawal_id: str) -> RefillRequest | None:
        """The request that a move carries out; None if it carries out none."""
        found = self._read(select(RefillRow).where(RefillRow.withdrawal_id == withdrawal_id)) if withdrawal_id else ()
        return found[0] if found else None

    def _read(self, wanted: SelectOfScalar[RefillRow]) -> tuple[RefillRequest, ...]:
        with Session(self._reading) as session:
            return tuple(_request(row) for row in session.exec(wanted))


def read_refills(engine: Engine) -> tuple[RefillRequest, ...]:
    """All requests in a database that is only read; none where no service ever made the table."""
    return SqlRefillStore(engine).requests() if inspect(engine).has_table(str(RefillRow.__tablename__)) else ()


def _columns(request: RefillRequest) -> dict[str, Any]:
    return asdict(request) | {
        "source": request.source.value,
        "destination": request.destination.value,
        "state": request.state.value,
        "is_open": request.is_open,
    }


def _request(row: RefillRow) -> RefillRequest:
    return RefillRequest(
        id=row.id,
        symbol=row.symbol,
        source=Tier(row.source),
        destination=Tier(row.destination),
        units=row.units,
        quorum=row.quorum,
        reason=row.reason,
        state=RefillState(row.state),
        raised_at_s=row.raised_at_s,
        moved_at_s=row.moved_at_s,
        level=row.level,
        withdrawal_id=row.withdrawal_id,
        note=row.note,
    )
