"""How one policy version follows another: linted, approved by a quorum over its digest, after a delay.

Rules:
    * Versions follow each other without a gap; a draft made for an older version is stale.
    * Approvals are about the digest of the whole draft: one changed number needs them again.
    * Who proposed it does not count among those who approve it (attack D04).
    * Pure: until `activated` returns the draft, withdrawals run under the version in force.

Example:
    policy = activated(current, proposal, approvals, terms, now_s)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody.keys.quorum import QuorumRule, verify_quorum
from custody.primitives.approval import Approval
from custody.primitives.encoding import Json, canonical_json, digest
from custody.primitives.ids import Digest
from custody.withdrawals.errors import PolicyChangeRefused
from custody.withdrawals.policy_lint import verify_policy
from custody.withdrawals.rules import Match, Policy, Rule

POLICY_TAG = "mext/withdrawal-policy/1"


@dataclass(frozen=True, slots=True)
class PolicyProposal:
    """A draft that somebody put forward.

    Attributes:
        draft: The next version.
        proposed_by: Approver id of who put it forward.
        proposed_at_s: When, seconds since 1970 UTC.
    """

    draft: Policy
    proposed_by: str
    proposed_at_s: int


@dataclass(frozen=True, slots=True)
class ChangeTerms:
    """What a change needs.

    Attributes:
        rule: The quorum.
        delay_s: Time between proposal and force, in seconds.
    """

    rule: QuorumRule
    delay_s: int


def policy_digest(policy: Policy) -> Digest:
    """Hash every part of a policy: what approvers sign, 32 bytes. The order of rules does not change it."""
    return digest(
        POLICY_TAG,
        canonical_json(
            {
                "version": policy.version,
                "rules": [_rule(rule) for rule in sorted(policy.rules, key=lambda rule: rule.name)],
                "fee_caps": {chain: str(cap) for chain, cap in policy.fee_caps.items()},
                "book_cool_down_s": policy.book_cool_down_s,
                "max_price_age_s": policy.max_price_age_s,
                "intent_ttl_s": policy.intent_ttl_s,
                "approval_max_age_s": policy.approval_max_age_s,
                "allow_list": sorted(
                    [each.name, each.chain, each.text, each.memo, _text(each.from_s), _text(each.until_s)]
                    for each in policy.allow_list
                ),
                "delegations": sorted(
                    [each.giver, each.receiver, _text(each.from_s), _text(each.until_s)] for each in policy.delegations
                ),
            }
        ),
    )


def activated(
    current: Policy, proposal: PolicyProposal, approvals: Sequence[Approval], terms: ChangeTerms, now_s: int
) -> Policy:
    """Return the draft if it may come into force now.

    Raises:
        InvalidPolicy: The draft has faults.
        PolicyChangeRefused: Not the next version, or the delay has not passed.
        QuorumNotReached, ApprovalDenied, BadSignature, Refused: The approvals do not suffice.
    """
    draft = proposal.draft
    verify_policy(draft)
    if draft.version != current.version + 1:
        raise PolicyChangeRefused(f"version {draft.version} does not follow {current.version}", version=draft.version)
    verify_quorum(policy_digest(draft), approvals, terms.rule, proposal.proposed_by, now_s)
    if now_s < proposal.proposed_at_s + terms.delay_s:
        left_s = proposal.proposed_at_s + terms.delay_s - now_s
        raise PolicyChangeRefused(f"version {draft.version} waits {left_s} s more", version=draft.version)
    return draft


def _rule(rule: Rule) -> dict[str, Json]:
    return {
        "name": rule.name,
        "effect": rule.effect.value,
        "match": _match(rule.match),
        "groups": [
            [group.name, sorted(group.approvers), group.threshold, group.organisations] for group in rule.groups
        ],
        "limits": [
            [limit.scope.value, limit.window_s, _text(limit.max_units), _text(limit.max_reference_micros)]
            for limit in rule.limits
        ],
        "delay_s": rule.delay_s,
    }


def _match(match: Match) -> dict[str, Json]:
    return {
        "assets": _names(match.assets),
        "kinds": _names(match.kinds),
        "sources": _names(match.sources),
        "destinations": _names(match.destinations),
        "min_kyc_level": match.min_kyc_level,
        "min_units": str(match.min_units),
        "min_reference_micros": _text(match.min_reference_micros),
        "allowed": _names(match.allowed),
    }


def _names(values: frozenset[str] | None) -> list[str] | None:
    return None if values is None else sorted(str(value) for value in values)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
