"""Address books: places customers named before, by an id that is the hash of what they named (attack C20).

Rules:
    * The id covers every part of an entry: owner, chain, address, memo, who entered it and when. An entry whose text
      was changed afterwards is not the entry of its id any more, and is refused, never trusted.
    * A withdrawal may cite an id ("book:bk-...") instead of an address; no other text counts then.

Example:
    entry = BookEntry(CustomerId("alice"), to, "", "alice", now_s)
    request = WithdrawalRequest(customer, "BTC", f"book:{entry.id}", "0.1", "", key)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from custody.primitives.address import Address
from custody.primitives.asset import AssetBook
from custody.primitives.encoding import digest
from custody.primitives.errors import InvalidInput, VerificationFailed
from custody.primitives.ids import CustomerId
from custody.withdrawals.request import WithdrawalRequest

ENTRY_TAG = "mext/address-book-entry/1"
CITED = "book:"
"""What stands before an id where an address could stand."""


class EntryChanged(VerificationFailed):
    """An address-book entry is not what was entered under its id."""

    code = "entry_changed"


@dataclass(frozen=True, slots=True)
class BookEntry:
    """One place a customer named.

    Attributes:
        customer: Whose book.
        to, memo: The place.
        added_by: Who entered it.
        added_at_s: When, seconds since 1970 UTC.
    """

    customer: CustomerId
    to: Address
    memo: str
    added_by: str
    added_at_s: int

    @property
    def id(self) -> str:
        """Hash of all parts."""
        parts = (self.customer, self.to.chain, self.to.text, self.memo, self.added_by, self.added_at_s)
        return "bk-" + digest(ENTRY_TAG, *parts)[:16].hex()


def verify_entry(entry: BookEntry, entry_id: str) -> None:
    """Check that an entry is what was entered under an id.

    Raises:
        EntryChanged: It is not.
    """
    if entry.id != entry_id:
        raise EntryChanged(f"address-book entry {entry_id} was changed after it was entered", entry=entry_id)


class AddressBook(Protocol):
    """Where entries live; every one that is returned was verified."""

    def entry(self, customer: CustomerId, entry_id: str) -> BookEntry:
        """Return one entry of a customer.

        Raises:
            NotFound: There is none, it was removed, or it is somebody else's.
            EntryChanged: It was changed after it was entered.
        """
        ...

    def entry_of(self, customer: CustomerId, to: Address, memo: str) -> BookEntry | None:
        """Return the oldest entry of exactly this place; one that was changed counts as none."""
        ...


def cited_place(request: WithdrawalRequest, book: AddressBook | None, assets: AssetBook) -> WithdrawalRequest:
    """Put the place of a cited entry in its request; a request that cites none stays as it is.

    Raises:
        UnknownAsset: Not configured.
        InvalidInput: There are no address books here; the entry is on another chain than the asset, or a memo
            stands beside it that is not its own.
        NotFound: The customer has no such entry.
        EntryChanged: It was changed after it was entered.
    """
    if not request.to.startswith(CITED):
        return request
    chain = assets.get(request.asset).chain
    if book is None:
        raise InvalidInput("destination: there are no address books here")
    entry = book.entry(request.customer, request.to.removeprefix(CITED))
    if entry.to.chain != chain:
        raise InvalidInput(f"destination: address-book entry {entry.id} is not on {chain}", entry=entry.id)
    if request.memo not in ("", entry.memo):
        raise InvalidInput(f"destination: the memo of address-book entry {entry.id} is another one", entry=entry.id)
    return replace(request, to=entry.to.text, memo=entry.memo)
