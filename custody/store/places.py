"""Address books, full comparisons and places paid before, in SQL.

Rules:
    * Entries are removed by a mark, never deleted; one that does not hash to its id is not returned.
    * Places paid before are the destinations of live shares of the limits: what was blocked, or ended unpaid before
      it was read, is none.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import BigInteger, ColumnElement, Engine, MetaData
from sqlalchemy import select as select_columns
from sqlmodel import Field, Session, SQLModel, col, select

from custody.primitives.address import Address
from custody.primitives.approval import Approval, Verdict
from custody.primitives.chain import ChainId
from custody.primitives.errors import NotFound
from custody.primitives.ids import CustomerId
from custody.store.database import for_reading
from custody.store.withdrawal_tables import UsageRow
from custody.withdrawals.address_book import BookEntry, EntryChanged, verify_entry
from custody.withdrawals.full_compare import FullCompare, compare_digest


class PlaceModel(SQLModel):
    """Tables about places."""

    metadata = MetaData()


class BookEntryRow(PlaceModel, table=True):
    """One entry of one address book."""

    __tablename__ = "address_book"

    id: str = Field(primary_key=True)
    customer: str = Field(index=True)
    chain: str
    to: str
    memo: str
    added_by: str
    added_at_s: int = Field(sa_type=BigInteger, index=True)
    removed_at_s: int | None = Field(default=None, sa_type=BigInteger, nullable=True)


class FullCompareRow(PlaceModel, table=True):
    """One comparison by one officer."""

    __tablename__ = "full_compare"

    customer: str = Field(primary_key=True)
    chain: str = Field(primary_key=True)
    to: str = Field(primary_key=True)
    officer: str = Field(primary_key=True)
    typed: str
    at_s: int = Field(sa_type=BigInteger)
    signature: bytes


class SqlPlaceStore:
    """Implements `custody.withdrawals.trusted_places.PlaceStore`."""

    def __init__(self, engine: Engine) -> None:
        """Make the tables; those of withdrawals are there already."""
        self._engine, self._reading = engine, for_reading(engine)
        PlaceModel.metadata.create_all(engine)

    def add_entry(self, entry: BookEntry) -> BookEntry:
        """Keep an entry; the same place again is the entry that is there."""
        existing = self.entry_of(entry.customer, entry.to, entry.memo)
        if existing is not None:
            return existing
        with Session(self._engine) as session:
            session.merge(
                BookEntryRow(
                    id=entry.id,
                    customer=entry.customer,
                    chain=entry.to.chain,
                    to=entry.to.text,
                    memo=entry.memo,
                    added_by=entry.added_by,
                    added_at_s=entry.added_at_s,
                )
            )
            session.commit()
        return entry

    def remove_entry(self, customer: CustomerId, entry_id: str, now_s: int) -> None:
        """Take an entry out of use.

        Raises:
            NotFound: There is none, or it is somebody else's.
        """
        with Session(self._engine) as session:
            row = session.get(BookEntryRow, entry_id)
            if row is None or row.customer != customer or row.removed_at_s is not None:
                raise NotFound(f"no address-book entry {entry_id!r}", entry=entry_id)
            row.removed_at_s = now_s
            session.add(row)
            session.commit()

    def entry(self, customer: CustomerId, entry_id: str) -> BookEntry:
        """Return one entry of a customer.

        Raises:
            NotFound: There is none, it was removed, or it is somebody else's.
            EntryChanged: It was changed after it was entered.
        """
        found = self._entries((col(BookEntryRow.id) == entry_id) & (col(BookEntryRow.customer) == customer))
        if not found:
            raise NotFound(f"no address-book entry {entry_id!r}", entry=entry_id)
        verify_entry(found[0][1], entry_id)
        return found[0][1]

    def entry_of(self, customer: CustomerId, to: Address, memo: str) -> BookEntry | None:
        """Return the oldest entry of exactly this place; one that was changed counts as none."""
        here = (col(BookEntryRow.chain) == to.chain) & (col(BookEntryRow.to) == to.text)
        mine = (col(BookEntryRow.customer) == customer) & (col(BookEntryRow.memo) == memo)
        return next(self._genuine(here & mine), None)

    def entries(self, customer: CustomerId) -> tuple[BookEntry, ...]:
        """Return a customer's book, oldest first, without what was changed."""
        return tuple(self._genuine(col(BookEntryRow.customer) == customer))

    def save_compare(self, compare: FullCompare) -> None:
        """Keep a comparison, durably; again by the same officer, the later one stays."""
        row = FullCompareRow(
            customer=compare.customer,
            chain=compare.to.chain,
            to=compare.to.text,
            officer=compare.approval.approver,
            typed=compare.typed,
            at_s=compare.approval.at_s,
            signature=compare.approval.signature,
        )
        with Session(self._engine) as session:
            session.merge(row)
            session.commit()

    def compares(self, customer: CustomerId, to: Address) -> tuple[FullCompare, ...]:
        """Return the comparisons of a place, oldest first."""
        here = (col(FullCompareRow.chain) == to.chain) & (col(FullCompareRow.to) == to.text)
        wanted = select(FullCompareRow).where(here & (col(FullCompareRow.customer) == customer))
        with Session(self._reading) as session:
            rows = session.exec(wanted.order_by(col(FullCompareRow.at_s))).all()
            return tuple(_compare(row, to) for row in rows)

    def paid_since(self, since_s: int) -> Iterator[tuple[str, str, int]]:
        """Return (customer, address, when) of places that a decision let money go to at or after a time."""
        columns = (col(UsageRow.customer), col(UsageRow.destination), col(UsageRow.at_s))
        wanted = select_columns(*columns).where(col(UsageRow.live) & (col(UsageRow.at_s) >= since_s))
        with self._reading.connect() as connection:
            for customer, destination, at_s in connection.execute(wanted):
                yield customer, destination.partition(":")[2], at_s

    def entered_since(self, since_s: int) -> Iterator[tuple[str, str, int]]:
        """Return (customer, address, when) of address-book entries made at or after a time."""
        for entry in self._genuine(col(BookEntryRow.added_at_s) >= since_s):
            yield entry.customer, entry.to.text, entry.added_at_s

    def _genuine(self, where: ColumnElement[bool]) -> Iterator[BookEntry]:
        for entry_id, entry in self._entries(where):
            try:
                verify_entry(entry, entry_id)
            except EntryChanged:  # who cites its id is told; otherwise it is a place nobody entered
                continue
            yield entry

    def _entries(self, where: ColumnElement[bool]) -> list[tuple[str, BookEntry]]:
        wanted = select(BookEntryRow).where(where & col(BookEntryRow.removed_at_s).is_(None))
        with Session(self._reading) as session:
            rows = session.exec(wanted.order_by(col(BookEntryRow.added_at_s), col(BookEntryRow.id))).all()
            return [(row.id, _entry(row)) for row in rows]


def _entry(row: BookEntryRow) -> BookEntry:
    to = Address(ChainId(row.chain), row.to)
    return BookEntry(CustomerId(row.customer), to, row.memo, row.added_by, row.added_at_s)


def _compare(row: FullCompareRow, to: Address) -> FullCompare:
    # The digest is worked out anew: a stored one could be of something else.
    customer = CustomerId(row.customer)
    what = compare_digest(customer, to, row.typed)
    return FullCompare(customer, to, row.typed, Approval(what, row.officer, Verdict.APPROVE, row.at_s, row.signature))
