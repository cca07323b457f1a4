"""The books as custody sees them: credits, holds, and the two ends of a hold.

Implements `custody.wallets.ports.CreditLedger` and `custody.withdrawals.ports.HoldLedger` over the
sequencer. Every call is idempotent by the id of its transfer and durable before it returns.

Rules:
    * Dust below one quantum is not credited; `custody.wallets` keeps the exact deposit, so the sum of
      all remainders is known to the last base unit.
    * Network fees are paid by the house: they debit the customer "house", rounded up to a quantum.

Example:
    ledger = SettlementLedger(sequencer, scales, records)
    ledger.hold(withdrawal_id, CustomerId("alice"), amount, note)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from custody.primitives.amount import Amount
from custody.primitives.errors import (
    Conflict,
    IdempotencyConflict,
    InsufficientFunds,
    InvariantBroken,
    LimitExceeded,
)
from custody.primitives.ids import CustomerId, WithdrawalId
from custody.wallets.deposit import Deposit, transfer_id
from exchange.accounts.directory import AccountDirectory
from exchange.engine.codes import TRANSFER_DONE, SystemAccount, TransferFlag, TransferResult
from exchange.engine.commands import Transfer, pack_transfers
from exchange.engine.engine import Engine
from exchange.engine.records import Records
from exchange.journal.notes import bound_to_note
from exchange.settlement.postings import Reason, posting_id
from exchange.settlement.scale import AssetScale, ScaleBook

T = TypeVar("T")

HOUSE = CustomerId("house")
"""The house's own funds: a customer like any other, a leaf of every reserve tree."""


class HoldEnded(Conflict):
    """A hold was already ended the other way: posted, and now to be voided, or the reverse."""

    code = "hold_ended"


class TransferPort(Protocol):
    """The part of the sequencer the seam needs."""

    @property
    def directory(self) -> AccountDirectory: ...  # noqa: D102
    def open_account(self, customer: CustomerId) -> int: ...  # noqa: D102
    def submit_transfers(self, transfers: Records, note: bytes | None = None) -> Iterable[int]: ...  # noqa: D102
    def read(self, view: Callable[[Engine], T]) -> T: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class HoldRecords:
    """Where the ledger looks up what a hold was about.

    Attributes:
        open_notes: Notes of all holds without an end, from the projection.
        charged: Customer and amount of a withdrawal, from custody's store.
    """

    open_notes: Callable[[], Iterable[bytes]]
    charged: Callable[[WithdrawalId], tuple[CustomerId, Amount]]


class SettlementLedger:
    """Books for custody."""

    def __init__(self, sequencer: TransferPort, scales: ScaleBook, records: HoldRecords) -> None:
        """Bind the ledger.

        Args:
            sequencer: Journals and applies.
            scales: Assets and their quanta.
            records: What is known of holds elsewhere.
        """
        self._sequencer = sequencer
        self._scales = scales
        self._records = records
        # Fees that the house could not pay: subject -> number of the next try, which waits for the funds, so
        # that a poor house does not fill the journal with failed tries.
        self._next_tries: dict[str, int] = {}

    # Deposits --------------------------------------------------------------------------

    def credit(self, deposit: Deposit) -> None:
        """Credit a deposit, less its dust.

        Raises:
            UnknownAsset, InvalidAmount: Not an amount of an asset of the ledger.
            LimitExceeded: With it the books would hold more of the asset than the engine can count.
            IdempotencyConflict: It was credited before with another amount or to another customer.
        """
        self._book_deposit(deposit, Reason.DEPOSIT, "credit")

    def reverse(self, deposit: Deposit) -> None:
        """Take a credit back.

        Raises:
            InsufficientFunds: The customer no longer holds it.
        """
        self._book_deposit(deposit, Reason.DEPOSIT_REVERSAL, "reversal")

    def _book_deposit(self, deposit: Deposit, reason: Reason, purpose: str) -> None:
        scale = self._scale(deposit.amount)
        quanta, _ = scale.split(deposit.amount)
        if quanta == 0:
            return  # all of it is dust
        account = self._sequencer.open_account(deposit.customer)
        sides = (SystemAccount.CLEARING, account)
        debit, credit = sides if reason is Reason.DEPOSIT else reversed(sides)
        self._book(Transfer(transfer_id(deposit, purpose), debit, credit, scale.number, quanta, code=reason))

    # Withdrawals -----------------------------------------------------------------------

    def hold(self, withdrawal_id: WithdrawalId, customer: CustomerId, amount: Amount, note: bytes) -> None:
        """Set money aside; the note goes into the journal in front of it.

        Raises:
            InsufficientFunds: The customer has less, or had less when this hold was first asked for.
            InvalidAmount: Not a whole number of quanta above zero.
            IdempotencyConflict: The hold exists with another content.
        """
        if self._sequencer.directory.find(customer) is None:  # a made-up name must not use up an account
            raise InsufficientFunds(f"hold of withdrawal {withdrawal_id}: {customer!r} was never credited")
        record = bound_to_note(pack_transfers([self._hold(withdrawal_id, customer, amount)]), note)
        self._require(self._submit(record, note), f"hold of withdrawal {withdrawal_id}")

    def post(self, withdrawal_id: WithdrawalId) -> None:
        """Take held money for good.

        Raises:
            HoldEnded: It was voided.
        """
        self._end(withdrawal_id, Reason.WITHDRAWAL_PAID, TransferFlag.POST)

    def void(self, withdrawal_id: WithdrawalId) -> None:
        """Give held money back.

        Raises:
            HoldEnded: It was posted.
        """
        self._end(withdrawal_id, Reason.WITHDRAWAL_RELEASED, TransferFlag.VOID)

    def open_notes(self) -> Iterable[bytes]:
        """Return the notes of all holds that are neither posted nor voided."""
        return self._records.open_notes()

    # Fees ------------------------------------------------------------------------------

    def book_fee(self, subject: str, fee: Amount) -> Amount:
        """Charge the house with a network fee, rounded up to a quantum.

        Args:
            subject: What it was paid for, unique: a transaction id with its chain.
            fee: What the chain took from a wallet that counts as reserves.

        Returns:
            The dust this leaves: booked amount less fee, in base units.

        Raises:
            InsufficientFunds: The house has less; fund it, then call again.
        """
        scale = self._scale(fee)
        quanta, rest = scale.split(fee)
        quanta += rest > 0
        if quanta:
            self._book_house(subject, scale, quanta)
        return scale.amount(quanta) - fee

    def _book_house(self, subject: str, scale: AssetScale, quanta: int) -> None:
        """Debit the house once for a subject, however often it lacked the funds before."""
        house, code = self._sequencer.open_account(HOUSE), Reason.NETWORK_FEE
        attempt = self._next_tries.get(subject, 1)
        if attempt > 1 and self._available(house, scale) < quanta:
            raise InsufficientFunds(f"{code.name} {subject}: the house holds less", asset=scale.asset.symbol)
        while True:
            # An id that failed stays failed, so each further try has its own.
            transfer_id = posting_id(code, subject if attempt == 1 else f"{subject}#{attempt}")
            transfer = Transfer(transfer_id, house, SystemAccount.CLEARING, scale.number, quanta, code=code)
            result = self._submit(pack_transfers([transfer]))
            if result is not TransferResult.ALREADY_FAILED:
                break
            attempt += 1
        self._next_tries.pop(subject, None)
        if result is TransferResult.FUNDS:
            self._next_tries[subject] = attempt + 1
        self._require(result, f"{code.name} {subject}")

    def _available(self, account: int, scale: AssetScale) -> int:
        return self._sequencer.read(lambda engine: engine.balance(account, scale.number).available)

    def _hold(self, withdrawal_id: WithdrawalId, customer: CustomerId, amount: Amount) -> Transfer:
        scale = self._scale(amount)
        return Transfer(
            posting_id(Reason.WITHDRAWAL_HOLD, withdrawal_id),
            self._sequencer.open_account(customer),
            SystemAccount.CLEARING,
            scale.number,
            scale.exact(amount.positive()),
            TransferFlag.PENDING,
            code=Reason.WITHDRAWAL_HOLD,
        )

    def _end(self, withdrawal_id: WithdrawalId, reason: Reason, flag: TransferFlag) -> None:
        hold = self._hold(withdrawal_id, *self._records.charged(withdrawal_id))
        ending = replace(
            hold, id=posting_id(reason, withdrawal_id), amount=0, code=reason, flags=flag, pending_id=hold.id
        )
        self._require(self._submit(pack_transfers([ending])), f"{flag.name} of withdrawal {withdrawal_id}")

    def _book(self, transfer: Transfer) -> None:
        self._require(self._submit(pack_transfers([transfer])), Reason(transfer.code).name)

    def _submit(self, record: Records, note: bytes | None = None) -> TransferResult:
        (code,) = self._sequencer.submit_transfers(record, note)
        return TransferResult(int(code))

    def _require(self, code: TransferResult, what: str) -> None:
        if code in TRANSFER_DONE:
            return
        if code is TransferResult.FUNDS:
            raise InsufficientFunds(f"{what}: the account holds less", result=code.name)
        if code is TransferResult.ALREADY_FAILED:
            raise InsufficientFunds(f"{what}: was refused before, and a refusal is final", result=code.name)
        if code is TransferResult.OVERFLOW:
            raise LimitExceeded(f"{what}: the books would hold more than they can count", result=code.name)
        if code is TransferResult.EXISTS_DIFFERENT:
            raise IdempotencyConflict(f"{what}: booked before with another content")
        if code in (TransferResult.ALREADY_POSTED, TransferResult.ALREADY_VOIDED):
            raise HoldEnded(f"{what}: {code.name.lower().replace('_', ' ')}")
        raise InvariantBroken(f"{what}: the engine answers {code.name}", result=code.name)

    def _scale(self, amount: Amount) -> AssetScale:
        return self._scales.of(amount.asset.symbol)
