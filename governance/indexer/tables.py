"""Tables of the indexer, for SQLite and PostgreSQL; numbers of chains, blocks and seconds pass 32 bits."""

from __future__ import annotations

from sqlalchemy import BigInteger, MetaData, UniqueConstraint
from sqlmodel import Field, SQLModel


class IndexModel(SQLModel):
    """Tables of the indexer."""

    metadata = MetaData()


class IndexRow(IndexModel, table=True):
    """What is indexed on a chain, and how far it is final; the mark only rises."""

    __tablename__ = "chain_index"

    chain_id: int = Field(primary_key=True, sa_type=BigInteger)
    contract: str
    final_number: int = Field(sa_type=BigInteger)


class BlockRow(IndexModel, table=True):
    """A block of the main chain."""

    __tablename__ = "chain_block"

    chain_id: int = Field(primary_key=True, sa_type=BigInteger)
    number: int = Field(primary_key=True, sa_type=BigInteger)
    hash: str
    parent: str
    time_s: int = Field(sa_type=BigInteger)


class EventRow(IndexModel, table=True):
    """One event of a pinned contract."""

    __tablename__ = "chain_event"

    chain_id: int = Field(primary_key=True, sa_type=BigInteger)
    block_hash: str = Field(primary_key=True)
    log_index: int = Field(primary_key=True)
    number: int = Field(index=True, sa_type=BigInteger)
    contract: str
    name: str
    args: str


class OutboxRow(IndexModel, table=True):
    """Something final that others act upon."""

    __tablename__ = "outbox"
    __table_args__ = (UniqueConstraint("chain_id", "contract", "listing"),)

    position: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    chain_id: int = Field(sa_type=BigInteger)
    contract: str
    listing: int = Field(sa_type=BigInteger)
