"""What this room needs from others, as protocols; the composition root brings the implementations.

Rules:
    * The store writes a `Change` whole or not at all, and only over the versions that were read.
    * The ledger's three calls are idempotent: the same call again is the same answer.
    * Whoever cannot answer raises an `Unavailable`; nothing here ever guesses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Protocol

from custody.keys.quorum import Roster
from custody.primitives.amount import Amount
from custody.primitives.approval import Approval
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.ids import CustomerId, Digest, IdempotencyKey, WithdrawalId
from custody.withdrawals.facts import Ask, Circumstances, UsageKey
from custody.withdrawals.gates.receipts import Receipt, ReceiptDraft
from custody.withdrawals.records import Attempt, GivenSignature, Payment, Withdrawal
from custody.withdrawals.rules import Policy
from custody.withdrawals.states import BEFORE_BLOCK, PaymentState, WithdrawalState


@dataclass(frozen=True, slots=True)
class UsageReservation:
    """A decision's share of the velocity limits.

    Attributes:
        ask: The request.
        circumstances: Give the values of its scopes.
        reference_micros: Its value in micro-units of the reference currency; 0 if it has no price.
        at_s: When it was decided.
        head: Count of reservations when the sums were read; another count means they are stale.
    """

    ask: Ask
    circumstances: Circumstances
    reference_micros: int
    at_s: int
    head: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Sums for the velocity limits.

    Attributes:
        totals: Base units, or micro-units of the reference currency, per key.
        head: Count of reservations they were read at.
    """

    totals: dict[UsageKey, int]
    head: int


@dataclass(frozen=True, slots=True)
class Change:
    """One durable step: everything in it is written, or nothing.

    Attributes:
        withdrawals, payments: Records with the version that was read; payments of version 0 are new.
        attempts: New or changed attempts; their payment is part of the same change.
        signatures: Newly come signatures.
        reserve: (payment id, resources) it takes; each at most once among live payments.
        free: Payments whose resources and withdrawals are free again.
        usage: Velocity reservation of a decision.
        release_usage: Withdrawals that ended without payment.
        receipts: Of the gates that a payment passed; numbered, chained and signed as they are written.
    """

    withdrawals: tuple[Withdrawal, ...] = ()
    payments: tuple[Payment, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    signatures: tuple[GivenSignature, ...] = ()
    reserve: tuple[str, tuple[str, ...]] | None = None
    free: tuple[str, ...] = ()
    usage: UsageReservation | None = None
    release_usage: tuple[WithdrawalId, ...] = ()
    receipts: tuple[ReceiptDraft, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a long list, oldest first.

    Attributes:
        most: Most records, at least 1.
        after: Begin behind this one; with the oldest if None.
        chain: Only what goes to this chain; all of them if None.
    """

    most: int
    after: Withdrawal | None = None
    chain: ChainId | None = None


class WithdrawalStore(Protocol):
    """Where the records live."""

    def add(self, withdrawal: Withdrawal) -> Withdrawal:
        """Insert a request, or return the one that is there with the same content.

        Raises:
            IdempotencyConflict: The key was used for another content.
        """
        ...

    def commit(self, change: Change) -> None:
        """Write a change durably.

        Raises:
            StaleState: A record, or the velocity sums, changed since they were read.
            ResourceTaken: A live payment holds one of the resources or withdrawals.
        """
        ...

    def withdrawal(self, withdrawal_id: WithdrawalId) -> Withdrawal:
        """Return one request.

        Raises:
            NotFound: There is none.
        """
        ...

    def find(self, customer: CustomerId, key: IdempotencyKey) -> Withdrawal | None:
        """Return the request made under this key, if any."""
        ...

    def withdrawals(
        self, states: Set[WithdrawalState], customer: CustomerId | None = None, page: Page | None = None
    ) -> tuple[Withdrawal, ...]:
        """Return requests in these states, oldest first; all of them, or one page."""
        ...

    def hashes(self) -> Mapping[WithdrawalId, Digest]:
        """Return the content hash of every request whose money is set aside."""
        ...

    def holding(self, states: Set[WithdrawalState]) -> frozenset[WithdrawalId]:
        """Return the ids of requests in these states whose money is set aside."""
        ...

    def unreleased(self) -> tuple[Withdrawal, ...]:
        """Return ended requests whose hold is not closed yet."""
        ...

    def payment(self, payment_id: str) -> Payment:
        """Return one payment.

        Raises:
            NotFound: There is none.
        """
        ...

    def payments(self, states: Set[PaymentState], chain: ChainId | None = None) -> tuple[Payment, ...]:
        """Return payments in these states, on one chain or on all, oldest first."""
        ...

    def backlog(self, states: Set[PaymentState] = BEFORE_BLOCK) -> Mapping[tuple[ChainId, str], int]:
        """Count the payments per lane in these states, as a rule those that no block holds yet: (chain, wallet id)."""
        ...

    def attempts(self, payment_id: str) -> tuple[Attempt, ...]:
        """Return the attempts of a payment by number."""
        ...

    def signatures(self, payment_id: str, attempt: int) -> tuple[GivenSignature, ...]:
        """Return the signatures of an attempt in the order they came."""
        ...

    def reserved(self, chain: ChainId) -> frozenset[str]:
        """Return the resources of all live payments on a chain."""
        ...

    def add_approval(self, withdrawal_id: WithdrawalId, approval: Approval) -> None:
        """Keep a verdict; given again by the same approver, the later one counts."""
        ...

    def approvals(self, withdrawal_id: WithdrawalId) -> tuple[Approval, ...]:
        """Return all verdicts given for a withdrawal, in the order they came."""
        ...

    def vote_marks(self, withdrawal_ids: Collection[WithdrawalId]) -> Mapping[WithdrawalId, tuple[int, int]]:
        """Return a mark of the verdicts of each of these that has any; it changes with every verdict that comes."""
        ...

    def usage(self, keys: Iterable[UsageKey], without: WithdrawalId, now_s: int) -> Usage:
        """Add up the live reservations per key, leaving one withdrawal out."""
        ...

    def with_limits(self, withdrawal_ids: Collection[WithdrawalId]) -> frozenset[WithdrawalId]:
        """Return those of these whose share of the limits is reserved."""
        ...

    def receipted(self, withdrawal_ids: Collection[WithdrawalId]) -> frozenset[tuple[WithdrawalId, Digest]]:
        """Return (withdrawal, intent hash) of every receipt of these."""
        ...

    def receipt(self, withdrawal_id: WithdrawalId) -> Receipt | None:
        """Return the newest receipt of a withdrawal; None before its first."""
        ...

    def watermark(self, signer: str) -> int:
        """Return up to which position of a signer's memory the records agree with it; 0 if never compared."""
        ...

    def set_watermark(self, signer: str, sequence: int) -> None:
        """Keep up to which position they agree."""
        ...


class HoldLedger(Protocol):
    """The books: money set aside, and the two ends of it."""

    def hold(self, withdrawal_id: WithdrawalId, customer: CustomerId, amount: Amount, note: bytes) -> None:
        """Set money aside, together with the note the request can be made from again.

        Raises:
            InsufficientFunds: The customer has less.
            IdempotencyConflict: The hold exists with another customer, amount or note.
        """
        ...

    def post(self, withdrawal_id: WithdrawalId) -> None:
        """Take the money for good: it was paid.

        Raises:
            Conflict: The hold was voided.
        """
        ...

    def void(self, withdrawal_id: WithdrawalId) -> None:
        """Give the money back: it was not and will not be paid.

        Raises:
            Conflict: The hold was posted.
        """
        ...

    def open_notes(self) -> Iterable[bytes]:
        """Return the notes of all holds that are neither posted nor voided."""
        ...


class FactSource(Protocol):
    """Gathers what the house knows around a request."""

    def gather(self, ask: Ask) -> Circumstances:
        """Look things up.

        Raises:
            Unavailable: A source does not answer; the request waits.
        """
        ...


class PolicySource(Protocol):
    """Where the rules come from."""

    def active(self, now_s: int) -> Policy:
        """Return the version in force."""
        ...

    def roster(self) -> Roster:
        """Return who may approve now."""
        ...


class Breaker(Protocol):
    """Stops signing; asked right before every signature, not only at approval."""

    def require_closed(self, asset: Asset, lane: str) -> None:
        """Pass if nothing is frozen.

        Args:
            asset: What would leave.
            lane: Wallet that would pay.

        Raises:
            WithdrawalsFrozen: The wallet, the asset, its chain or everything is frozen.
        """
        ...
