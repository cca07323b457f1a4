"""Where each asset lay, hour by hour: what the treasury's picture is drawn from while no node is asked.

Rules:
    * One row an asset and hour; within an hour the last reading stays.
    * A database from before there were warm wallets is read as if they had held nothing.

Example:
    stock.record(StockSample("BTC", 500_000, hot=2, cold=98, owed=100))
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, MetaData, delete, inspect
from sqlmodel import Field, Session, SQLModel, col, select

from custody.store.database import for_reading
from custody.store.units import Units


@dataclass(frozen=True, slots=True)
class StockSample:
    """One asset in one hour.

    Attributes:
        symbol: The asset.
        hour: Hours since 1970 UTC.
        hot, cold: By the chain, base units.
        owed: Liabilities, base units.
        warm: By the chain, base units; zero where there is no such wallet.
    """

    symbol: str
    hour: int
    hot: int
    cold: int
    owed: int
    warm: int = 0


class StockModel(SQLModel):
    """Tables of the treasury, apart from those of other rooms."""

    metadata = MetaData()


class StockRow(StockModel, table=True):
    """One sample."""

    __tablename__ = "treasury_stock"

    symbol: str = Field(primary_key=True)
    hour: int = Field(primary_key=True)
    hot: int = Field(sa_type=Units)
    cold: int = Field(sa_type=Units)
    owed: int = Field(sa_type=Units)


class WarmStockRow(StockModel, table=True):
    """What the warm wallet of an asset held in one hour; no row where there is none."""

    __tablename__ = "treasury_warm_stock"

    symbol: str = Field(primary_key=True)
    hour: int = Field(primary_key=True)
    warm: int = Field(sa_type=Units)


def create_stock_table(engine: Engine) -> None:
    """Make the tables where they are not there yet."""
    StockModel.metadata.create_all(engine)


class SqlStock:
    """Samples in SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = for_reading(engine)

    def record(self, sample: StockSample) -> None:
        """Insert the sample, or replace the one of the same hour."""
        with Session(self._engine) as session:
            session.merge(
                StockRow(symbol=sample.symbol, hour=sample.hour, hot=sample.hot, cold=sample.cold, owed=sample.owed)
            )
            if sample.warm:
                session.merge(WarmStockRow(symbol=sample.symbol, hour=sample.hour, warm=sample.warm))
            else:
                session.exec(
                    delete(WarmStockRow).where(
                        col(WarmStockRow.symbol) == sample.symbol, col(WarmStockRow.hour) == sample.hour
                    )
                )
            session.commit()

    def samples(self, symbol: str, since_hour: int) -> tuple[StockSample, ...]:
        """Samples of an asset since an hour, oldest first."""
        question = (
            select(StockRow)
            .where(StockRow.symbol == symbol, col(StockRow.hour) >= since_hour)
            .order_by(col(StockRow.hour))
        )
        with Session(self._reading) as session:
            rows, warm = session.exec(question).all(), self._warm(session, symbol, since_hour)
            return tuple(
                StockSample(row.symbol, row.hour, row.hot, row.cold, row.owed, warm.get(row.hour, 0)) for row in rows
            )

    def _warm(self, session: Session, symbol: str, since_hour: int) -> dict[int, int]:
        if not inspect(session.connection()).has_table(str(WarmStockRow.__tablename__)):
            return {}
        question = select(WarmStockRow).where(WarmStockRow.symbol == symbol, col(WarmStockRow.hour) >= since_hour)
        return {row.hour: row.warm for row in session.exec(question)}
