"""Tables of the withdrawal room; the unique indexes are the last line against paying twice.

Rules:
    * (customer, idempotency key) is unique for ever; rows are never deleted.
    * A withdrawal belongs to at most one payment that is not void; a resource to at most one live payment.
    * Times in milliseconds and counts are 64-bit; money is `Units`.
    * A withdrawal's row carries two authenticators (`custody.store.seals`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Engine, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from custody.store.fee_queue import create_fee_tables
from custody.store.receipts import ReceiptHeadRow, ReceiptRow
from custody.store.units import Units

_LIVE = text("live")


class WithdrawalRow(SQLModel, table=True):
    """One request."""

    __tablename__ = "withdrawal"
    __table_args__ = (
        UniqueConstraint("customer", "idempotency_key", name="one_withdrawal_per_key"),
        Index("withdrawal_by_state", "state", "requested_at_ms", "id"),
        Index("withdrawal_by_hold", "hold", "state"),
    )

    id: str = Field(primary_key=True)
    kind: str
    customer: str
    initiator: str
    asset: str
    to: str
    units: int = Field(sa_type=Units)
    memo: str
    idempotency_key: str
    request_hash: bytes
    salt: str
    requested_at_ms: int = Field(sa_type=BigInteger)
    state: str
    moved_at_ms: int = Field(sa_type=BigInteger)
    version: int
    hold: str
    fee_max: int | None = Field(default=None, sa_type=Units, nullable=True)
    fee_asset: str = ""
    policy_version: int | None = None
    expires_at_s: int | None = Field(default=None, sa_type=BigInteger, nullable=True)
    decision: str = ""
    facts: str = ""
    source: str = ""
    payment_id: str = ""
    stop: str = ""
    reason: str = ""
    broadcast_at_ms: int | None = Field(default=None, sa_type=BigInteger, nullable=True)
    business_mac: bytes = b""
    risk_mac: bytes = b""


class PaymentRow(SQLModel, table=True):
    """One payment."""

    __tablename__ = "payment"

    id: str = Field(primary_key=True)
    chain: str
    wallet_id: str
    conflict_key: str
    state: str = Field(index=True)
    version: int
    opened_at_ms: int = Field(sa_type=BigInteger)
    note: str


class PaymentItemRow(SQLModel, table=True):
    """Which withdrawals a payment serves; `live` until the payment is void."""

    __tablename__ = "payment_item"
    __table_args__ = (
        Index("one_payment_per_withdrawal", "withdrawal_id", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    )

    payment_id: str = Field(primary_key=True, foreign_key="payment.id")
    position: int = Field(primary_key=True)
    withdrawal_id: str = Field(foreign_key="withdrawal.id")
    live: bool


class ReservationRow(SQLModel, table=True):
    """A coin or sequence a payment consumes; `live` until it is final or void."""

    __tablename__ = "payment_reservation"
    __table_args__ = (
        Index("one_payment_per_resource", "resource", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    )

    payment_id: str = Field(primary_key=True, foreign_key="payment.id")
    resource: str = Field(primary_key=True)
    chain: str = Field(index=True)
    live: bool


class AttemptRow(SQLModel, table=True):
    """One plan and its bytes."""

    __tablename__ = "payment_attempt"

    payment_id: str = Field(primary_key=True, foreign_key="payment.id")
    number: int = Field(primary_key=True)
    state: str
    plan: bytes
    members: str
    txid: str = Field(default="", index=True)
    raw: bytes = b""
    conflict_key: str = ""
    fee_max: int | None = Field(default=None, sa_type=Units, nullable=True)
    fee_asset: str = ""
    sent_at_ms: int | None = Field(default=None, sa_type=BigInteger, nullable=True)


class SignatureRow(SQLModel, table=True):
    """One signature as it came."""

    __tablename__ = "payment_signature"
    __table_args__ = (UniqueConstraint("payment_id", "attempt", "key", "position", name="one_signature_per_key"),)

    id: int | None = Field(default=None, primary_key=True)
    payment_id: str = Field(index=True)
    attempt: int
    role: str
    signer: str
    curve: str
    key: bytes
    position: int
    value: bytes


class ApprovalRow(SQLModel, table=True):
    """One verdict."""

    __tablename__ = "withdrawal_approval"
    __table_args__ = (UniqueConstraint("withdrawal_id", "intent_hash", "approver", "verdict", name="one_verdict"),)

    id: int | None = Field(default=None, primary_key=True)
    withdrawal_id: str = Field(index=True, foreign_key="withdrawal.id")
    intent_hash: bytes
    approver: str
    verdict: str
    at_s: int = Field(sa_type=BigInteger)
    signature: bytes


class UsageRow(SQLModel, table=True):
    """A decision's share of the velocity limits; `live` unless it ended without payment."""

    __tablename__ = "limit_usage"
    __table_args__ = tuple(
        Index(f"limit_usage_by_{scope}", scope, "at_s")
        for scope in ("customer", "owner", "destination", "asset", "tier")
    )

    withdrawal_id: str = Field(primary_key=True, foreign_key="withdrawal.id")
    customer: str
    owner: str
    destination: str
    asset: str
    tier: str
    house: str
    units: int = Field(sa_type=Units)
    reference: int = Field(sa_type=Units)
    at_s: int = Field(sa_type=BigInteger, index=True)
    live: bool


class UsageHeadRow(SQLModel, table=True):
    """One row: counts reservations, so that a decision over stale sums is refused."""

    __tablename__ = "limit_usage_head"

    id: int = Field(primary_key=True)
    count: int = Field(sa_type=BigInteger)


class WatermarkRow(SQLModel, table=True):
    """Up to which position of a signer's memory the records were compared with it."""

    __tablename__ = "signer_watermark"

    signer: str = Field(primary_key=True)
    sequence: int = Field(sa_type=BigInteger)


_TABLES = (
    WithdrawalRow,
    PaymentRow,
    PaymentItemRow,
    ReservationRow,
    AttemptRow,
    SignatureRow,
    ApprovalRow,
    UsageRow,
    UsageHeadRow,
    WatermarkRow,
    ReceiptRow,
    ReceiptHeadRow,
)


def create_withdrawal_tables(engine: Engine) -> None:
    """Create what does not exist yet; a payment that ends is noted in the queue of fees, so that one, too."""
    SQLModel.metadata.create_all(engine, tables=[SQLModel.metadata.tables[str(t.__tablename__)] for t in _TABLES])
    create_fee_tables(engine)
