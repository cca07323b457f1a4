"""A policy as people write it: YAML or JSON, read strictly.

Rules:
    * An unknown key, a missing key or a value of the wrong type is refused; a typing error never widens a rule.
    * Amounts are base units as whole numbers; a number with a point is refused. Days are UTC.
    * What is read is linted before it is returned; a fault names file, line and field.

Example:
    policy = load_policy(Path("policy.yaml"))
"""

from __future__ import annotations

from pathlib import Path

from custody.primitives.chain import ChainId
from custody.withdrawals.errors import InvalidPolicy
from custody.withdrawals.facts import DestinationKind, Kind, Scope, Tier
from custody.withdrawals.policy_lint import verify_policy
from custody.withdrawals.rules import (
    APPROVAL_MAX_AGE_S,
    BOOK_COOL_DOWN_S,
    INTENT_TTL_S,
    MAX_PRICE_AGE_S,
    AllowedPlace,
    Delegation,
    Effect,
    Group,
    Limit,
    Match,
    Policy,
    Rule,
)
from custody.withdrawals.written import Fields, Written, read_written


def load_policy(path: Path) -> Policy:
    """Read and lint a policy file.

    Raises:
        InvalidPolicy: Not readable, not such a file, or it has faults.
    """
    written = read_written(path, InvalidPolicy)
    policy = policy_of(written)
    verify_policy(policy, written.at)
    return policy


def policy_of(written: Written) -> Policy:
    """Make a policy of what a file says, not linted yet.

    Raises:
        InvalidPolicy: Not such a file; the message names the line.
    """
    return written.placed(lambda: _policy(written.value))


def policy_from(source: object) -> Policy:
    """Make a policy from plain values, as YAML or JSON give them, and lint it.

    Raises:
        InvalidPolicy: Not such values, or the policy has faults.
    """
    policy = _policy(source)
    verify_policy(policy)
    return policy


def _policy(source: object) -> Policy:
    fields = Fields(source, "", InvalidPolicy)
    policy = Policy(
        version=fields.whole("version"),
        rules=tuple(
            _rule(Fields(item, f"rules[{index}]", InvalidPolicy)) for index, item in enumerate(fields.items("rules"))
        ),
        fee_caps={ChainId(chain): cap for chain, cap in fields.whole_by_name("fee_caps").items()},
        book_cool_down_s=fields.whole("book_cool_down_s", BOOK_COOL_DOWN_S),
        max_price_age_s=fields.whole("max_price_age_s", MAX_PRICE_AGE_S),
        intent_ttl_s=fields.whole("intent_ttl_s", INTENT_TTL_S),
        approval_max_age_s=fields.whole("approval_max_age_s", APPROVAL_MAX_AGE_S),
        allow_list=tuple(map(_place, fields.each("allow_list"))),
        delegations=tuple(map(_delegation, fields.each("delegations"))),
    )
    fields.require_empty()
    return policy


def _rule(fields: Fields) -> Rule:
    rule = Rule(
        name=fields.text("name"),
        effect=fields.member("effect", Effect),
        match=_match(fields.fields("match", {})),
        groups=tuple(map(_group, fields.each("groups"))),
        limits=tuple(map(_limit, fields.each("limits"))),
        delay_s=fields.whole("delay_s", 0),
    )
    fields.require_empty()
    return rule


def _match(fields: Fields) -> Match:
    match = Match(
        assets=fields.names("assets"),
        kinds=fields.members("kinds", Kind),
        sources=fields.members("sources", Tier),
        destinations=fields.members("destinations", DestinationKind),
        min_kyc_level=fields.whole("min_kyc_level", 0),
        min_units=fields.whole("min_units", 0),
        min_reference_micros=fields.whole_or_none("min_reference_micros"),
        allowed=fields.names("allowed"),
    )
    fields.require_empty()
    return match


def _group(fields: Fields) -> Group:
    group = Group(
        name=fields.text("name"),
        approvers=fields.names("approvers") or frozenset(),
        threshold=fields.whole("threshold"),
        organisations=fields.whole("organisations", 1),
    )
    fields.require_empty()
    return group


def _limit(fields: Fields) -> Limit:
    limit = Limit(
        scope=fields.member("scope", Scope),
        window_s=fields.whole("window_s"),
        max_units=fields.whole_or_none("max_units"),
        max_reference_micros=fields.whole_or_none("max_reference_micros"),
    )
    fields.require_empty()
    return limit


def _place(fields: Fields) -> AllowedPlace:
    place = AllowedPlace(
        name=fields.text("name"),
        chain=ChainId(fields.text("chain")),
        text=fields.text("address"),
        memo=fields.text("memo", ""),
        from_s=fields.midnight("from"),
        until_s=fields.midnight_or_none("until"),
    )
    fields.require_empty()
    return place


def _delegation(fields: Fields) -> Delegation:
    delegation = Delegation(
        giver=fields.text("giver"),
        receiver=fields.text("receiver"),
        from_s=fields.midnight("from"),
        until_s=fields.midnight_or_none("until"),
    )
    fields.require_empty()
    return delegation
