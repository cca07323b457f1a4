"""The accounts of the simulated XRP Ledger, and what each kind of transaction does to them.

Rules:
    * Results have the names, the order of precedence and the effects of a real node, for the subset used here:
      Payment of XRP, TicketCreate, SignerListSet, AccountSet (RequireDest, DisableMaster).
    * A world is copied by copying its dictionary: accounts are values.

Example:
    result = apply(world, fields, ledger_index)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

BASE_RESERVE_DROPS = 1_000_000
OBJECT_RESERVE_DROPS = 200_000
BASE_FEE_DROPS = 10
MAX_TICKETS = 250
REQUIRE_DEST, DISABLE_MASTER = 0x00020000, 0x00100000
PARTIAL_PAYMENT = 0x00020000
_ASF_FLAGS = {1: REQUIRE_DEST, 4: DISABLE_MASTER}

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SimAccount:
    """One account: drops, next sequence, flag bits, tickets, quorum and signers with their weights."""

    balance: int
    sequence: int
    flags: int = 0
    tickets: frozenset[int] = frozenset()
    quorum: int = 0
    signers: tuple[tuple[str, int], ...] = ()

    @property
    def owned(self) -> int:
        """Objects that lock up reserve."""
        return len(self.tickets) + bool(self.signers)

    def reserve(self, more: int = 0) -> int:
        """Drops that stay locked, with so many more objects."""
        return BASE_RESERVE_DROPS + (self.owned + more) * OBJECT_RESERVE_DROPS


World = dict[str, SimAccount]


def order_refusal(world: World, fields: Fields) -> str:
    """Judge sequence or ticket; "" if it is the account's turn."""
    account = world.get(fields["Account"])
    if account is None:
        return "terNO_ACCOUNT"
    ticket, sequence = fields.get("TicketSequence"), fields["Sequence"]
    if ticket is not None:
        if sequence:
            return "temSEQ_AND_TICKET"
        if ticket in account.tickets:
            return ""
        return "terPRE_TICKET" if ticket >= account.sequence else "tefNO_TICKET"
    if sequence == account.sequence:
        return ""
    return "terPRE_SEQ" if sequence > account.sequence else "tefPAST_SEQ"


def apply(world: World, fields: Fields, ledger: int) -> str:
    """Execute a transaction whose order, fee and signatures were judged; return its result.

    The fee is taken and the sequence or ticket consumed whatever the result.
    """
    name = fields["Account"]
    before = world[name]
    ticket = fields.get("TicketSequence")
    paid = replace(before, balance=before.balance - int(fields["Fee"]))
    if ticket is None:
        paid = replace(paid, sequence=paid.sequence + 1)
    else:
        paid = replace(paid, tickets=paid.tickets - {ticket})
    world[name] = paid
    return _KINDS[fields["TransactionType"]](world, fields, before, ledger)


def is_known(kind: str) -> bool:
    """Tell whether the simulator executes this kind of transaction."""
    return kind in _KINDS


def _pay(world: World, fields: Fields, before: SimAccount, ledger: int) -> str:
    to, drops = fields["Destination"], int(fields["Amount"])
    receiver = world.get(to)
    if receiver is None and drops < BASE_RESERVE_DROPS:
        return "tecNO_DST_INSUF_XRP"
    if receiver is not None and receiver.flags & REQUIRE_DEST and "DestinationTag" not in fields:
        return "tecDST_TAG_NEEDED"
    if before.balance < drops + max(before.reserve(), int(fields["Fee"])):
        return "tecUNFUNDED_PAYMENT"
    name = fields["Account"]
    world[name] = replace(world[name], balance=world[name].balance - drops)
    receiver = receiver or SimAccount(0, ledger)
    world[to] = replace(receiver, balance=receiver.balance + drops)
    return "tesSUCCESS"


def _create_tickets(world: World, fields: Fields, before: SimAccount, ledger: int) -> str:
    del ledger
    name, count = fields["Account"], fields["TicketCount"]
    account = world[name]
    if len(account.tickets) + count > MAX_TICKETS:
        return "tecDIR_FULL"
    if before.balance < before.reserve(count):
        return "tecINSUFFICIENT_RESERVE"
    made = range(account.sequence, account.sequence + count)
    world[name] = replace(account, tickets=account.tickets | set(made), sequence=account.sequence + count)
    return "tesSUCCESS"


def _set_signers(world: World, fields: Fields, before: SimAccount, ledger: int) -> str:
    del ledger
    name = fields["Account"]
    if before.balance < before.reserve(0 if before.signers else 1):
        return "tecINSUFFICIENT_RESERVE"
    entries = [entry["SignerEntry"] for entry in fields["SignerEntries"]]
    signers = tuple(sorted((entry["Account"], entry["SignerWeight"]) for entry in entries))
    world[name] = replace(world[name], quorum=fields["SignerQuorum"], signers=signers)
    return "tesSUCCESS"


def _set_account(world: World, fields: Fields, before: SimAccount, ledger: int) -> str:
    del ledger
    flag = _ASF_FLAGS[fields["SetFlag"]]
    if flag == DISABLE_MASTER:
        if "Signers" in fields:
            return "tecNEED_MASTER_KEY"
        if not before.signers:
            return "tecNO_ALTERNATIVE_KEY"
    name = fields["Account"]
    world[name] = replace(world[name], flags=world[name].flags | flag)
    return "tesSUCCESS"


def shape_refusal(fields: Fields) -> str:
    """Judge a transaction by itself; "" if it is well-formed."""
    return _SHAPES[fields["TransactionType"]](fields)


def _payment_refusal(fields: Fields) -> str:
    amount = fields.get("Amount")
    if not isinstance(amount, str) or "SendMax" in fields or "Paths" in fields:
        return "temBAD_CURRENCY"  # the simulator pays XRP directly and nothing else
    if int(amount) <= 0:
        return "temBAD_AMOUNT"
    if fields.get("Destination") == fields["Account"]:
        return "temREDUNDANT"
    return "temBAD_SEND_XRP_PARTIAL" if fields.get("Flags", 0) & PARTIAL_PAYMENT else ""


def _list_refusal(fields: Fields) -> str:
    entries = [entry["SignerEntry"] for entry in fields.get("SignerEntries", [])]
    names = {entry["Account"] for entry in entries}
    if fields["Account"] in names or len(names) != len(entries):
        return "temBAD_SIGNER"
    weight = sum(entry["SignerWeight"] for entry in entries)
    return "" if 0 < fields["SignerQuorum"] <= weight else "temBAD_QUORUM"


_SHAPES: Mapping[str, Callable[[Fields], str]] = {
    "Payment": _payment_refusal,
    "TicketCreate": lambda fields: "" if 0 < fields["TicketCount"] <= MAX_TICKETS else "temINVALID_COUNT",
    "SignerListSet": _list_refusal,
    "AccountSet": lambda fields: "" if fields.get("SetFlag") in _ASF_FLAGS else "temINVALID_FLAG",
}
_KINDS: Mapping[str, Callable[[World, Fields, SimAccount, int], str]] = {
    "Payment": _pay,
    "TicketCreate": _create_tickets,
    "SignerListSet": _set_signers,
    "AccountSet": _set_account,
}
