"""Receipts in SQL: one chain for all chains of the house, written inside the transaction of the step they belong to.

Rules:
    * Number, link and signature are made while the head is locked: two writers never share a place.
    * Rows are never changed or deleted.

Example:
    append_receipts(session, change.receipts, seals.receipts)
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, Engine, Row, bindparam
from sqlalchemy import select as select_columns
from sqlmodel import Field, Session, SQLModel, col, select

from custody.primitives.encoding import canonical_json
from custody.primitives.errors import ToolkitError
from custody.primitives.ids import Digest, WithdrawalId
from custody.primitives.secret import Secret
from custody.store.database import for_reading
from custody.store.plain_rows import all_columns, key_pages
from custody.withdrawals.gates.receipt_lines import gates_json, parse_gates
from custody.withdrawals.gates.receipts import START, Head, Receipt, ReceiptBroken, ReceiptDraft, seal

HEAD_ID = 1


class ReceiptRow(SQLModel, table=True):
    """One receipt; `gates` with the evidence as canonical JSON."""

    __tablename__ = "gate_receipt"

    number: int = Field(primary_key=True, sa_type=BigInteger)
    withdrawal_id: str = Field(index=True, foreign_key="withdrawal.id")
    intent_hash: bytes
    policy_version: int
    gates: str
    previous: bytes
    signature: bytes


class ReceiptHeadRow(SQLModel, table=True):
    """One row: where the chain ends."""

    __tablename__ = "gate_receipt_head"

    id: int = Field(primary_key=True)
    number: int = Field(sa_type=BigInteger)
    hash: bytes


_INTENTS = select_columns(col(ReceiptRow.withdrawal_id), col(ReceiptRow.intent_hash)).where(
    col(ReceiptRow.withdrawal_id).in_(bindparam("ids", expanding=True))
)


def append_receipts(session: Session, drafts: Sequence[ReceiptDraft], key: Secret) -> None:
    """Write receipts behind the last one; the caller commits."""
    if not drafts:
        return
    row = session.exec(select(ReceiptHeadRow).where(ReceiptHeadRow.id == HEAD_ID).with_for_update()).first()
    if row is None:
        row = ReceiptHeadRow(id=HEAD_ID, number=START.number, hash=bytes(START.hash))
    head = Head(row.number, Digest(row.hash))
    for draft in drafts:
        receipt = seal(draft, head, key)
        session.add(_row(receipt))
        head = receipt.head
    row.number, row.hash = head.number, bytes(head.hash)
    session.add(row)


def newest_receipt(engine: Engine, withdrawal_id: WithdrawalId) -> Receipt | None:
    """Return the last receipt of a withdrawal; None before its first."""
    newest = all_columns(ReceiptRow).where(col(ReceiptRow.withdrawal_id) == withdrawal_id)
    with engine.connect() as connection:
        found = connection.execute(newest.order_by(col(ReceiptRow.number).desc()).limit(1)).first()
    return None if found is None else _receipt(found)


def intents_with_receipts(
    engine: Engine, withdrawal_ids: Collection[WithdrawalId]
) -> frozenset[tuple[WithdrawalId, Digest]]:
    """Return (withdrawal, intent hash) of every receipt of these withdrawals."""
    found: set[tuple[WithdrawalId, Digest]] = set()
    with engine.connect() as connection:
        for some in key_pages(withdrawal_ids):
            read = connection.execute(_INTENTS, {"ids": some})
            found |= {(WithdrawalId(name), Digest(hashed)) for name, hashed in read}
    return frozenset(found)


def all_receipts(engine: Engine) -> Iterator[Receipt]:
    """Go through the whole chain, by number."""
    with engine.connect() as connection:
        for row in connection.execute(all_columns(ReceiptRow).order_by(col(ReceiptRow.number))):
            yield _receipt(row)


def receipt_head(engine: Engine) -> Head:
    """Return where the chain ends."""
    with Session(for_reading(engine)) as session:
        row = session.get(ReceiptHeadRow, HEAD_ID)
        return START if row is None else Head(row.number, Digest(row.hash))


def _row(receipt: Receipt) -> ReceiptRow:
    draft = receipt.draft
    return ReceiptRow(
        number=receipt.number,
        withdrawal_id=draft.withdrawal_id,
        intent_hash=draft.intent_hash,
        policy_version=draft.policy_version,
        gates=canonical_json(gates_json(draft.gates)).decode(),
        previous=receipt.previous,
        signature=receipt.signature,
    )


def _receipt(row: Row[Any]) -> Receipt:
    try:
        gates = parse_gates(json.loads(row.gates))
    except (ValueError, KeyError, TypeError, RecursionError, ToolkitError) as error:
        raise ReceiptBroken(f"receipt {row.number}: its gates cannot be read: {error}", number=row.number) from error
    draft = ReceiptDraft(WithdrawalId(row.withdrawal_id), Digest(row.intent_hash), row.policy_version, gates)
    return Receipt(row.number, draft, Digest(row.previous), row.signature)
