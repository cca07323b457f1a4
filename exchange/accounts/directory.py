"""Who has which account number: the engine knows numbers, people know names.

A number is given once, by a journalled note, in order, from FIRST_CUSTOMER upwards; it is never given
again. Reading the journal from the start, or from a snapshot, gives the same directory.

Rules:
    * `proposal` only says what to journal; the number counts when the note comes back by `apply_note`.
    * Names that the books give to the house itself are given to no customer: two rows of one name would
      stop every statement of reserves.
    * Numbers below FIRST_CUSTOMER belong to the house (`SystemAccount`) and to no customer.

Example:
    >>> directory = AccountDirectory(capacity=100)
    >>> directory.apply_note(directory.proposal(CustomerId("alice")))
    >>> directory.number_of(CustomerId("alice"))
    16
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from custody.primitives.encoding import Json, canonical_json
from custody.primitives.errors import InvalidInput, LimitExceeded, NotFound
from custody.primitives.ids import CustomerId
from custody.primitives.invariant import invariant
from custody.withdrawals.request import TREASURY
from exchange.engine.codes import FIRST_CUSTOMER

NOTE_KIND = "account"
_CUSTOMER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+:-]{0,127}", re.ASCII)
HOUSE_PREFIX = "house:"
"""Begins the names of the house's own accounts, "house:fees"."""


class InvalidCustomer(InvalidInput):
    """Not a customer id: 1 to 128 ASCII letters, digits and . _ @ + : -, a letter or digit first; or the house's."""

    code = "invalid_customer"


class AccountDirectory:
    """Customers and their account numbers. Not thread-safe: the sequencer guards it."""

    def __init__(self, *, capacity: int) -> None:
        """Start empty.

        Args:
            capacity: Number of accounts the engine has room for, the house's own included.
        """
        self._capacity = capacity
        self._numbers: dict[CustomerId, int] = {}
        self._customers: list[CustomerId] = []

    def __len__(self) -> int:
        return len(self._customers)

    def find(self, customer: CustomerId) -> int | None:
        """Return the account number, or None if the customer has none yet."""
        return self._numbers.get(customer)

    def number_of(self, customer: CustomerId) -> int:
        """Return the account number.

        Raises:
            NotFound: The customer has none.
        """
        number = self.find(customer)
        if number is None:
            raise NotFound(f"customer {customer!r} has no account", customer=customer)
        return number

    def customer_of(self, number: int) -> CustomerId:
        """Return the customer behind an account number.

        Raises:
            NotFound: The number is the house's own or was not given yet.
        """
        index = number - FIRST_CUSTOMER
        if not 0 <= index < len(self._customers):
            raise NotFound(f"account {number} belongs to no customer", account=number)
        return self._customers[index]

    def proposal(self, customer: CustomerId) -> dict[str, Json]:
        """Return the note that gives the customer the next number.

        Raises:
            InvalidCustomer: Not a customer id, or a name of the house itself.
            LimitExceeded: The engine has no account left.
        """
        if _CUSTOMER.fullmatch(customer) is None:
            raise InvalidCustomer(f"{customer[:140]!r} is not a customer id")
        if customer == TREASURY or customer.startswith(HOUSE_PREFIX):
            raise InvalidCustomer(f"{customer!r} is a name of the house itself")
        number = FIRST_CUSTOMER + len(self._customers)
        if number >= self._capacity:
            raise LimitExceeded(f"all {self._capacity} accounts are given", limit=self._capacity)
        return {"account": number, "customer": customer, "kind": NOTE_KIND}

    def apply_note(self, note: Mapping[str, Json]) -> None:
        """Enter a journalled note; notes of another kind are not ours.

        Raises:
            InvariantBroken: The note is not the one `proposal` would have made here.
        """
        if note["kind"] != NOTE_KIND:
            return
        customer, number = note.get("customer"), note.get("account")
        invariant(isinstance(customer, str) and customer not in self._numbers, "a customer gets one account")
        invariant(number == FIRST_CUSTOMER + len(self._customers), "account numbers are given in order")
        self._numbers[CustomerId(str(customer))] = FIRST_CUSTOMER + len(self._customers)
        self._customers.append(CustomerId(str(customer)))

    def state(self) -> bytes:
        """Return everything as canonical JSON: the customers in the order of their numbers."""
        return canonical_json(list(self._customers))

    def load_state(self, state: bytes) -> None:
        """Replace everything by a saved state."""
        self._customers = [CustomerId(text) for text in json.loads(state)]
        self._numbers = {customer: FIRST_CUSTOMER + index for index, customer in enumerate(self._customers)}
