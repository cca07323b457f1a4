"""What a policy is made of: rules as values, and the ways money may take between wallet tiers.

Rules:
    * A policy is immutable and numbered; a change is another version.
    * Conditions are data: the order of rules carries no meaning, and a form can show every one of them.

Example:
    Rule("small", Effect.PERMIT, Match(assets=frozenset({"BTC"})), limits=(Limit(Scope.CUSTOMER, 86_400, 10**7),))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from custody.primitives.chain import ChainId
from custody.primitives.ids import Digest
from custody.withdrawals.facts import DestinationKind, Kind, Scope, Tier

EDGES: frozenset[tuple[Kind, Tier, DestinationKind]] = frozenset(
    {
        (Kind.CUSTOMER, Tier.HOT, DestinationKind.ONE_TIME),
        (Kind.CUSTOMER, Tier.HOT, DestinationKind.BOOK),
        (Kind.TREASURY, Tier.HOT, DestinationKind.COLD),
        (Kind.TREASURY, Tier.HOT, DestinationKind.WARM),
        (Kind.TREASURY, Tier.WARM, DestinationKind.HOT),
        (Kind.TREASURY, Tier.WARM, DestinationKind.COLD),
        (Kind.TREASURY, Tier.COLD, DestinationKind.WARM),
    }
)
"""Every way money may take between tiers. Cold never pays a customer; no rule can add an edge."""
BOOK_COOL_DOWN_S = 48 * 3600
"""Time for the owner to notice an address-book entry that somebody else made."""
MAX_PRICE_AGE_S = 60
"""A limit in the reference currency must not be measured with the price of a calmer minute."""
INTENT_TTL_S = 2 * 3600
"""Long enough for people to approve, short enough that an approval is about today."""
APPROVAL_MAX_AGE_S = 24 * 3600
"""A day; longer than an intent lives, so that only long delays meet it."""


class Effect(StrEnum):
    """What a matching rule does."""

    PERMIT = "permit"
    DENY = "deny"


class Outcome(StrEnum):
    """What the policy says."""

    ALLOW = "allow"
    APPROVE = "approve"  # people must approve first
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Group:
    """People of whom some must approve.

    Attributes:
        name: For messages.
        approvers: Approver ids.
        threshold: How many different people among them.
        organisations: From how many different organisations they must come at least.
    """

    name: str
    approvers: frozenset[str]
    threshold: int
    organisations: int = 1


@dataclass(frozen=True, slots=True)
class Delegation:
    """Somebody votes in another's place for a while; the giver has no voice meanwhile.

    Attributes:
        giver, receiver: Approver ids.
        from_s, until_s: First second it holds and first it no longer does, since 1970 UTC; None for no end,
            which the linter refuses.
    """

    giver: str
    receiver: str
    from_s: int
    until_s: int | None


@dataclass(frozen=True, slots=True)
class AllowedPlace:
    """A destination that rules may name: an entry of the allow-list.

    Attributes:
        name: Unique in the policy; rules cite it.
        chain, text, memo: The place, to the letter; a memo is part of it.
        from_s, until_s: As in `Delegation`.
    """

    name: str
    chain: ChainId
    text: str
    memo: str
    from_s: int
    until_s: int | None


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that may leave within a window, this request included.

    Attributes:
        scope: What is added up.
        window_s: How far back, in seconds; 0 looks at this request alone.
        max_units: In base units of the request's asset; or None.
        max_reference_micros: In micro-units of the reference currency over all assets; or None.
    """

    scope: Scope
    window_s: int
    max_units: int | None = None
    max_reference_micros: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """When a rule applies: every condition given must hold; None means any.

    Attributes:
        assets, kinds, sources, destinations: Allowed values.
        min_kyc_level: At least this.
        min_units: At least this many base units; only useful together with one asset.
        min_reference_micros: At least this value in the reference currency.
        allowed: Names of allow-list entries; the destination must be one of them, while it holds.
    """

    assets: frozenset[str] | None = None
    kinds: frozenset[Kind] | None = None
    sources: frozenset[Tier] | None = None
    destinations: frozenset[DestinationKind] | None = None
    min_kyc_level: int = 0
    min_units: int = 0
    min_reference_micros: int | None = None
    allowed: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: Unique in the policy.
        effect: Permit or deny.
        match: When it applies.
        groups: Who must approve besides; none for automatic.
        limits: What must hold besides.
        delay_s: Wait at least this long after the decision.
    """

    name: str
    effect: Effect
    match: Match
    groups: tuple[Group, ...] = ()
    limits: tuple[Limit, ...] = ()
    delay_s: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """An immutable, numbered set of rules.

    Attributes:
        version: From 1; intents cite it.
        rules: In any order.
        fee_caps: Most one withdrawal may pay the chain, in base units of its native coin; a chain
            that is missing cannot be used.
        book_cool_down_s: A new address-book entry counts as one-time for so long.
        max_price_age_s: Older prices are unusable.
        intent_ttl_s: No signature later than this after the release time.
        approval_max_age_s: Approvals older than this do not count.
        allow_list: Places that rules may name.
        delegations: Who votes for whom.
    """

    version: int
    rules: tuple[Rule, ...]
    fee_caps: Mapping[ChainId, int]
    book_cool_down_s: int = BOOK_COOL_DOWN_S
    max_price_age_s: int = MAX_PRICE_AGE_S
    intent_ttl_s: int = INTENT_TTL_S
    approval_max_age_s: int = APPROVAL_MAX_AGE_S
    allow_list: tuple[AllowedPlace, ...] = ()
    delegations: tuple[Delegation, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy said, and why.

    Attributes:
        outcome: Allow, approve or block.
        policy_version: Under which version.
        not_before_s: Nothing is paid earlier, seconds since 1970 UTC.
        groups: All of them must reach their threshold.
        matched_rules: Names, sorted.
        reasons: Why it is blocked; empty otherwise.
        facts_hash: SHA-256 of the facts, 32 bytes.
    """

    outcome: Outcome
    policy_version: int
    not_before_s: int
    groups: tuple[Group, ...]
    matched_rules: tuple[str, ...]
    reasons: tuple[str, ...]
    facts_hash: Digest
