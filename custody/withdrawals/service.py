"""What people can do with a withdrawal: ask, approve, stop, look.

Rules:
    * Refused in this order: asset, destination, memo, amount, idempotency, what the chain says of the destination,
      funds. A node that does not answer refuses nobody: the chain is asked again before anything is planned.
    * The hold is the request: it is taken with its note first, then the row is made from the note. A crash
      in between is repaired by `recover`, which repeats an idempotent step.
    * An approval counts for one intent hash only, is checked before it is stored, and a denial ends the request.
    * Stopping is a plain move while no payment is open; afterwards it is a wish the pipeline carries out once
      every signer vowed not to sign.

Example:
    withdrawal = service.request(WithdrawalRequest("alice", "BTC", "bcrt1q...", "0.1", "", "key-1"), now_ms)
    service.approve(withdrawal.id, approval)
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, replace

from custody.keys import ed25519
from custody.primitives.address import Address
from custody.primitives.approval import Approval, Verdict, approval_message
from custody.primitives.asset import AssetBook
from custody.primitives.errors import IdempotencyConflict, IllegalMove, Refused, Unavailable
from custody.primitives.ids import CustomerId, WithdrawalId
from custody.withdrawals.address_book import AddressBook, cited_place
from custody.withdrawals.endings import ended
from custody.withdrawals.errors import ApprovalRefused, NotOnRoster
from custody.withdrawals.facts import Kind
from custody.withdrawals.lanes import Lanes
from custody.withdrawals.ports import Change, HoldLedger, PolicySource, WithdrawalStore
from custody.withdrawals.records import HoldState, Withdrawal
from custody.withdrawals.recovering import doubt_without_hold
from custody.withdrawals.request import (
    TREASURY,
    Bounds,
    CheckedRequest,
    WithdrawalRequest,
    check_content,
    check_place,
    from_note,
    identify_note,
)
from custody.withdrawals.states import WITHDRAWAL, WithdrawalEvent, WithdrawalState

SERVICE = "service"
"""Who asks for refills: nobody who could approve them."""
STOPS = frozenset({WithdrawalEvent.CANCEL, WithdrawalEvent.REJECT})


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """What the service works with.

    Attributes:
        store, ledger, policies: Ports.
        assets, lanes, bounds: What is configured.
        book: Address books; None where no request may cite one.
    """

    store: WithdrawalStore
    ledger: HoldLedger
    policies: PolicySource
    assets: AssetBook
    lanes: Lanes
    bounds: Mapping[str, Bounds]
    book: AddressBook | None = None


class WithdrawalService:
    """The front door."""

    def __init__(self, parts: ServiceParts) -> None:
        self._parts = parts
        self._store = parts.store

    def prepare(self, request: WithdrawalRequest, now_ms: int) -> CheckedRequest:
        """Check a customer's request without any effect; the caller may then journal hold and note itself.

        Raises:
            InvalidInput: A leaf of it says which part; see `check_content`.
            IdempotencyConflict: The key was used for another content.
            Refused: The chain would not deliver it; see `custody.chains.port.Destinations`.
        """
        if request.customer == TREASURY:
            raise Refused("treasury moves are not customer withdrawals")
        return self._checked(Kind.CUSTOMER, request.customer, request, now_ms)

    def request(self, request: WithdrawalRequest, now_ms: int) -> Withdrawal:
        """Take a customer's request: check it, set the money aside, keep it.

        Args:
            request: The caller's words.
            now_ms: Now, milliseconds since 1970 UTC.

        Returns:
            The new withdrawal, or the one made earlier under the same key with the same content.

        Raises:
            InvalidInput: Malformed, see `prepare`.
            IdempotencyConflict: The key was used for another content.
            Refused: The chain would not deliver it, see `prepare`.
            InsufficientFunds: The customer has less.
        """
        checked = self.prepare(request, now_ms)
        existing = self._store.find(checked.customer, checked.idempotency_key)
        if existing is not None:
            return existing
        self._parts.ledger.hold(checked.id, checked.customer, checked.amount, checked.note())
        return self.accept(checked)

    def request_move(self, officer: str, request: WithdrawalRequest, now_ms: int) -> Withdrawal:
        """Ask for a move between our own wallets; it charges nobody and passes the policy like all else.

        Args:
            officer: Approver id of who asks; never counts among the approvals.
            request: `customer` is "treasury".
            now_ms: Now, milliseconds since 1970 UTC.

        Raises:
            InvalidInput, IdempotencyConflict, Refused: As `request`.
            NotOnRoster: The officer is nobody on the roster, so the own approval could not be told apart.
        """
        if request.customer != TREASURY:
            raise Refused("a treasury move charges no customer")
        if self._parts.policies.roster().member(officer) is None:
            raise NotOnRoster(f"officer {officer[:60]!r} is not on the roster", officer=officer[:60])
        return self.accept(self._checked(Kind.TREASURY, officer, request, now_ms))

    def request_refill(self, request: WithdrawalRequest, now_ms: int) -> Withdrawal:
        """Ask for a move between our own wallets in the service's own name, so that every officer may approve it.

        Args:
            request: `customer` is "treasury".
            now_ms: Now, milliseconds since 1970 UTC.

        Raises:
            InvalidInput, IdempotencyConflict, Refused: As `request`; somebody on the roster has the service's name.
        """
        if request.customer != TREASURY:
            raise Refused("a treasury move charges no customer")
        if self._parts.policies.roster().member(SERVICE) is not None:
            raise Refused(f"somebody on the roster is called {SERVICE!r}, which is the name of the service itself")
        return self.accept(self._checked(Kind.TREASURY, SERVICE, request, now_ms))

    def accept(self, checked: CheckedRequest) -> Withdrawal:
        """Make the row of a request whose hold is already durable; repeating it changes nothing.

        Raises:
            IdempotencyConflict: The key was used for another content.
        """
        return self._store.add(
            Withdrawal(
                id=checked.id,
                kind=checked.kind,
                customer=checked.customer,
                initiator=checked.initiator,
                to=checked.to,
                amount=checked.amount,
                memo=checked.memo,
                idempotency_key=checked.idempotency_key,
                request_hash=checked.content_hash,
                salt=checked.salt,
                requested_at_ms=checked.requested_at_ms,
                state=WithdrawalState.HELD,
                moved_at_ms=checked.requested_at_ms,
                version=1,
                hold=HoldState.NONE if checked.kind is Kind.TREASURY else HoldState.HELD,
            )
        )

    def recover(self, now_ms: int) -> int:
        """Bring rows and holds together again; called at start, before anything moves.

        Missing rows of open holds are made; rows that wait for payment without a hold go to people.

        Returns:
            How many notes were read.

        Raises:
            MalformedPayload: A note of the ledger cannot be read.
        """
        known, held = self._store.hashes(), set[WithdrawalId]()
        for note in self._parts.ledger.open_notes():
            withdrawal_id, content = identify_note(note, self._parts.assets)
            held.add(withdrawal_id)
            if known.get(withdrawal_id) != content:
                self.accept(from_note(note, self._parts.assets, self._parts.lanes, now_ms))
        doubt_without_hold(self._store, held, now_ms)
        return len(held)

    def approve(self, withdrawal_id: WithdrawalId, approval: Approval, now_ms: int) -> Withdrawal:
        """Take one person's verdict over the intent hash; a denial rejects the request.

        Raises:
            NotFound: No such withdrawal.
            IllegalMove: It does not wait for approvals.
            ApprovalRefused: Another intent, nobody on the roster, not in a group that is asked, own request.
            BadSignature: Not signed by the approver's key.
        """
        withdrawal = self._store.withdrawal(withdrawal_id)
        if withdrawal.state is not WithdrawalState.AWAITING_APPROVAL or withdrawal.decision is None:
            raise IllegalMove(f"withdrawal {withdrawal_id} does not wait for approvals", state=withdrawal.state.value)
        if approval.intent_hash != withdrawal.intent_hash:
            raise ApprovalRefused("the approval is about another intent", withdrawal=withdrawal_id)
        member = self._parts.policies.roster().member(approval.approver)
        asked = {name for group in withdrawal.decision.groups for name in group.approvers}
        if member is None or approval.approver not in asked:
            raise ApprovalRefused(f"{approval.approver} is not asked about this withdrawal", withdrawal=withdrawal_id)
        if withdrawal.initiator in (member.approver, member.person):
            raise ApprovalRefused(f"{approval.approver} cannot approve an own request", withdrawal=withdrawal_id)
        message = approval_message(approval.intent_hash, approval.approver, approval.verdict, approval.at_s)
        ed25519.verify(member.public_key, message, approval.signature)
        self._store.add_approval(withdrawal_id, approval)
        if approval.verdict is Verdict.DENY:
            return self.stop(withdrawal_id, WithdrawalEvent.REJECT, now_ms, f"denied by {approval.approver}")
        return withdrawal

    def cancel(self, withdrawal_id: WithdrawalId, now_ms: int) -> Withdrawal:
        """Stop a request on its owner's wish.

        Raises:
            NotFound: No such withdrawal.
            IllegalMove: Its bytes may be on their way, or it has ended.
        """
        return self.stop(withdrawal_id, WithdrawalEvent.CANCEL, now_ms, "cancelled")

    def stop(self, withdrawal_id: WithdrawalId, event: WithdrawalEvent, now_ms: int, reason: str) -> Withdrawal:
        """Stop a request: at once, or by wish while signers may be at work.

        Args:
            withdrawal_id: Which.
            event: CANCEL or REJECT.
            now_ms: Now, milliseconds since 1970 UTC.
            reason: For people.

        Raises:
            NotFound: No such withdrawal.
            IllegalMove: Not possible from its state.
        """
        withdrawal = self._store.withdrawal(withdrawal_id)
        if event not in STOPS or not WITHDRAWAL.allows(withdrawal.state, event):
            raise IllegalMove(f"withdrawal {withdrawal_id}: no {event.value} in state {withdrawal.state.value}")
        if withdrawal.state is WithdrawalState.ASSIGNED:
            self._store.commit(Change(withdrawals=(replace(withdrawal, stop=event, reason=reason),)))
        else:
            self._store.commit(ended(withdrawal.move(event, now_ms, reason)))
        return self._store.withdrawal(withdrawal_id)

    def place(self, symbol: str, to: str, memo: str) -> Address:
        """Check a destination as a request would, for an address book.

        Raises:
            UnknownAsset, UnknownChain, InvalidAddress, WrongNetwork, InvalidMemo: As for a request.
        """
        return check_place(symbol, to, memo, (self._parts.assets, self._parts.lanes))

    def get(self, withdrawal_id: WithdrawalId) -> Withdrawal:
        """Return one withdrawal.

        Raises:
            NotFound: No such withdrawal.
        """
        return self._store.withdrawal(withdrawal_id)

    def list(self, states: Set[WithdrawalState], customer: CustomerId | None = None) -> tuple[Withdrawal, ...]:
        """Return withdrawals in these states, oldest first."""
        return self._store.withdrawals(states, customer)

    def _checked(self, kind: Kind, initiator: str, request: WithdrawalRequest, now_ms: int) -> CheckedRequest:
        request = cited_place(request, self._parts.book, self._parts.assets)
        to, amount = check_content(request, self._parts.assets, self._parts.lanes, self._parts.bounds)
        checked = CheckedRequest(
            kind=kind,
            customer=request.customer,
            initiator=initiator,
            to=to,
            amount=amount,
            memo=request.memo,
            idempotency_key=request.idempotency_key,
            requested_at_ms=now_ms,
        )
        existing = self._store.find(checked.customer, checked.idempotency_key)
        if existing is not None and existing.request_hash != checked.content_hash:
            raise IdempotencyConflict(
                f"the idempotency key was used for withdrawal {existing.id} with another content",
                withdrawal=existing.id,
            )
        if existing is None:
            with suppress(Unavailable):  # asked again before it is planned
                self._parts.lanes.any_on(to.chain).verify_destination(to, amount, request.memo)
        return checked
