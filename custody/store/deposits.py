"""Deposits, handed-out addresses and scanned blocks in SQL (SQLite or PostgreSQL).

Rules:
    * A block and its deposits are written in one transaction.
    * Amounts are whole base units in an exact column; an asset that is no longer configured is an error,
      never a guess.

Example:
    store = SqlDepositStore(open_database("sqlite:///custody.db"), AssetBook([BTC]))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import BigInteger, Engine, MetaData, UniqueConstraint, func
from sqlmodel import Field, Session, SQLModel, col, select

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.primitives.chain import BlockRef, ChainId
from custody.primitives.clock import Clock, SystemClock
from custody.primitives.errors import Conflict
from custody.primitives.ids import CustomerId, TxId
from custody.store.database import for_reading
from custody.store.units import Units
from custody.wallets.deposit import Deposit, DepositState


class AddressTaken(Conflict):
    """An address or an index was handed out to someone else."""

    code = "address_taken"


class DepositModel(SQLModel):
    """Tables of the deposit scanner, apart from those of other rooms."""

    metadata = MetaData()


class AddressRow(DepositModel, table=True):
    """A handed-out deposit address; never deleted."""

    __tablename__ = "deposit_address"
    __table_args__ = (UniqueConstraint("chain", "position"),)

    chain: str = Field(primary_key=True)
    text: str = Field(primary_key=True)
    customer: str = Field(index=True)
    position: int


class BlockRow(DepositModel, table=True):
    """A scanned block of the main chain."""

    __tablename__ = "scanned_block"

    chain: str = Field(primary_key=True)
    height: int = Field(primary_key=True)
    hash: str
    parent: str


class DepositRow(DepositModel, table=True):
    """A payment to one of our addresses."""

    __tablename__ = "deposit"

    key: str = Field(primary_key=True)
    chain: str = Field(index=True)
    txid: str
    position: int
    customer: str = Field(index=True)
    asset: str
    units: int = Field(sa_type=Units)
    height: int
    block_hash: str = Field(index=True)
    block_parent: str
    state: str = Field(index=True)
    generation: int


class CreditTimeRow(DepositModel, table=True):
    """When a deposit was credited first, by our clock."""

    __tablename__ = "deposit_credit_time"

    key: str = Field(primary_key=True)
    at_s: int = Field(sa_type=BigInteger, index=True)


class SqlDepositStore:
    """Implements `custody.wallets.ports.DepositStore`."""

    def __init__(self, engine: Engine, assets: AssetBook, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._engine = engine
        self._reading = for_reading(engine)
        self._assets = assets
        DepositModel.metadata.create_all(engine)

    def watched(self, chain: ChainId) -> Mapping[str, CustomerId]:
        """All addresses ever handed out on a chain: canonical text -> customer."""
        with Session(self._reading) as session:
            rows = session.exec(select(AddressRow).where(AddressRow.chain == chain))
            return {row.text: CustomerId(row.customer) for row in rows}

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
            row = session.exec(select(AddressRow).where(mine).order_by(col(AddressRow.position).desc())).first()
            return (Address(chain, row.text), row.position) if row else None

    def next_index(self, chain: ChainId) -> int:
        """The lowest index never handed out on a chain."""
        with Session(self._reading) as session:
            highest = session.exec(select(func.max(AddressRow.position)).where(AddressRow.chain == chain)).one()
            return 0 if highest is None else highest + 1

    def scanned_tip(self, chain: ChainId) -> BlockRef | None:
        """The newest block recorded as scanned."""
        with Session(self._reading) as session:
            newest = select(BlockRow).where(BlockRow.chain == chain).order_by(col(BlockRow.height).desc())
            row = session.exec(newest).first()
            return _block(row) if row else None

    def scanned_block(self, chain: ChainId, height: int) -> BlockRef | None:
        """The block recorded as scanned at a height."""
        with Session(self._reading) as session:
            row = session.get(BlockRow, (chain, height))
            return _block(row) if row else None

    def record_block(self, block: BlockRef, deposits: Sequence[Deposit]) -> None:
        """Record a scanned block and its deposits in one transaction."""
        with Session(self._engine) as session:
            session.merge(BlockRow(chain=block.chain, height=block.height, hash=block.hash, parent=block.parent))
            for deposit in deposits:
                session.merge(_row(deposit))
            session.commit()

    def forget_block(self, block: BlockRef) -> None:
        """Remove a block that is no longer in the main chain."""
        with Session(self._engine) as session:
            row = session.get(BlockRow, (block.chain, block.height))
            if row is not None and row.hash == block.hash:
                session.delete(row)
                session.commit()

    def get(self, key: str) -> Deposit | None:
        """A deposit by its key."""
        with Session(self._reading) as session:
            row = session.get(DepositRow, key)
            return self._deposit(row) if row else None

    def save(self, deposit: Deposit) -> None:
        """Replace a stored deposit's state, block and generation."""
        with Session(self._engine) as session:
            session.merge(_row(deposit))
            if deposit.state is DepositState.CREDITED and session.get(CreditTimeRow, deposit.key) is None:
                session.add(CreditTimeRow(key=deposit.key, at_s=self._clock.now_s()))
            session.commit()

    def in_states(self, chain: ChainId, states: Sequence[DepositState]) -> Sequence[Deposit]:
        """Deposits of a chain in any of these states, oldest first."""
        wanted = [state.value for state in states]
        with Session(self._reading) as session:
            rows = session.exec(
                select(DepositRow)
                .where(DepositRow.chain == chain, col(DepositRow.state).in_(wanted))
                .order_by(col(DepositRow.height), col(DepositRow.key))
            )
            return [self._deposit(row) for row in rows]

    def in_block(self, block: BlockRef) -> Sequence[Deposit]:
        """Deposits whose present block is this one."""
        mine = (col(DepositRow.chain) == block.chain) & (col(DepositRow.block_hash) == block.hash)
        with Session(self._reading) as session:
            return [self._deposit(row) for row in session.exec(select(DepositRow).where(mine))]

    def all(self) -> Sequence[Deposit]:
        """Every deposit, newest block first."""
        with Session(self._reading) as session:
            rows = session.exec(select(DepositRow).order_by(col(DepositRow.height).desc(), col(DepositRow.key)))
            return [self._deposit(row) for row in rows]

    def _deposit(self, row: DepositRow) -> Deposit:
        block = BlockRef(ChainId(row.chain), row.height, row.block_hash, row.block_parent)
        amount = Amount(row.units, self._assets.get(row.asset))
        found = Deposit(TxId(row.txid), row.position, CustomerId(row.customer), amount, block, DepositState(row.state))
        return replace(found, generation=row.generation)


def _block(row: BlockRow) -> BlockRef:
    return BlockRef(ChainId(row.chain), row.height, row.hash, row.parent)


def _row(deposit: Deposit) -> DepositRow:
    return DepositRow(
        key=deposit.key,
        chain=deposit.block.chain,
        txid=deposit.txid,
        position=deposit.index,
        customer=deposit.customer,
        asset=deposit.amount.asset.symbol,
        units=deposit.amount.units,
        height=deposit.block.height,
        block_hash=deposit.block.hash,
        block_parent=deposit.block.parent,
        state=deposit.state.value,
        generation=deposit.generation,
    )
