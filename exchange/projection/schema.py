"""The tables for reading: what the journal says, in rows. A view, never the truth.

Rules:
    * Amounts are BIGINT quanta, prices ticks, quantities lots: sums in SQL stay exact, and overflow is an error.
    * A row that comes from a record carries its sequence number as key: writing it twice is impossible.
    * CHECKs are a tripwire; the engine has decided long before.
    * u64 and u128 numbers that exceed BIGINT (client command ids, transfer ids) are text.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, MetaData, String, Text
from sqlmodel import Field, SQLModel

NOTE_CHARS = 16 * 1024


class ProjectionModel(SQLModel):
    """Tables of the projection, apart from those of custody."""

    metadata = MetaData()


class OffsetRow(ProjectionModel, table=True):
    """How far the projection has come: one row, written in the transaction of the rows it covers."""

    __tablename__ = "projection_offset"
    id: int = Field(primary_key=True)
    seq: int = Field(sa_type=BigInteger)


class AccountRow(ProjectionModel, table=True):
    """A customer's account number; the house's own are not listed."""

    __tablename__ = "accounts"
    account: int = Field(primary_key=True, sa_type=BigInteger)
    customer: str = Field(sa_type=String(128), unique=True)
    seq: int = Field(sa_type=BigInteger)


class BalanceRow(ProjectionModel, table=True):
    """What an account has of an asset, in quanta. Only clearing (0) goes below zero: it mirrors custody."""

    __tablename__ = "balances"
    __table_args__ = (
        CheckConstraint("held >= 0", name="held_not_negative"),
        CheckConstraint("available >= 0 OR account = 0", name="available_not_negative"),
    )
    account: int = Field(primary_key=True, sa_type=BigInteger)
    asset: int = Field(primary_key=True, sa_type=BigInteger)
    available: int = Field(sa_type=BigInteger)
    held: int = Field(sa_type=BigInteger)
    seq: int = Field(sa_type=BigInteger)


class OrderRow(ProjectionModel, table=True):
    """An order, named by the sequence number of the command that placed it."""

    __tablename__ = "orders"
    order_id: int = Field(primary_key=True, sa_type=BigInteger)
    account: int = Field(sa_type=BigInteger, index=True)
    session: int = Field(sa_type=BigInteger)
    cmd_id: str = Field(sa_type=String(20))
    market: int
    side: int
    tif: int
    flags: int
    price: int = Field(sa_type=BigInteger)
    qty: int = Field(sa_type=BigInteger)
    filled: int = Field(sa_type=BigInteger)
    filled_quote: int = Field(sa_type=BigInteger)
    removed: int = Field(sa_type=BigInteger)
    handle: int = Field(sa_type=BigInteger)
    state: str = Field(sa_type=String(10), index=True)
    reason: int
    ts: int = Field(sa_type=BigInteger)


class FillRow(ProjectionModel, table=True):
    """A trade; `seq` is the taker's order."""

    __tablename__ = "fills"
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    number: int = Field(primary_key=True)
    maker: int = Field(sa_type=BigInteger, index=True)
    market: int = Field(index=True)
    price: int = Field(sa_type=BigInteger)
    qty: int = Field(sa_type=BigInteger)
    quote: int = Field(sa_type=BigInteger)
    fee_buyer: int = Field(sa_type=BigInteger)
    fee_seller: int = Field(sa_type=BigInteger)
    buyer: int = Field(sa_type=BigInteger, index=True)
    seller: int = Field(sa_type=BigInteger, index=True)
    taker_side: int
    flags: int
    ts: int = Field(sa_type=BigInteger)


class TransferRow(ProjectionModel, table=True):
    """A ledger transfer and the engine's answer; refused ones are kept too."""

    __tablename__ = "transfers"
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    transfer_id: str = Field(sa_type=String(32), index=True)
    pending_id: str = Field(sa_type=String(32), index=True)
    debit: int = Field(sa_type=BigInteger, index=True)
    credit: int = Field(sa_type=BigInteger, index=True)
    amount: int = Field(sa_type=BigInteger)
    asset: int
    code: int
    flags: int
    result: int
    user_a: int = Field(sa_type=BigInteger)
    user_b: int = Field(sa_type=BigInteger)
    note_seq: int | None = Field(sa_column=Column(BigInteger, nullable=True, index=True))
    ts: int = Field(sa_type=BigInteger)


class NoteRow(ProjectionModel, table=True):
    """A note's text, as it is hashed."""

    __tablename__ = "notes"
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    kind: str = Field(sa_type=String(64), index=True)
    text: str = Field(sa_type=Text)


TABLES = (OffsetRow, AccountRow, BalanceRow, OrderRow, FillRow, TransferRow, NoteRow)
