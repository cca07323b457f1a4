"""What a plan spends (`XrplState`) and the plan itself (`XrplPlan`): plain values.

Rules:
    * A payment uses a ticket, so that many are in flight at once; making tickets uses the account's sequence.
    * The conflict key names account, ticket or sequence, and the last ledger: after that ledger the bytes are
      worthless, and the ticket may serve other bytes.
    * A reservation without the last ledger keeps two living payments off the same ticket.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from custody.chains.port import WalletBusy
from custody.primitives.errors import MalformedPayload

KEY, SLOT_KEY, SPEND_KEY = "xrpl", "xrplslot", "xrplspend"


class NoFreeTicket(WalletBusy):
    """Every ticket is in use; one becomes free when its payment has expired, new ones are made by `tickets`."""

    code = "no_free_ticket"


class SlotKind(StrEnum):
    """What orders a transaction."""

    TICKET = "ticket"
    SEQUENCE = "sequence"


@dataclass(frozen=True, slots=True)
class Slot:
    """The place a transaction takes: consumed by whichever transaction gets there first.

    Attributes:
        account: Address of the account.
        kind: A ticket, or the account's own sequence.
        number: Which one.
    """

    account: str
    kind: SlotKind
    number: int

    @property
    def name(self) -> str:
        """The reservation of the slot itself."""
        return f"{SLOT_KEY}:{self.account}:{self.kind}:{self.number}"

    def spend_name(self, drops: int) -> str:
        """The reservation of what a payment takes from the account, fee included."""
        return f"{SPEND_KEY}:{self.account}:{self.kind}:{self.number}:{drops}"

    def key(self, last_ledger: int) -> str:
        """The conflict key of a transaction in this slot."""
        return f"{KEY}:{self.account}:{self.kind}:{self.number}:{last_ledger}"


def parse_key(text: str) -> tuple[Slot, int]:
    """Read a conflict key: slot and last ledger.

    Raises:
        MalformedPayload: Not such a key.
    """
    return _parse(KEY, text)


def reserved_slots(reserved: frozenset[str]) -> frozenset[Slot]:
    """The slots that payments in flight hold.

    Raises:
        MalformedPayload: A reservation of this kind does not parse.
    """
    return frozenset(_parse(SLOT_KEY, f"{name}:0")[0] for name in reserved if name.startswith(f"{SLOT_KEY}:"))


def reserved_spends(reserved: frozenset[str]) -> tuple[tuple[Slot, int], ...]:
    """What payments in flight take, in drops, with their slots.

    Raises:
        MalformedPayload: A reservation of this kind does not parse.
    """
    return tuple(_parse(SPEND_KEY, name) for name in sorted(reserved) if name.startswith(f"{SPEND_KEY}:"))


def _parse(first: str, text: str) -> tuple[Slot, int]:
    head, *fields = text.split(":")
    if head != first or len(fields) != 4 or not (fields[2].isdecimal() and fields[3].isdecimal()):
        raise MalformedPayload(f"{text[:120]!r} is not an XRP Ledger {first} name")
    account, kind, number, last = fields
    if kind not in set(SlotKind):
        raise MalformedPayload(f"{text[:120]!r} names neither a ticket nor a sequence")
    return Slot(account, SlotKind(kind), int(number)), int(last)


@dataclass(frozen=True, slots=True)
class XrplState:
    """What the wallet can spend, as of one validated ledger.

    Attributes:
        ledger: Index of that ledger.
        spendable_drops: Balance less reserve and less what payments in flight take; never below 0.
        sequence: The account's next sequence.
        tickets: Tickets that no payment in flight holds, ascending.
        held_tickets: All tickets of the account, those in use included.
        fee_drops: What one signature's worth of transaction costs now, before the signers are counted.
        ticket_reserve_drops: What one more ticket locks up.
    """

    ledger: int
    spendable_drops: int
    sequence: int
    tickets: tuple[int, ...]
    held_tickets: int
    fee_drops: int
    ticket_reserve_drops: int


@dataclass(frozen=True, slots=True)
class XrplPayment:
    """One payment; `tag` is None for none."""

    to: str
    drops: int
    tag: int | None


@dataclass(frozen=True, slots=True)
class XrplPlan:
    """An unsigned transaction of one wallet.

    Attributes:
        wallet_id: Which wallet.
        slot: Ticket or sequence it consumes.
        last_ledger: LastLedgerSequence.
        fee_drops: Fee, exact.
        payment: What is paid; None where tickets are made.
        new_tickets: How many tickets are made; 0 for a payment.
    """

    wallet_id: str
    slot: Slot
    last_ledger: int
    fee_drops: int
    payment: XrplPayment | None
    new_tickets: int = 0

    @property
    def key(self) -> str:
        """The conflict key."""
        return self.slot.key(self.last_ledger)

    def reservations(self) -> tuple[str, ...]:
        """The conflict key, the slot, and what is taken from the account."""
        drops = self.fee_drops + (self.payment.drops if self.payment else 0)
        return (self.key, self.slot.name, self.slot.spend_name(drops))
