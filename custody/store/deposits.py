"""Deposits, handed-out addresses and scanned blocks in SQL (SQLite or PostgreSQL).

Rules:
    * A block and its deposits are written in one transaction.
    * A decision of officers and what it changes are one transaction, over what the officers saw.

Example:
    store = SqlDepositStore(open_database("sqlite:///custody.db"), AssetBook([BTC]))
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, delete, func, insert, true
from sqlalchemy import select as select_columns
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from custody.primitives.address import Address
from custody.primitives.asset import AssetBook
from custody.primitives.bell import Bell
from custody.primitives.chain import BlockRef, ChainId
from custody.primitives.clock import Clock, SystemClock
from custody.primitives.errors import Conflict, StaleState
from custody.primitives.ids import CustomerId
from custody.store.database import for_reading
from custody.store.deposit_rows import (
    AddressRow,
    BlockRow,
    CreditTimeRow,
    DecisionRow,
    DepositModel,
    DepositRow,
    DepthRow,
    deposit_of,
    row_of,
)
from custody.store.deposit_totals import DepositTotal, DepositTotalRow, carry_totals, recount_totals, totals_of
from custody.store.plain_rows import MAX_BOUND, all_columns, key_pages
from custody.wallets.deposit import Deposit, DepositState
from custody.wallets.depths import DepthGuard
from custody.wallets.ports import DecisionChange, DecisionRecord, DepositChange

_DEPOSITS, _BLOCKS = all_columns(DepositRow), all_columns(BlockRow)


class AddressTaken(Conflict):
    """An address or an index was handed out to someone else."""

    code = "address_taken"


class DecisionSpent(Conflict):
    """These officers' decision was carried out before."""

    code = "decision_spent"


class SqlDepositStore:
    """Implements `custody.wallets.ports.CaseStore`."""

    def __init__(
        self,
        engine: Engine,
        assets: AssetBook,
        clock: Clock | None = None,
        bell: Bell | None = None,
        quanta: Mapping[str, int] | None = None,
    ) -> None:
        """Open the store; `quanta` says what one unit of the books is, in base units by symbol: 1 if not named."""
        self._clock = clock or SystemClock()
        self._bell = bell or Bell()
        self._engine = engine
        self._reading = for_reading(engine)
        self._assets = assets
        self._quanta = quanta or {}
        DepositModel.metadata.create_all(engine)
        with Session(engine) as session:
            recount_totals(session, self._quanta)
            session.commit()

    def watched(self, chain: ChainId) -> Mapping[str, CustomerId]:
        """All addresses ever handed out on a chain: canonical text -> customer, NOBODY for a shared address."""
        handed_out = select_columns(col(AddressRow.text), col(AddressRow.customer))
        with self._reading.connect() as connection:
            found = connection.execute(handed_out.where(col(AddressRow.chain) == chain))
            return {text: CustomerId(customer) for text, customer in found}

    def add_address(self, address: Address, customer: CustomerId, index: int) -> None:
        """Record a handed-out address.

        Raises:
            AddressTaken: Address or index belongs to another customer.
        """
        wanted = AddressRow(chain=address.chain, text=address.text, customer=customer, position=index)
        at_index = (col(AddressRow.chain) == address.chain) & (col(AddressRow.position) == index)
        with Session(self._engine) as session:
            same_text = session.get(AddressRow, (address.chain, address.text))
            found = same_text or session.exec(select(AddressRow).where(at_index)).first()
            if found is None:
                session.add(wanted)
                session.commit()
            elif (found.text, found.customer, found.position) != (address.text, customer, index):
                raise AddressTaken(f"{address}: address or index {index} was handed out before", chain=address.chain)

    def address_of(self, chain: ChainId, customer: CustomerId) -> tuple[Address, int] | None:
        """The customer's newest address on a chain and its index, if any."""
        mine = (col(AddressRow.chain) == chain) & (col(AddressRow.customer) == customer)
        with Session(self._reading) as session:
            newest = select(AddressRow).where(mine).order_by(col(AddressRow.position).desc())
            row = session.exec(newest.limit(1)).first()
            return (Address(chain, row.text), row.position) if row else None

    def positions(self, chain: ChainId) -> Mapping[str, int]:
        """The index of every address handed out on a chain."""
        handed_out = select_columns(col(AddressRow.text), col(AddressRow.position))
        with self._reading.connect() as connection:
            found = connection.execute(handed_out.where(col(AddressRow.chain) == chain))
            return {row.text: row.position for row in found}

    def next_index(self, chain: ChainId) -> int:
        """The lowest index never handed out on a chain."""
        with Session(self._reading) as session:
            highest = session.exec(select(func.max(AddressRow.position)).where(AddressRow.chain == chain)).one()
            return 0 if highest is None else highest + 1

    def scanned_tip(self, chain: ChainId) -> BlockRef | None:
        """The newest block recorded as scanned."""
        newest = _BLOCKS.where(col(BlockRow.chain) == chain).order_by(col(BlockRow.height).desc()).limit(1)
        with self._reading.connect() as connection:
            row = connection.execute(newest).first()
            return _block(row) if row else None

    def scanned_block(self, chain: ChainId, height: int) -> BlockRef | None:
        """The block recorded as scanned at a height."""
        there = _BLOCKS.where(col(BlockRow.chain) == chain, col(BlockRow.height) == height)
        with self._reading.connect() as connection:
            row = connection.execute(there).first()
            return _block(row) if row else None

    def record_block(self, block: BlockRef, deposits: Sequence[Deposit]) -> None:
        """Record a scanned block and its deposits in one transaction."""
        with Session(self._engine) as session:
            session.merge(BlockRow(chain=block.chain, height=block.height, hash=block.hash, parent=block.parent))
            self._replace(session, deposits)
            session.commit()
        self._bell.ring([block.chain])

    def forget_block(self, block: BlockRef) -> None:
        """Remove a block that is no longer in the main chain."""
        with Session(self._engine) as session:
            row = session.get(BlockRow, (block.chain, block.height))
            if row is not None and row.hash == block.hash:
                session.delete(row)
                session.commit()
        self._bell.ring([block.chain])

    def get(self, key: str) -> Deposit | None:
        """A deposit by its key."""
        return next(iter(self._read(col(DepositRow.key) == key)), None)

    def known(self, keys: Collection[str]) -> Mapping[str, Deposit]:
        """Those of these deposits that are recorded, by key."""
        found = (deposit for page in key_pages(keys) for deposit in self._read(col(DepositRow.key).in_(page)))
        return {deposit.key: deposit for deposit in found}

    def save(self, *deposits: Deposit) -> None:
        """Replace stored deposits, all in one transaction."""
        if not deposits:
            return
        with Session(self._engine) as session:
            self._replace(session, deposits)
            session.commit()
        self._bell.ring(deposit.block.chain for deposit in deposits)

    def in_states(self, chain: ChainId, states: Sequence[DepositState]) -> Sequence[Deposit]:
        """Deposits of a chain in any of these states, oldest first."""
        wanted = [state.value for state in states]
        mine = (col(DepositRow.chain) == chain) & col(DepositRow.state).in_(wanted)
        return self._read(mine, col(DepositRow.height), col(DepositRow.key))

    def totals(self, chain: ChainId) -> Sequence[DepositTotal]:
        """The sums of all deposits of a chain, by asset and state; those of what was and is no more are zero."""
        mine = all_columns(DepositTotalRow).where(col(DepositTotalRow.chain) == chain)
        with self._reading.connect() as connection:
            return totals_of(connection.execute(mine))

    def in_block(self, block: BlockRef) -> Sequence[Deposit]:
        """Deposits whose present block is this one."""
        return self._read((col(DepositRow.chain) == block.chain) & (col(DepositRow.block_hash) == block.hash))

    def all(self) -> Sequence[Deposit]:
        """Every deposit, newest block first."""
        return self._read(true(), col(DepositRow.height).desc(), col(DepositRow.key))

    def addresses_in(self, chain: ChainId, states: Sequence[DepositState]) -> frozenset[str]:
        """Addresses that a deposit in any of these states went to."""
        wanted = [state.value for state in states]
        mine = (col(DepositRow.chain) == chain) & col(DepositRow.state).in_(wanted)
        with Session(self._reading) as session:
            return frozenset(session.exec(select(DepositRow.to).where(mine).distinct()))

    def keys_in(self, keys: Collection[str], states: Sequence[DepositState]) -> frozenset[str]:
        """Those of these deposits that are recorded in any of these states."""
        wanted = [state.value for state in states]
        found: set[str] = set()
        with self._reading.connect() as connection:
            for page in key_pages(keys):
                asked = col(DepositRow.key).in_(page) & col(DepositRow.state).in_(wanted)
                found |= set(connection.scalars(select_columns(col(DepositRow.key)).where(asked)))
        return frozenset(found)

    def _read(self, where: ColumnElement[bool], *order: ColumnElement[Any] | Mapped[Any]) -> list[Deposit]:
        with self._reading.connect() as connection:
            found = connection.execute(_DEPOSITS.where(where).order_by(*order))
            return [deposit_of(row, self._assets) for row in found]

    def _replace(self, session: Session, deposits: Sequence[Deposit]) -> None:
        """Write deposits over what is stored under their keys, many at a time."""
        for start in range(0, len(deposits), MAX_BOUND):
            rows = [row_of(deposit, self._assets) for deposit in deposits[start : start + MAX_BOUND]]
            mine = col(DepositRow.key).in_([row.key for row in rows])
            carry_totals(session, session.connection().execute(_DEPOSITS.where(mine)), rows, self._quanta)
            session.execute(delete(DepositRow).where(mine))
            session.execute(insert(DepositRow), [row.model_dump() for row in rows])
        for deposit in deposits:
            if deposit.state is DepositState.CREDITED and session.get(CreditTimeRow, deposit.key) is None:
                session.add(CreditTimeRow(key=deposit.key, at_s=self._clock.now_s()))

    def of_customer(self, customer: CustomerId, states: Sequence[DepositState]) -> Sequence[Deposit]:
        """Deposits of one customer, on every chain, in any of these states."""
        wanted = [state.value for state in states]
        mine = (col(DepositRow.customer) == customer) & col(DepositRow.state).in_(wanted)
        return self._read(mine, col(DepositRow.key))

    def depth_guard(self, chain: ChainId) -> DepthGuard | None:
        """The depths a chain's history has led to; None while they are its own."""
        with Session(self._reading) as session:
            row = session.get(DepthRow, chain)
            if row is None:
                return None
            return DepthGuard(row.credit_depth, row.final_depth, row.deepest, row.paused, row.is_halted)

    def save_depth_guard(self, chain: ChainId, guard: DepthGuard) -> None:
        """Replace the depths of a chain, durably."""
        with Session(self._engine) as session:
            session.merge(_depth_row(chain, guard))
            session.commit()
        self._bell.ring([chain])

    def decide(self, record: DecisionRecord, change: DecisionChange) -> None:
        """Record a decision and what it changes, in one transaction.

        Raises:
            DecisionSpent: It was carried out before.
            StaleState: The deposit moved since the officers looked at it.
        """
        with Session(self._engine) as session:
            if session.get(DecisionRow, record.digest.hex()) is not None:
                raise DecisionSpent(f"decision {record.digest.hex()} was carried out before")
            session.add(DecisionRow(digest=record.digest.hex(), text=record.text))
            if isinstance(change, DepositChange):
                row = session.get(DepositRow, change.before.key)
                if row is None or deposit_of(row, self._assets) != change.before:
                    raise StaleState(f"deposit {change.before.key} moved meanwhile", key=change.before.key)
                session.expunge(row)
                self._replace(session, [change.after])
            else:
                session.merge(_depth_row(change.chain, change.guard))
            session.commit()
        self._bell.ring([change.after.block.chain if isinstance(change, DepositChange) else change.chain])

    def decisions(self) -> Sequence[str]:
        """Every decision of officers in full, for the record."""
        with Session(self._reading) as session:
            return [row.text for row in session.exec(select(DecisionRow).order_by(col(DecisionRow.digest)))]


def _block(row: Row[Any]) -> BlockRef:
    return BlockRef(ChainId(row.chain), row.height, row.hash, row.parent)


def _depth_row(chain: ChainId, guard: DepthGuard) -> DepthRow:
    return DepthRow(
        chain=chain,
        credit_depth=guard.credit_depth,
        final_depth=guard.final_depth,
        deepest=guard.deepest,
        paused=guard.paused,
        is_halted=guard.is_halted,
    )
