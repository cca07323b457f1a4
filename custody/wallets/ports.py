"""What the wallets need from outside: a store for deposits and a ledger that credits.

`custody.store` implements the store; `exchange.settlement` implements the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from custody.primitives.address import Address
from custody.primitives.chain import BlockRef, ChainId
from custody.primitives.ids import CustomerId
from custody.wallets.deposit import Deposit, DepositState


class CreditLedger(Protocol):
    """Where a customer's balance lives. Both calls are idempotent by the deposit's transfer id."""

    def credit(self, deposit: Deposit) -> None:
        """Credit the customer, durably, before returning."""
        ...

    def reverse(self, deposit: Deposit) -> None:
        """Take a credit back.

        Raises:
            InsufficientFunds: The customer no longer holds it; nothing was changed.
        """
        ...


class DepositStore(Protocol):
    """Deposits, watched addresses and the chain of scanned block hashes of each network."""

    def watched(self, chain: ChainId) -> Mapping[str, CustomerId]:
        """All addresses ever handed out on a chain: canonical text -> customer."""
        ...

    def add_address(self, address: Address, customer: CustomerId, index: int) -> None:
        """Record a handed-out address; the same again is no change.

        Raises:
            Conflict: The address or the index belongs to another customer.
        """
        ...

    def address_of(self, chain: ChainId, customer: CustomerId) -> tuple[Address, int] | None:
        """The customer's newest address on a chain and its index, if any."""
        ...

    def next_index(self, chain: ChainId) -> int:
        """The lowest index never handed out on a chain."""
        ...

    def scanned_tip(self, chain: ChainId) -> BlockRef | None:
        """The newest block recorded as scanned."""
        ...

    def scanned_block(self, chain: ChainId, height: int) -> BlockRef | None:
        """The block recorded as scanned at a height."""
        ...

    def record_block(self, block: BlockRef, deposits: Sequence[Deposit]) -> None:
        """Record a scanned block and its deposits in one transaction."""
        ...

    def forget_block(self, block: BlockRef) -> None:
        """Remove a block that is no longer in the main chain; its deposits were moved before."""
        ...

    def get(self, key: str) -> Deposit | None:
        """A deposit by its key."""
        ...

    def save(self, deposit: Deposit) -> None:
        """Replace a stored deposit's state, block and generation."""
        ...

    def in_states(self, chain: ChainId, states: Sequence[DepositState]) -> Sequence[Deposit]:
        """Deposits of a chain in any of these states, oldest first."""
        ...

    def in_block(self, block: BlockRef) -> Sequence[Deposit]:
        """Deposits whose present block is this one."""
        ...
