"""An officer compares a doubtful destination in full, and signs what was typed (attack C19).

Rules:
    * Looking is not comparing: the officer types the whole address, or all of it between the ends that look-alikes
      share, from a source that is not this screen.
    * The signature covers customer, chain, address and what was typed; it is checked again whenever it is read, under
      the roster of now.
    * Whoever asked, or entered the place into an address book, cannot vouch for it.

Example:
    compare = FullCompare(customer, to, typed, approval)
    verify_compare(compare, roster, insiders)
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Protocol

from custody.compliance.look_alikes import ENDS
from custody.keys import ed25519
from custody.keys.quorum import Roster
from custody.primitives.address import Address
from custody.primitives.approval import Approval, Verdict, approval_message
from custody.primitives.encoding import digest
from custody.primitives.errors import BadSignature, Refused, VerificationFailed
from custody.primitives.ids import CustomerId, Digest

COMPARE_TAG = "mext/full-compare/1"


class ComparedOtherwise(VerificationFailed):
    """What was typed is not the destination."""

    code = "compared_otherwise"


class CompareRefused(Refused):
    """This officer cannot vouch for this destination."""

    code = "compare_refused"


@dataclass(frozen=True, slots=True)
class FullCompare:
    """One comparison.

    Attributes:
        customer: Who wants to pay the place.
        to: The place.
        typed: What the officer typed.
        approval: Signed over `compare_digest`.
    """

    customer: CustomerId
    to: Address
    typed: str
    approval: Approval


class CompareStore(Protocol):
    """Keeps comparisons."""

    def save_compare(self, compare: FullCompare) -> None:
        """Keep one, durably; the same again changes nothing."""
        ...

    def compares(self, customer: CustomerId, to: Address) -> tuple[FullCompare, ...]:
        """Return those of a place, oldest first."""
        ...


def compare_digest(customer: CustomerId, to: Address, typed: str) -> Digest:
    """Return what the officer signs, 32 bytes."""
    return digest(COMPARE_TAG, customer, to.chain, to.text, typed)


def verify_typed(to: Address, typed: str) -> None:
    """Check that somebody typed the whole address, or all between its first and last characters.

    Raises:
        ComparedOtherwise: Neither.
    """
    if typed not in (to.text, to.text[ENDS:-ENDS]) or not typed:
        raise ComparedOtherwise(f"what was typed is neither {to.chain} destination nor its middle", chain=to.chain)


def verify_compare(compare: FullCompare, roster: Roster, insiders: Set[str]) -> None:
    """Check one comparison.

    Args:
        compare: As it was made or stored.
        roster: Who may approve now.
        insiders: Who asked, and who entered the destination.

    Raises:
        ComparedOtherwise: Something else was typed, or signed.
        CompareRefused: Nobody on the roster, an insider, or a denial.
        BadSignature: Not signed by the officer's key.
    """
    verify_typed(compare.to, compare.typed)
    approval = compare.approval
    if approval.intent_hash != compare_digest(compare.customer, compare.to, compare.typed):
        raise ComparedOtherwise("the signature is about another comparison")
    member = roster.member(approval.approver)
    if member is None or approval.verdict is not Verdict.APPROVE:
        raise CompareRefused(f"{approval.approver} is not on the roster, or said no", officer=approval.approver)
    if {member.approver, member.person} & insiders:
        raise CompareRefused(f"{approval.approver} asked for it, or entered the destination", officer=approval.approver)
    message = approval_message(approval.intent_hash, approval.approver, approval.verdict, approval.at_s)
    ed25519.verify(member.public_key, message, approval.signature)


def compared_by(compares: tuple[FullCompare, ...], roster: Roster, insiders: Set[str]) -> str:
    """Return the officer of the first comparison that holds now; empty if none does."""
    for compare in compares:
        try:
            verify_compare(compare, roster, insiders)
        except (ComparedOtherwise, CompareRefused, BadSignature):  # who left the roster vouches for nothing
            continue
        return compare.approval.approver
    return ""
