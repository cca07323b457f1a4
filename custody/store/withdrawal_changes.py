"""Writing one `Change` inside one open transaction.

Rules:
    * Compare and set: a row is written only over the version that was read.
    * A payment that becomes void lets go of its withdrawals; resources are let go where the change says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import CursorResult, bindparam, update
from sqlmodel import Session, col, select

from custody.primitives.errors import StaleState
from custody.primitives.invariant import invariant
from custody.store import withdrawal_rows as rows
from custody.store.fee_queue import DueKind, fee_is_due
from custody.store.receipts import append_receipts
from custody.store.seals import Seals, sealed
from custody.store.withdrawal_tables import (
    PaymentItemRow,
    PaymentRow,
    ReservationRow,
    SignatureRow,
    UsageHeadRow,
    UsageRow,
    WithdrawalRow,
)
from custody.withdrawals.facts import HOUSE, Scope, scope_value
from custody.withdrawals.ports import Change, UsageReservation
from custody.withdrawals.records import GivenSignature, Payment
from custody.withdrawals.states import PaymentState

_ENDED = frozenset({PaymentState.FINAL, PaymentState.VOID})
"""What may have taken a fee for good: paid, or executed and failed; of both, the attempt in a block is marked."""
Sealing = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Adds what vouches for a row to its values."""

_OVER_VERSION = {
    table: update(table).where(
        col(table.id) == bindparam("read_id"),
        col(table.version) == bindparam("read_version"),
    )
    for table in (WithdrawalRow, PaymentRow)
}
"""Made once: the database layer then compiles each of them once."""


def apply_change(session: Session, change: Change, seals: Seals) -> None:
    """Write a change; the caller commits.

    Raises:
        StaleState: A record, or the velocity sums, changed since they were read.
    """
    for withdrawal in change.withdrawals:
        _compare_and_set(session, rows.withdrawal_row(withdrawal), lambda values: sealed(values, seals))
    for payment in change.payments:
        _write_payment(session, payment)
    written = {payment.id for payment in change.payments}
    for attempt in change.attempts:
        invariant(attempt.payment_id in written, "an attempt changes together with its payment")
        session.merge(rows.attempt_row(attempt))
    for signature in change.signatures:
        _keep(session, signature)
    for payment_id in change.free:
        session.execute(update(ReservationRow).where(col(ReservationRow.payment_id) == payment_id).values(live=False))
    _reserve(session, change)
    if change.usage is not None:
        _reserve_usage(session, change.usage)
    for withdrawal_id in change.release_usage:
        session.execute(update(UsageRow).where(col(UsageRow.withdrawal_id) == withdrawal_id).values(live=False))
    append_receipts(session, change.receipts, seals.receipts)


def _write_payment(session: Session, payment: Payment) -> None:
    if payment.version:
        _compare_and_set(session, rows.payment_row(payment))
    else:
        _open(session, payment)
    if payment.state in _ENDED:
        fee_is_due(session, payment.chain, DueKind.PAYMENT, payment.id)
    if payment.state is PaymentState.VOID:
        session.execute(update(PaymentItemRow).where(col(PaymentItemRow.payment_id) == payment.id).values(live=False))


def _reserve(session: Session, change: Change) -> None:
    if change.reserve is None:
        return
    payment_id, resources = change.reserve
    chain = next(payment.chain for payment in change.payments if payment.id == payment_id)
    for resource in resources:
        session.add(ReservationRow(payment_id=payment_id, resource=resource, chain=chain, live=True))


def _compare_and_set(session: Session, row: WithdrawalRow | PaymentRow, seal: Sealing = dict) -> None:
    read = row.version
    values = seal({**row.model_dump(), "version": read + 1})
    statement = _OVER_VERSION[type(row)]
    result = session.connection().execute(statement, {**values, "read_id": row.id, "read_version": read})
    _require_one(result, f"{row.__tablename__} {row.id} changed since it was read")


def _open(session: Session, payment: Payment) -> None:
    row = rows.payment_row(payment)
    row.version = 1
    session.add(row)
    session.flush()
    for position, withdrawal_id in enumerate(payment.withdrawal_ids):
        session.add(PaymentItemRow(payment_id=payment.id, position=position, withdrawal_id=withdrawal_id, live=True))
    session.flush()


def _keep(session: Session, signature: GivenSignature) -> None:
    """Insert a signature once; a second worker's copy of the same key and input adds nothing."""
    row = rows.signature_row(signature)
    same = (
        (col(SignatureRow.payment_id) == row.payment_id)
        & (col(SignatureRow.attempt) == row.attempt)
        & (col(SignatureRow.key) == row.key)
        & (col(SignatureRow.position) == row.position)
    )
    if session.exec(select(SignatureRow).where(same)).first() is None:
        session.add(row)


def _reserve_usage(session: Session, usage: UsageReservation) -> None:
    head = update(UsageHeadRow).where(col(UsageHeadRow.count) == usage.head).values(count=usage.head + 1)
    _require_one(session.connection().execute(head), "the limits were used by another decision meanwhile")
    ask, known = usage.ask, usage.circumstances
    session.merge(
        UsageRow(
            withdrawal_id=ask.withdrawal_id,
            customer=ask.customer,
            owner=known.owner,
            destination=scope_value(Scope.DESTINATION, ask, known),
            asset=ask.amount.asset.key,
            tier=known.source.value,
            house=HOUSE,
            units=ask.amount.units,
            reference=usage.reference_micros,
            at_s=usage.at_s,
            live=True,
        )
    )


def _require_one(result: CursorResult[tuple[()]], problem: str) -> None:
    if result.rowcount != 1:
        raise StaleState(problem)
