"""What the wallets need from outside: a store for deposits and a ledger that credits.

`custody.store` implements the store; `exchange.settlement` implements the ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from custody.primitives.address import Address
from custody.primitives.chain import BlockRef, ChainId
from custody.primitives.ids import CustomerId, Digest
from custody.wallets.deposit import Deposit, DepositState
from custody.wallets.depths import DepthGuard


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
        """All addresses ever handed out on a chain: canonical text -> customer, NOBODY for a shared address."""
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

    def known(self, keys: Collection[str]) -> Mapping[str, Deposit]:
        """Those of these deposits that are recorded, by key."""
        ...

    def save(self, *deposits: Deposit) -> None:
        """Replace stored deposits, all in one transaction."""
        ...

    def in_states(self, chain: ChainId, states: Sequence[DepositState]) -> Sequence[Deposit]:
        """Deposits of a chain in any of these states, oldest first."""
        ...

    def in_block(self, block: BlockRef) -> Sequence[Deposit]:
        """Deposits whose present block is this one."""
        ...

    def depth_guard(self, chain: ChainId) -> DepthGuard | None:
        """The depths a chain's history has led to; None while they are its own."""
        ...

    def save_depth_guard(self, chain: ChainId, guard: DepthGuard) -> None:
        """Replace the depths of a chain, durably."""
        ...


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision of officers as it is kept.

    Attributes:
        digest: What they signed, 32 bytes; unique for ever.
        text: The decision in full, with who approved it.
    """

    digest: Digest
    text: str


@dataclass(frozen=True, slots=True)
class DepositChange:
    """What a decision makes of a deposit: as the officers saw it, and as it is afterwards."""

    before: Deposit
    after: Deposit


@dataclass(frozen=True, slots=True)
class DepthChange:
    """What a decision makes of a chain's depths."""

    chain: ChainId
    guard: DepthGuard


DecisionChange = DepositChange | DepthChange


class CaseStore(DepositStore, Protocol):
    """What decisions of officers need beyond the scanner's store."""

    def decide(self, record: DecisionRecord, change: DecisionChange) -> None:
        """Record a decision and what it changes, in one transaction.

        Raises:
            Conflict: It was carried out before, or the deposit moved since the officers looked at it.
        """
        ...


class CustomerDeposits(Protocol):
    """Deposits by customer."""

    def of_customer(self, customer: CustomerId, states: Sequence[DepositState]) -> Sequence[Deposit]:
        """Deposits of one customer, on every chain, in any of these states."""
        ...


class CoinRecords(Protocol):
    """What is recorded of the coins on our addresses."""

    def addresses_in(self, chain: ChainId, states: Sequence[DepositState]) -> frozenset[str]:
        """Addresses that a deposit in any of these states went to."""
        ...

    def keys_in(self, keys: Collection[str], states: Sequence[DepositState]) -> frozenset[str]:
        """Those of these deposits that are recorded in any of these states."""
        ...


class MemoStore(Protocol):
    """Numbers handed out on chains whose customers share one address."""

    def number_of(self, chain: ChainId, customer: CustomerId) -> int:
        """The customer's number, from 1; the first call hands the next one out, durably."""
        ...

    def customer_at(self, chain: ChainId, number: int) -> CustomerId | None:
        """Whose a number is; None if it was never handed out."""
        ...
