"""Gas lent to deposit accounts, in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, MetaData
from sqlmodel import Field, Session, SQLModel, select
from sqlmodel.sql.expression import SelectOfScalar

from custody.primitives.chain import Chain
from custody.store.database import for_reading
from custody.store.units import Units
from custody.wallets.gas_loans import GasLoan


class GasLoanModel(SQLModel):
    """Table of the gas station."""

    metadata = MetaData()


class GasLoanRow(GasLoanModel, table=True):
    """One top-up."""

    __tablename__ = "gas_loan"

    chain: str = Field(primary_key=True)
    conflict_key: str = Field(primary_key=True)
    account: str = Field(index=True)
    lent: int = Field(sa_type=Units)
    cost: int = Field(sa_type=Units)
    at_s: int


class SqlGasLoanStore:
    """Implements `custody.wallets.gas_loans.GasLoanStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        GasLoanModel.metadata.create_all(engine)

    def save_loan(self, chain: Chain, loan: GasLoan) -> None:
        """Insert a loan, or replace the one with its key, durably."""
        row = GasLoanRow(
            chain=chain.id,
            conflict_key=loan.key,
            account=loan.account,
            lent=loan.lent,
            cost=loan.cost,
            at_s=loan.at_s,
        )
        with Session(self._engine) as session:
            session.merge(row)
            session.commit()

    def drop_loan(self, chain: Chain, key: str) -> None:
        """Forget a loan that never came to a signature; an unknown one is no change."""
        with Session(self._engine) as session:
            row = session.get(GasLoanRow, (chain.id, key))
            if row is not None:
                session.delete(row)
                session.commit()

    def loans_of(self, chain: Chain, account: str) -> Sequence[GasLoan]:
        """All loans to one account."""
        wanted = select(GasLoanRow).where(GasLoanRow.chain == chain.id, GasLoanRow.account == account)
        return self._read(wanted)

    def loans(self, chain: Chain) -> Sequence[GasLoan]:
        """All loans on a chain."""
        return self._read(select(GasLoanRow).where(GasLoanRow.chain == chain.id))

    def _read(self, wanted: SelectOfScalar[GasLoanRow]) -> Sequence[GasLoan]:
        with Session(for_reading(self._engine)) as session:
            rows = session.exec(wanted)
            return [GasLoan(row.conflict_key, row.account, row.lent, row.cost, row.at_s) for row in rows]
