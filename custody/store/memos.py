"""Numbers of customers who share one deposit address, in SQL; number 0 is the house's own."""

from __future__ import annotations

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from custody.primitives.chain import ChainId
from custody.primitives.ids import CustomerId
from custody.store.database import for_reading
from custody.store.deposit_rows import DepositModel, MemoRow


class SqlMemoStore:
    """Implements `custody.wallets.ports.MemoStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = for_reading(engine)
        DepositModel.metadata.create_all(engine)

    def number_of(self, chain: ChainId, customer: CustomerId) -> int:
        """The customer's number, from 1; the first call hands the next one out, durably."""
        mine = (col(MemoRow.chain) == chain) & (col(MemoRow.customer) == customer)
        with Session(self._engine) as session:  # a writing transaction: two callers never get one number
            known = session.exec(select(MemoRow).where(mine)).first()
            if known is not None:
                return known.position
            highest = session.exec(select(func.max(MemoRow.position)).where(MemoRow.chain == chain)).one()
            number = 1 if highest is None else highest + 1
            session.add(MemoRow(chain=chain, position=number, customer=customer))
            session.commit()
            return number

    def customer_at(self, chain: ChainId, number: int) -> CustomerId | None:
        """Whose a number is; None if it was never handed out."""
        with Session(self._reading) as session:
            row = session.get(MemoRow, (chain, number))
            return CustomerId(row.customer) if row else None
