"""What the house knows of a destination: in the customer's book, paid before, or alike to one of those.

Rules:
    * A destination is looked up in the book when it is decided, to the letter and with its memo; what is not there
      is a one-time place, whatever it was when somebody typed it (attack C20).
    * A look-alike of a trusted place is in doubt until an officer compared it in full (attack C19).
    * The index follows the store: paid places and entries of the last moments are read at most once a second.

Example:
    places = TrustedPlaces(store, policies.roster, clock.now_s)
    places.of(ask)  # a Destination
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Protocol

from custody.compliance.look_alikes import EVERYBODY, LookAlikes
from custody.keys.quorum import Roster
from custody.primitives.ids import CustomerId
from custody.withdrawals.address_book import AddressBook
from custody.withdrawals.facts import Ask, Destination, DestinationKind
from custody.withdrawals.full_compare import CompareStore, compared_by

OVERLAP_S = 600
"""A decision may be written long after the time it bears: a screening was slow, or others had their turn first."""


class PlaceStore(AddressBook, CompareStore, Protocol):
    """What is stored about places."""

    def paid_since(self, since_s: int) -> Iterable[tuple[str, str, int]]:
        """Return (customer, address, when) of places that a decision let money go to at or after a time."""
        ...

    def entered_since(self, since_s: int) -> Iterable[tuple[str, str, int]]:
        """Return (customer, address, when) of address-book entries made at or after a time."""
        ...


class TrustedPlaces:
    """Judges destinations of customers."""

    def __init__(self, store: PlaceStore, roster: Callable[[], Roster], now_s: Callable[[], int]) -> None:
        self._store, self._roster, self._now_s = store, roster, now_s
        self._index, self._lock = LookAlikes(), Lock()
        self._read_at_s = 0

    def of(self, ask: Ask) -> Destination:
        """Say what is known of the destination of a customer's request."""
        customer = CustomerId(ask.customer)
        entry = self._store.entry_of(customer, ask.to, ask.memo)
        kind, added_at_s, added_by = DestinationKind.ONE_TIME, None, ""
        if entry is not None:
            kind, added_at_s, added_by = DestinationKind.BOOK, entry.added_at_s, entry.added_by
        with self._lock:
            self._follow()
            found = self._index.find(ask.to.text, customer)
        if found is None:
            return Destination(kind, added_at_s, added_by)
        insiders = {ask.initiator, added_by} - {""}
        officer = compared_by(self._store.compares(customer, ask.to), self._roster(), insiders)
        return Destination(kind, added_at_s, added_by, f"the destination {found.how} {found.anchor}", officer)

    def _follow(self) -> None:
        now_s = self._now_s()
        if now_s == self._read_at_s:
            return
        since_s = max(0, self._read_at_s - OVERLAP_S)
        for customer, text, at_s in self._store.paid_since(since_s):
            self._index.add(text, customer, at_s)
            self._index.add(text, EVERYBODY, at_s)
        for customer, text, at_s in self._store.entered_since(since_s):
            self._index.add(text, customer, at_s)
        self._read_at_s = now_s
