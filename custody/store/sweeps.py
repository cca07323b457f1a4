"""Sweeps in SQL: the stored bytes are what is sent, now and after every restart."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Engine, LargeBinary, MetaData, Row
from sqlmodel import Field, Session, SQLModel, col

from custody.chains.port import SignedTx
from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.primitives.chain import Chain
from custody.primitives.ids import TxId
from custody.store.database import for_reading
from custody.store.fee_queue import DueKind, create_fee_tables, fee_is_due
from custody.store.plain_rows import all_columns, key_pages
from custody.store.units import Units
from custody.wallets.sweep import Sweep, SweepState


class SweepModel(SQLModel):
    """Tables of the sweeper."""

    metadata = MetaData()


class SweepRow(SweepModel, table=True):
    """One sweep."""

    __tablename__ = "sweep"

    chain: str = Field(primary_key=True)
    txid: str = Field(primary_key=True)
    raw: bytes = Field(sa_type=LargeBinary)
    conflict_key: str = Field(index=True)
    asset: str
    fee_max: int = Field(sa_type=Units)
    fee: int | None = Field(default=None, sa_type=Units, nullable=True)
    position: int
    state: str = Field(index=True)


class SqlSweepStore:
    """Implements `custody.wallets.sweep.SweepStore`."""

    def __init__(self, engine: Engine, assets: AssetBook) -> None:
        self._engine = engine
        self._reading = for_reading(engine)
        self._assets = assets
        SweepModel.metadata.create_all(engine)
        create_fee_tables(engine)

    def save_sweep(self, chain: Chain, sweep: Sweep) -> None:
        """Insert or replace a sweep, durably."""
        with Session(self._engine) as session:
            session.merge(
                SweepRow(
                    chain=chain.id,
                    txid=sweep.tx.txid,
                    raw=sweep.tx.raw,
                    conflict_key=sweep.tx.conflict_key,
                    asset=sweep.tx.fee_max.asset.symbol,
                    fee_max=sweep.tx.fee_max.units,
                    fee=None if sweep.fee is None else sweep.fee.units,
                    position=sweep.index,
                    state=sweep.state.value,
                )
            )
            if sweep.state is SweepState.FINAL:
                fee_is_due(session, chain.id, DueKind.SWEEP, sweep.tx.txid)
            session.commit()

    def sweeps(self, chain: Chain, states: Sequence[SweepState]) -> Sequence[Sweep]:
        """Sweeps of a chain in these states."""
        wanted = [state.value for state in states]
        mine = (col(SweepRow.chain) == chain.id) & col(SweepRow.state).in_(wanted)
        order = (col(SweepRow.position), col(SweepRow.txid))
        with self._reading.connect() as connection:
            found = connection.execute(all_columns(SweepRow).where(mine).order_by(*order))
            return [self._sweep(row) for row in found]

    def of_transactions(self, chain: Chain, txids: Collection[str]) -> list[Sweep]:
        """Sweeps of a chain by transaction id; those that are not known are left out."""
        found: list[Sweep] = []
        with self._reading.connect() as connection:
            for some in key_pages(txids):
                mine = (col(SweepRow.chain) == chain.id) & col(SweepRow.txid).in_(some)
                found += map(self._sweep, connection.execute(all_columns(SweepRow).where(mine)))
        return found

    def _sweep(self, row: Row[Any]) -> Sweep:
        asset = self._assets.get(row.asset)
        tx = SignedTx(TxId(row.txid), row.raw, row.conflict_key, Amount(row.fee_max, asset))
        return Sweep(tx, row.position, SweepState(row.state), None if row.fee is None else Amount(row.fee, asset))
