"""Tables of deposits, and the way between a row and a deposit.

Rules:
    * Amounts are whole base units in an exact column; an asset that is not the configured one of its
      name is an error, never a guess.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import BigInteger, MetaData, Row, UniqueConstraint
from sqlmodel import Field, SQLModel

from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.primitives.chain import BlockRef, ChainId
from custody.primitives.errors import UnknownAsset
from custody.primitives.ids import CustomerId, TxId
from custody.store.units import Units
from custody.wallets.deposit import Deposit, DepositState


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


class MemoRow(DepositModel, table=True):
    """A handed-out number of a shared address; never deleted."""

    __tablename__ = "deposit_memo"
    __table_args__ = (UniqueConstraint("chain", "customer"),)

    chain: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    customer: str


class CreditTimeRow(DepositModel, table=True):
    """When a deposit was credited first, by our clock."""

    __tablename__ = "deposit_credit_time"

    key: str = Field(primary_key=True)
    at_s: int = Field(sa_type=BigInteger, index=True)


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
    to: str
    memo: str
    senders: str
    reason: str
    not_before_s: int
    is_released: bool
    refund_to: str


class DepthRow(DepositModel, table=True):
    """The depths a chain's reorgs have led to."""

    __tablename__ = "deposit_depth"

    chain: str = Field(primary_key=True)
    credit_depth: int
    final_depth: int
    deepest: int
    paused: str
    is_halted: bool


class DecisionRow(DepositModel, table=True):
    """A decision of officers that was carried out; never changed, never deleted."""

    __tablename__ = "deposit_decision"

    digest: str = Field(primary_key=True)
    text: str


def deposit_of(row: DepositRow | Row[Any], assets: AssetBook) -> Deposit:
    """Read a row.

    Raises:
        UnknownAsset: Its asset is not configured any more.
    """
    return Deposit(
        txid=TxId(row.txid),
        index=row.position,
        customer=CustomerId(row.customer),
        amount=Amount(row.units, assets.get(row.asset)),
        block=BlockRef(ChainId(row.chain), row.height, row.block_hash, row.block_parent),
        state=DepositState(row.state),
        generation=row.generation,
        to=row.to,
        memo=row.memo,
        senders=tuple(json.loads(row.senders)),
        reason=row.reason,
        not_before_s=row.not_before_s,
        is_released=row.is_released,
        refund_to=row.refund_to,
    )


def row_of(deposit: Deposit, assets: AssetBook) -> DepositRow:
    """Write a row.

    Raises:
        UnknownAsset: The asset is not the configured one of its name: a look-alike must not become the real one.
    """
    asset = deposit.amount.asset
    if assets.get(asset.symbol) != asset:
        raise UnknownAsset(f"{deposit.key}: {asset.key} is not the configured {asset.symbol}", asset=asset.symbol)
    return DepositRow(
        key=deposit.key,
        chain=deposit.block.chain,
        txid=deposit.txid,
        position=deposit.index,
        customer=deposit.customer,
        asset=asset.symbol,
        units=deposit.amount.units,
        height=deposit.block.height,
        block_hash=deposit.block.hash,
        block_parent=deposit.block.parent,
        state=deposit.state.value,
        generation=deposit.generation,
        to=deposit.to,
        memo=deposit.memo,
        senders=json.dumps(deposit.senders),
        reason=deposit.reason,
        not_before_s=deposit.not_before_s,
        is_released=deposit.is_released,
        refund_to=deposit.refund_to,
    )
