"""The three records of a withdrawal: what was asked, its one payment, its signed bytes.

Rules:
    * Records are values; a change is a new value with the version that was read, and the store
      compares that version when it writes.
    * A payment serves one or more withdrawals of one lane; an attempt belongs to one payment.
    * Plan and signed bytes live in the attempt, so that what is sent again is what was stored.

Example:
    moved = withdrawal.move(WithdrawalEvent.CLAIM, now_ms)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from custody.chains.port import SignedTx
from custody.keys.material import PublicKey, Signature, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvariantBroken
from custody.primitives.ids import CustomerId, Digest, IdempotencyKey, TxId, WithdrawalId
from custody.primitives.intent import TransferIntent, intent_hash
from custody.withdrawals.facts import Ask, Kind, Tier
from custody.withdrawals.rules import Decision
from custody.withdrawals.states import (
    ATTEMPT,
    ENDED,
    PAYMENT,
    WITHDRAWAL,
    AttemptEvent,
    AttemptState,
    PaymentEvent,
    PaymentState,
    WithdrawalEvent,
    WithdrawalState,
)


class HoldState(StrEnum):
    """What became of the customer's money set aside."""

    NONE = "none"  # treasury moves charge nobody
    HELD = "held"
    POSTED = "posted"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One request.

    Attributes:
        id: Derived from customer and idempotency key.
        kind: Customer withdrawal or treasury move.
        customer: Who is charged; "treasury" for the house.
        initiator: Who asked.
        to, amount, memo: What was asked.
        idempotency_key: Unique per customer for ever.
        request_hash: Digest of the request's content, 32 bytes.
        salt: 16 bytes hex, part of the intent.
        requested_at_ms: When it was accepted, milliseconds since 1970 UTC.
        state: Where it stands.
        moved_at_ms: When it came there.
        version: Version read; the store compares it.
        hold: What became of the hold.
        intent: Built with the decision; None before.
        decision: None before it is taken.
        facts_json: Canonical JSON of the facts decided on; empty before.
        source: Wallet tier that pays, from the decision; None before.
        payment_id: Its payment; empty before.
        stop: What somebody asked for while signers may be at work: CANCEL or REJECT; None otherwise.
        reason: Why it ended or waits, for people.
        broadcast_at_ms: First acknowledgement by a node; None before.
    """

    id: WithdrawalId
    kind: Kind
    customer: CustomerId
    initiator: str
    to: Address
    amount: Amount
    memo: str
    idempotency_key: IdempotencyKey
    request_hash: Digest
    salt: str
    requested_at_ms: int
    state: WithdrawalState
    moved_at_ms: int
    version: int
    hold: HoldState
    intent: TransferIntent | None = None
    decision: Decision | None = None
    facts_json: str = ""
    source: Tier | None = None
    payment_id: str = ""
    stop: WithdrawalEvent | None = None
    reason: str = ""
    broadcast_at_ms: int | None = None

    def move(self, event: WithdrawalEvent, now_ms: int, reason: str = "") -> Self:
        """Return the record after an event.

        Raises:
            IllegalMove: Not possible from here.
        """
        return replace(self, state=WITHDRAWAL.next(self.state, event), moved_at_ms=now_ms, reason=reason)

    def ask(self) -> Ask:
        """Return what the policy judges."""
        return Ask(self.id, self.kind, self.customer, self.initiator, self.to, self.amount, self.memo)

    def bound_intent(self) -> TransferIntent:
        """Return the intent of a decided withdrawal."""
        if self.intent is None:
            raise InvariantBroken(f"withdrawal {self.id} is decided and has no intent", withdrawal=self.id)
        return self.intent

    @property
    def intent_hash(self) -> Digest:
        """What approvals are about, 32 bytes."""
        return intent_hash(self.bound_intent())

    @property
    def is_over(self) -> bool:
        """Tell whether nothing is left to do, the hold included."""
        return self.state in ENDED and self.hold is not HoldState.HELD

    @property
    def request_to_broadcast_ms(self) -> int | None:
        """Milliseconds from acceptance to the first acknowledgement; None before."""
        return None if self.broadcast_at_ms is None else self.broadcast_at_ms - self.requested_at_ms


@dataclass(frozen=True, slots=True)
class Payment:
    """The one payment of its withdrawals.

    Attributes:
        id: Unique.
        chain, wallet_id: Its lane.
        conflict_key: At most one transaction that consumes it can confirm.
        withdrawal_ids: Served by it, in plan order.
        state: Where it stands.
        version: Version read.
        opened_at_ms: When resources were reserved.
        note: Last problem met, for people: which signer or node, and what it said.
    """

    id: str
    chain: ChainId
    wallet_id: str
    conflict_key: str
    withdrawal_ids: tuple[WithdrawalId, ...]
    state: PaymentState
    version: int
    opened_at_ms: int
    note: str = ""

    def move(self, event: PaymentEvent, note: str = "") -> Self:
        """Return the record after an event.

        Raises:
            IllegalMove: Not possible from here.
        """
        return replace(self, state=PAYMENT.next(self.state, event), note=note)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One plan, and its signed bytes once they exist.

    Attributes:
        payment_id, number: Identity; numbers from 1.
        state: Where it stands.
        plan: Unsigned transaction in the codec's storage form.
        members: Keys it was planned for, as many as the threshold.
        signed: The complete transaction; None before.
        sent_at_ms: When it was first sent, milliseconds since 1970 UTC; None before.
    """

    payment_id: str
    number: int
    state: AttemptState
    plan: bytes
    members: tuple[PublicKey, ...]
    signed: SignedTx | None = None
    sent_at_ms: int | None = None

    def move(self, event: AttemptEvent) -> Self:
        """Return the record after an event.

        Raises:
            IllegalMove: Not possible from here.
        """
        return replace(self, state=ATTEMPT.next(self.state, event))

    def bytes_to_send(self) -> SignedTx:
        """Return the stored bytes of a signed attempt."""
        if self.signed is None:
            raise InvariantBroken(f"attempt {self.number} of payment {self.payment_id} has no bytes")
        return self.signed

    @property
    def txid(self) -> TxId | None:
        """Known once signed."""
        return None if self.signed is None else self.signed.txid


@dataclass(frozen=True, slots=True)
class GivenSignature:
    """A signature as it came from a signer, stored before the next one is asked.

    Attributes:
        payment_id, attempt: Which attempt it is for.
        role: Member or sender.
        signer: Name of the signer, to name it if it lied.
        signature: The signature.
    """

    payment_id: str
    attempt: int
    role: SigningRole
    signer: str
    signature: Signature
