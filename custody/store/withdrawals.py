"""Withdrawals, payments, attempts and votes in SQL (SQLite or PostgreSQL).

Rules:
    * A change is one transaction: every record is written over the version that was read, or nothing is.
    * What two workers could do at once is decided by a unique index or by a version, never by a look before.
    * Withdrawals carry two authenticators: a row that no service wrote is not read.
    * Sums for the limits are added in Python from exact columns; a decision cites the count they were read at.

Example:
    store = SqlWithdrawalStore(open_database("sqlite:///custody.db"), AssetBook([BTC]), seals)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, bindparam, func, insert, tuple_
from sqlalchemy import select as select_columns
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from custody.primitives.approval import Approval
from custody.primitives.asset import AssetBook
from custody.primitives.bell import Bell
from custody.primitives.chain import ChainId
from custody.primitives.errors import IdempotencyConflict, NotFound
from custody.primitives.ids import CustomerId, Digest, IdempotencyKey, WithdrawalId
from custody.store import withdrawal_rows as rows
from custody.store.database import for_reading
from custody.store.plain_rows import all_columns, key_pages
from custody.store.receipts import intents_with_receipts, newest_receipt
from custody.store.seals import Seals, sealed, verify_row
from custody.store.withdrawal_changes import apply_change
from custody.store.withdrawal_tables import (
    AttemptRow,
    PaymentItemRow,
    PaymentRow,
    ReservationRow,
    SignatureRow,
    UsageHeadRow,
    WatermarkRow,
    WithdrawalRow,
    create_withdrawal_tables,
)
from custody.store.withdrawal_usage import reserved_for, reserved_total
from custody.store.withdrawal_votes import keep_vote, marks_of_votes, votes_over
from custody.withdrawals.errors import ResourceTaken
from custody.withdrawals.facts import UsageKey
from custody.withdrawals.gates.receipts import Receipt
from custody.withdrawals.ports import Change, Page, Usage
from custody.withdrawals.records import Attempt, GivenSignature, HoldState, Payment, Withdrawal
from custody.withdrawals.states import BEFORE_BLOCK, UNPAID_ENDS, PaymentState, WithdrawalState

_WITHDRAWALS, _PAYMENTS = all_columns(WithdrawalRow), all_columns(PaymentRow)
# Made once: putting a statement together costs as much as carrying it out.
_ATTEMPTS = (
    all_columns(AttemptRow)
    .where(col(AttemptRow.payment_id).in_(bindparam("ids", expanding=True)))
    .order_by(col(AttemptRow.payment_id), col(AttemptRow.number))
)
HEAD_ID = 1
"""Key of the one row that counts limit reservations."""


class SqlWithdrawalStore:
    """Implements `custody.withdrawals.ports.WithdrawalStore`."""

    def __init__(self, engine: Engine, assets: AssetBook, seals: Seals, bell: Bell | None = None) -> None:
        """Open it and make what tables are missing; the keys of `seals` do not lie in the database."""
        self._bell = bell or Bell()
        self._seals = seals
        self._engine = engine
        self._reading = for_reading(engine)
        self._assets = assets
        create_withdrawal_tables(engine)
        with Session(engine) as session:
            if session.get(UsageHeadRow, HEAD_ID) is None:
                session.add(UsageHeadRow(id=HEAD_ID, count=0))
                session.commit()

    def add(self, withdrawal: Withdrawal) -> Withdrawal:
        """Insert a request, or return the one that is there with the same content.

        Raises:
            IdempotencyConflict: The key was used for another content.
        """
        try:
            with Session(self._engine) as session:
                values = sealed(rows.withdrawal_row(withdrawal).model_dump(), self._seals)
                session.connection().execute(insert(WithdrawalRow), values)
                session.commit()
        except IntegrityError:
            existing = self.find(withdrawal.customer, withdrawal.idempotency_key)
            if existing is None or existing.request_hash != withdrawal.request_hash:
                raise IdempotencyConflict(
                    f"withdrawal {withdrawal.id}: its idempotency key was used for another content",
                    withdrawal=withdrawal.id,
                ) from None
            return existing
        self._bell.ring([withdrawal.amount.asset.chain])
        return withdrawal

    def commit(self, change: Change) -> None:
        """Write a change durably.

        Raises:
            StaleState: A record, or the velocity sums, changed since they were read.
            ResourceTaken: A live payment holds one of the resources or withdrawals.
        """
        try:
            with Session(self._engine) as session:
                apply_change(session, change, self._seals)
                session.commit()
        except IntegrityError as error:
            raise ResourceTaken("another payment holds the withdrawal or one of the resources") from error
        chains = {withdrawal.amount.asset.chain for withdrawal in change.withdrawals}
        self._bell.ring(chains | {payment.chain for payment in change.payments})

    def withdrawal(self, withdrawal_id: WithdrawalId) -> Withdrawal:
        """Return one request.

        Raises:
            NotFound: There is none.
        """
        found = self._withdrawals(col(WithdrawalRow.id) == withdrawal_id)
        if not found:
            raise NotFound(f"no withdrawal {withdrawal_id!r}", withdrawal=withdrawal_id)
        return found[0]

    def find(self, customer: CustomerId, key: IdempotencyKey) -> Withdrawal | None:
        """Return the request made under this key, if any."""
        found = self._withdrawals(
            (col(WithdrawalRow.customer) == customer) & (col(WithdrawalRow.idempotency_key) == key)
        )
        return found[0] if found else None

    def withdrawals(
        self, states: Set[WithdrawalState], customer: CustomerId | None = None, page: Page | None = None
    ) -> tuple[Withdrawal, ...]:
        """Return requests in these states, oldest first; all of them, or one page."""
        wanted: ColumnElement[bool] = col(WithdrawalRow.state).in_([state.value for state in states])
        if customer is not None:
            wanted &= col(WithdrawalRow.customer) == customer
        if page is None:
            return self._withdrawals(wanted)
        if page.chain is not None:
            there = [asset.symbol for asset in self._assets if asset.chain == page.chain]
            wanted &= col(WithdrawalRow.asset).in_(there)
        if page.after is not None:
            place = tuple_(col(WithdrawalRow.requested_at_ms), col(WithdrawalRow.id))
            wanted &= place > tuple_(page.after.requested_at_ms, page.after.id)
        return self._withdrawals(wanted, page.most)

    def hashes(self) -> Mapping[WithdrawalId, Digest]:
        """Return the content hash of every request whose money is set aside."""
        wanted = col(WithdrawalRow.hold) == HoldState.HELD.value
        with self._reading.connect() as connection:
            columns = (col(WithdrawalRow.id), col(WithdrawalRow.request_hash))
            found = connection.execute(select_columns(*columns).where(wanted))
            return {WithdrawalId(each): Digest(content) for each, content in found}

    def holding(self, states: Set[WithdrawalState]) -> frozenset[WithdrawalId]:
        """Return the ids of requests in these states whose money is set aside."""
        wanted: ColumnElement[bool] = col(WithdrawalRow.state).in_([state.value for state in states])
        held = col(WithdrawalRow.hold) == HoldState.HELD.value
        with self._reading.connect() as connection:
            found = connection.execute(select_columns(col(WithdrawalRow.id)).where(wanted & held))
            return frozenset(WithdrawalId(each) for (each,) in found)

    def unreleased(self) -> tuple[Withdrawal, ...]:
        """Return ended requests whose hold is not closed yet."""
        over = col(WithdrawalRow.state).in_([state.value for state in UNPAID_ENDS])
        return self._withdrawals(over & (col(WithdrawalRow.hold) == HoldState.HELD.value))

    def payment(self, payment_id: str) -> Payment:
        """Return one payment.

        Raises:
            NotFound: There is none.
        """
        found = self._payments(col(PaymentRow.id) == payment_id)
        if not found:
            raise NotFound(f"no payment {payment_id!r}", payment=payment_id)
        return found[0]

    def payments(self, states: Set[PaymentState], chain: ChainId | None = None) -> tuple[Payment, ...]:
        """Return payments in these states, on one chain or on all, oldest first."""
        wanted: ColumnElement[bool] = col(PaymentRow.state).in_([state.value for state in states])
        if chain is not None:
            wanted &= col(PaymentRow.chain) == chain
        return self._payments(wanted)

    def backlog(self, states: Set[PaymentState] = BEFORE_BLOCK) -> Mapping[tuple[ChainId, str], int]:
        """Count the payments per lane in these states, as a rule those that no block holds yet: (chain, wallet id)."""
        waiting = col(PaymentRow.state).in_([state.value for state in states])
        lane = (col(PaymentRow.chain), col(PaymentRow.wallet_id))
        with Session(self._reading) as session:
            found = session.exec(select(*lane, func.count()).where(waiting).group_by(*lane))
            return {(ChainId(chain), wallet_id): count for chain, wallet_id, count in found}

    def attempts(self, payment_id: str) -> tuple[Attempt, ...]:
        """Return the attempts of a payment by number."""
        return self.attempts_of([payment_id])

    def attempts_of(self, payment_ids: Collection[str]) -> tuple[Attempt, ...]:
        """Return the attempts of these payments, by payment and number."""
        found: list[Attempt] = []
        with self._reading.connect() as connection:
            for some in key_pages(payment_ids):
                found += [rows.attempt(row, self._assets) for row in connection.execute(_ATTEMPTS, {"ids": some})]
        return tuple(found)

    def signatures(self, payment_id: str, attempt: int) -> tuple[GivenSignature, ...]:
        """Return the signatures of an attempt in the order they came."""
        mine = (col(SignatureRow.payment_id) == payment_id) & (col(SignatureRow.attempt) == attempt)
        with self._reading.connect() as connection:
            found = connection.execute(all_columns(SignatureRow).where(mine).order_by(col(SignatureRow.id)))
            return tuple(rows.signature(row) for row in found)

    def reserved(self, chain: ChainId) -> frozenset[str]:
        """Return the resources of all live payments on a chain."""
        live = (col(ReservationRow.chain) == chain) & col(ReservationRow.live)
        with self._reading.connect() as connection:
            return frozenset(connection.scalars(select_columns(col(ReservationRow.resource)).where(live)))

    def add_approval(self, withdrawal_id: WithdrawalId, approval: Approval) -> None:
        """Keep a verdict; given again by the same approver, the later one counts."""
        keep_vote(self._engine, withdrawal_id, approval)
        self._bell.ring([self.withdrawal(withdrawal_id).amount.asset.chain])

    def approvals(self, withdrawal_id: WithdrawalId) -> tuple[Approval, ...]:
        """Return all verdicts given for a withdrawal, in the order they came."""
        return votes_over(self._reading, withdrawal_id)

    def vote_marks(self, withdrawal_ids: Collection[WithdrawalId]) -> Mapping[WithdrawalId, tuple[int, int]]:
        """Return how many verdicts each of these has, and the sum of their times: it changes with every verdict."""
        return marks_of_votes(self._reading, withdrawal_ids)

    def usage(self, keys: Iterable[UsageKey], without: WithdrawalId, now_s: int) -> Usage:
        """Add up the live reservations per key, leaving one withdrawal out."""
        with Session(self._reading) as session:
            # The count is read first: whatever comes after it makes the commit of this decision fail.
            head = session.exec(select(UsageHeadRow).where(UsageHeadRow.id == HEAD_ID)).one().count
            totals = {key: reserved_total(session, key, without, now_s) for key in keys}
        return Usage(totals, head)

    def with_limits(self, withdrawal_ids: Collection[WithdrawalId]) -> frozenset[WithdrawalId]:
        """Return those of these whose share of the limits is reserved."""
        return reserved_for(self._reading, withdrawal_ids)

    def receipt(self, withdrawal_id: WithdrawalId) -> Receipt | None:
        """Return the newest receipt of a withdrawal; None before its first."""
        return newest_receipt(self._reading, withdrawal_id)

    def receipted(self, withdrawal_ids: Collection[WithdrawalId]) -> frozenset[tuple[WithdrawalId, Digest]]:
        """Return (withdrawal, intent hash) of every receipt of these."""
        return intents_with_receipts(self._reading, withdrawal_ids)

    def watermark(self, signer: str) -> int:
        """Return up to which position of a signer's memory the records agree with it; 0 if never compared."""
        with Session(self._reading) as session:
            row = session.get(WatermarkRow, signer)
            return 0 if row is None else row.sequence

    def set_watermark(self, signer: str, sequence: int) -> None:
        """Keep up to which position they agree."""
        with Session(self._engine) as session:
            session.merge(WatermarkRow(signer=signer, sequence=sequence))
            session.commit()

    def _payments(self, where: ColumnElement[bool]) -> tuple[Payment, ...]:
        order = (col(PaymentRow.opened_at_ms), col(PaymentRow.id))
        with self._reading.connect() as connection:
            found = connection.execute(_PAYMENTS.where(where).order_by(*order)).all()
            if not found:
                return ()
            mine = select_columns(col(PaymentRow.id)).where(where)
            items = _items(connection, col(PaymentItemRow.payment_id).in_(mine))
            return tuple(rows.payment(row, items.get(row.id, [])) for row in found)

    def _withdrawals(self, where: ColumnElement[bool], most: int | None = None) -> tuple[Withdrawal, ...]:
        order = (col(WithdrawalRow.requested_at_ms), col(WithdrawalRow.id))
        with self._reading.connect() as connection:  # plain rows: many of them are read, and none is written back
            found = connection.execute(_WITHDRAWALS.where(where).order_by(*order).limit(most))
            return tuple(self._genuine(row) for row in found)

    def _genuine(self, row: Row[Any]) -> Withdrawal:
        verify_row(row, self._seals)
        return rows.withdrawal(row, self._assets)


def _items(connection: Connection, where: ColumnElement[bool]) -> dict[str, list[str]]:
    """Return the withdrawal ids per payment, in plan order."""
    found: dict[str, list[str]] = {}
    wanted = select_columns(col(PaymentItemRow.payment_id), col(PaymentItemRow.withdrawal_id)).where(where)
    order = (col(PaymentItemRow.payment_id), col(PaymentItemRow.position))
    for payment_id, withdrawal_id in connection.execute(wanted.order_by(*order)):
        found.setdefault(payment_id, []).append(withdrawal_id)
    return found
