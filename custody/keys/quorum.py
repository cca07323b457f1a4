"""Quorum: enough distinct people, on the roster, said yes to exactly this intent, and nobody said no.

Rules:
    * An empty roster, a threshold below one or above the people on the roster: refused, never "satisfied".
    * People count, not accounts: two roster entries of one person are one voice.
    * The initiator's own approval never counts; one valid denial of anybody on the roster stops everything.
    * An approval of someone who left the roster, of another intent, too old or dated ahead does not count.
    * Pure: the time is an argument.

Example:
    rule = QuorumRule(roster, threshold=2, max_age_s=86_400)
    verify_quorum(intent_hash(intent), approvals, rule, initiator="", now_s=clock.now_s())
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody.keys import ed25519
from custody.keys.material import Curve, PublicKey
from custody.primitives.approval import Approval, Verdict, approval_message
from custody.primitives.errors import InvalidInput, QuorumNotReached, Refused
from custody.primitives.ids import Digest

MAX_APPROVALS = 1_024
"""Verdicts about one intent: bounds the work (about 0.1 ms each) a hostile caller can cause."""
MAX_CLOCK_SKEW_S = 120
"""How far an approver's clock may run ahead of ours."""


class ApprovalDenied(Refused):
    """Somebody on the roster said no."""

    code = "approval_denied"


@dataclass(frozen=True, slots=True)
class RosterMember:
    """One account that may approve.

    Attributes:
        approver: Id of the account, unique in the roster.
        public_key: Ed25519 key its verdicts are signed with, unique in the roster.
        person: The human behind it; several accounts of one human carry the same value.
        organisation: The legal entity that employs the person.
    """

    approver: str
    public_key: PublicKey
    person: str
    organisation: str

    def __post_init__(self) -> None:
        if not (self.approver and self.person and self.organisation):
            raise InvalidInput("roster: approver, person and organisation must not be empty")
        if self.public_key.curve is not Curve.ED25519:
            raise InvalidInput(f"roster: {self.approver} needs an Ed25519 key", approver=self.approver)


@dataclass(frozen=True, slots=True)
class Roster:
    """Everybody who may approve now."""

    members: tuple[RosterMember, ...]

    def __post_init__(self) -> None:
        if len({member.approver for member in self.members}) != len(self.members):
            raise InvalidInput("roster: the same approver id twice")
        if len({member.public_key for member in self.members}) != len(self.members):
            raise InvalidInput("roster: one key serves two approvers")

    def member(self, approver: str) -> RosterMember | None:
        """Return the entry of an approver; None if not on the roster."""
        return next((member for member in self.members if member.approver == approver), None)

    @property
    def people(self) -> frozenset[str]:
        """The humans on the roster."""
        return frozenset(member.person for member in self.members)


@dataclass(frozen=True, slots=True)
class QuorumRule:
    """What a quorum is.

    Attributes:
        roster: Who may approve.
        threshold: How many different people, at least 1.
        max_age_s: Approvals older than this do not count.
        min_organisations: How many different organisations must be among them, at least 1.
    """

    roster: Roster
    threshold: int
    max_age_s: int
    min_organisations: int = 1


def verify_quorum(
    intent_hash: Digest, approvals: Sequence[Approval], rule: QuorumRule, initiator: str, now_s: int
) -> None:
    """Check that a quorum approved this intent.

    Args:
        intent_hash: What must have been approved, 32 bytes.
        approvals: All verdicts at hand, in any order; those about other intents do not count.
        rule: Roster, threshold, age.
        initiator: Approver id or person who asked for the intent; "" if nobody on the roster did.
        now_s: Now, in seconds since 1970 UTC.

    Raises:
        Refused: The rule itself is empty or cannot be met, or too many verdicts are about this intent.
        BadSignature: A verdict in the name of somebody on the roster is not signed by their key.
        ApprovalDenied: Somebody on the roster said no.
        QuorumNotReached: Too few people, or too few organisations.
    """
    relevant = [approval for approval in approvals if approval.intent_hash == intent_hash]
    _require_satisfiable(rule, len(relevant))
    people: set[str] = set()
    organisations: set[str] = set()
    for approval in relevant:
        member = rule.roster.member(approval.approver)
        if member is None:
            continue
        message = approval_message(intent_hash, approval.approver, approval.verdict, approval.at_s)
        ed25519.verify(member.public_key, message, approval.signature)
        if approval.verdict is not Verdict.APPROVE:
            raise ApprovalDenied(f"{approval.approver} said no", approver=approval.approver)
        in_time = now_s - rule.max_age_s <= approval.at_s <= now_s + MAX_CLOCK_SKEW_S
        if in_time and initiator not in (member.approver, member.person):
            people.add(member.person)
            organisations.add(member.organisation)
    if len(people) < rule.threshold or len(organisations) < rule.min_organisations:
        raise QuorumNotReached(
            f"{len(people)} of {rule.threshold} people and {len(organisations)} of {rule.min_organisations} "
            f"organisations approved intent {intent_hash.hex()}",
            people=len(people),
            threshold=rule.threshold,
            organisations=len(organisations),
            intent_hash=intent_hash.hex(),
        )


def _require_satisfiable(rule: QuorumRule, approvals: int) -> None:
    if not rule.roster.members:
        raise Refused("the roster is empty: nobody can approve")
    if not 1 <= rule.threshold <= len(rule.roster.people):
        raise Refused(
            f"threshold {rule.threshold} does not fit {len(rule.roster.people)} people on the roster",
            threshold=rule.threshold,
        )
    if not 1 <= rule.min_organisations <= len({member.organisation for member in rule.roster.members}):
        raise Refused(
            f"{rule.min_organisations} organisations cannot be met by the roster",
            min_organisations=rule.min_organisations,
        )
    if rule.max_age_s <= 0:
        raise Refused("approvals must be given a positive age", max_age_s=rule.max_age_s)
    if approvals > MAX_APPROVALS:
        raise Refused(f"{approvals} approvals; at most {MAX_APPROVALS} are looked at", approvals=approvals)
