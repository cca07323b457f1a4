"""Handing out deposit addresses: derived, cross-checked by a second library, recorded, then shown.

Rules:
    * The cross-check happens before the address is recorded; a difference shows nothing to anyone.
    * An address that was handed out stays watched for ever.
    * One request at a time: two at once would derive the same index, and one of them would be refused.
    * Where the same keys give the same addresses on several chains, a customer has the same index on all of
      them: an address is never one customer's here and another's there.

Example:
    desk = AddressDesk(chain_id, derive, cross_check, store)
    address = desk.address_for(CustomerId("alice"))
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from custody.primitives.address import Address
from custody.primitives.chain import ChainId
from custody.primitives.ids import CustomerId
from custody.wallets.ports import DepositStore

Derive = Callable[[int], Address]
"""Index -> address, by the library that also spends."""

CrossCheck = Callable[[int, Address], None]
"""Derives the same index by a second library and raises where the two differ."""


@dataclass(frozen=True, slots=True)
class Siblings:
    """Chains on which the same keys have the same addresses.

    Attributes:
        chains: All of them.
        lock: Held while one of their desks hands out an index.
    """

    chains: tuple[ChainId, ...] = ()
    lock: threading.Lock = field(default_factory=threading.Lock)


class AddressDesk:
    """Hands out deposit addresses of one chain."""

    def __init__(
        self,
        chain: ChainId,
        derive: Derive,
        cross_check: CrossCheck,
        store: DepositStore,
        siblings: Siblings | None = None,
    ) -> None:
        self.chain = chain
        self._derive = derive
        self._cross_check = cross_check
        self._store = store
        self._siblings = siblings or Siblings((chain,))

    def address_for(self, customer: CustomerId) -> Address:
        """Return the customer's deposit address, deriving one at the first call.

        Raises:
            VerificationFailed: The second library derives another address.
        """
        with self._siblings.lock:
            known = self._store.address_of(self.chain, customer)
            if known is not None:
                return known[0]
            index = self._index_for(customer)
            address = self._derive(index)
            self._cross_check(index, address)
            self._store.add_address(address, customer, index)
            return address

    def _index_for(self, customer: CustomerId) -> int:
        chains = {self.chain, *self._siblings.chains}
        known = [place[1] for each in chains if (place := self._store.address_of(each, customer)) is not None]
        return min(known) if known else max(self._store.next_index(each) for each in chains)
