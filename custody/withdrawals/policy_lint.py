"""Faults a policy can have before it is ever used: shadowed rules, groups nobody can satisfy, empty conditions.

Rules:
    * A policy with a fault is refused whole; there are no warnings to ignore.
    * The check is by sets, so it does not depend on the order of rules.

Example:
    verify_policy(policy)  # raises InvalidPolicy with every fault
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from custody.withdrawals.errors import InvalidPolicy
from custody.withdrawals.parts import SIGNING_MARGIN_S
from custody.withdrawals.rules import Effect, Match, Policy, Rule


def verify_policy(policy: Policy) -> None:
    """Refuse a policy with any fault.

    Raises:
        InvalidPolicy: The message lists all of them.
    """
    faults = list(find_faults(policy))
    if faults:
        raise InvalidPolicy(f"policy {policy.version}: " + "; ".join(faults), version=policy.version)


def find_faults(policy: Policy) -> Iterator[str]:
    """Name every fault, in the order of the rules."""
    if policy.version < 1:
        yield "the version starts at 1"
    if not any(rule.effect is Effect.PERMIT for rule in policy.rules):
        yield "no rule permits anything"
    if not policy.fee_caps or any(cap <= 0 for cap in policy.fee_caps.values()):
        yield "every chain needs a fee cap above zero"
    if policy.intent_ttl_s <= 2 * SIGNING_MARGIN_S:
        yield f"intents must live longer than {2 * SIGNING_MARGIN_S} s"
    if min(policy.book_cool_down_s, policy.max_price_age_s, policy.approval_max_age_s) <= 0:
        yield "cool-down and ages must be above zero"
    yield from _name_faults(policy)
    yield from (f"rule {rule.name}: {fault}" for rule in policy.rules for fault in _rule_faults(rule))
    yield from _shadows(policy)


def _name_faults(policy: Policy) -> Iterator[str]:
    for name, count in Counter(rule.name for rule in policy.rules).items():
        if count > 1 or not name:
            yield f"rule name {name!r} must be unique and not empty"


def _shadows(policy: Policy) -> Iterator[str]:
    denials = [rule for rule in policy.rules if rule.effect is Effect.DENY]
    for rule in policy.rules:
        for denial in denials:
            if rule is not denial and _covers(denial.match, rule.match):
                yield f"rule {rule.name} can never matter: {denial.name} denies all it matches"


def _rule_faults(rule: Rule) -> Iterator[str]:
    match = rule.match
    for values in (match.assets, match.kinds, match.sources, match.destinations):
        if values is not None and not values:
            yield "an empty condition matches nothing"
    if match.min_units and (match.assets is None or len(match.assets) != 1):
        yield "min_units needs exactly one asset, since base units differ"
    if min(match.min_units, match.min_kyc_level, rule.delay_s, match.min_reference_micros or 0) < 0:
        yield "negative numbers mean nothing here"
    if rule.effect is Effect.DENY and (rule.groups or rule.limits or rule.delay_s):
        yield "a denial has no groups, limits or delay"
    yield from _part_faults(rule)


def _part_faults(rule: Rule) -> Iterator[str]:
    for group in rule.groups:
        if not 1 <= group.threshold <= len(group.approvers):
            yield f"group {group.name}: threshold {group.threshold} of {len(group.approvers)} approvers"
    for limit in rule.limits:
        bounds = [most for most in (limit.max_units, limit.max_reference_micros) if most is not None]
        if not bounds or min(bounds) <= 0 or limit.window_s < 0:
            yield f"the {limit.scope} limit needs a maximum above zero and a window of 0 s or more"
        assets = rule.match.assets
        if limit.max_units is not None and (assets is None or len(assets) != 1):
            yield "max_units needs exactly one asset, since base units differ"


def _covers(wide: Match, narrow: Match) -> bool:
    """Tell whether everything the narrow condition matches is matched by the wide one."""
    pairs = (
        (wide.assets, narrow.assets),
        (wide.kinds, narrow.kinds),
        (wide.sources, narrow.sources),
        (wide.destinations, narrow.destinations),
    )
    sets = all(outer is None or (inner is not None and inner <= outer) for outer, inner in pairs)
    return (
        sets
        and wide.min_kyc_level <= narrow.min_kyc_level
        and wide.min_units <= narrow.min_units
        and (wide.min_reference_micros or 0) <= (narrow.min_reference_micros or 0)
    )
