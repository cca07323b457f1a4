"""Faults a policy can have before it is ever used.

Rules:
    * A policy with a fault is refused whole; there are no warnings to ignore.
    * The check is by sets, so it does not depend on the order of rules.
    * Every fault names its field, what is wrong, and what to do.

Example:
    verify_policy(policy)  # raises InvalidPolicy with every fault
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from custody.withdrawals.errors import InvalidPolicy
from custody.withdrawals.parts import SIGNING_MARGIN_S
from custody.withdrawals.policy_fault import Fault
from custody.withdrawals.policy_reach import reach_faults
from custody.withdrawals.policy_terms import term_faults
from custody.withdrawals.rules import Effect, Policy, Rule

MOST_SHOWN = 100
"""Faults in one message; whoever mends these sees the next."""


def verify_policy(policy: Policy, at: Callable[[str], str] | None = None) -> None:
    """Refuse a policy with any fault.

    Args:
        policy: Any.
        at: Names a field's place for people, by its path.

    Raises:
        InvalidPolicy: The message lists all of them.
    """
    faults = list(find_faults(policy))
    if faults:
        told = [f"{(at or str)(fault.path)}: {fault.text}; {fault.cure}" for fault in faults[:MOST_SHOWN]]
        raise InvalidPolicy(f"policy {policy.version}: " + "\n".join(told), version=policy.version)


def find_faults(policy: Policy) -> Iterator[Fault]:
    """Name every fault that shows without knowing the people and the assets of the house."""
    yield from _frame_faults(policy)
    yield from _name_faults(policy)
    for index, rule in enumerate(policy.rules):
        yield from _rule_faults(rule, f"rules[{index}]")
    yield from term_faults(policy)
    yield from reach_faults(policy)


def _frame_faults(policy: Policy) -> Iterator[Fault]:
    if policy.version < 1:
        yield Fault("version", "version", "the version starts at 1", "count up from the version in force")
    if not any(rule.effect is Effect.PERMIT for rule in policy.rules):
        yield Fault("empty", "rules", "no rule permits anything", "add a rule with effect: permit")
    for chain, cap in policy.fee_caps.items():
        if cap <= 0:
            yield Fault(
                "fee_cap", f"fee_caps.{chain}", "a fee cap must be above zero", "leave the chain out to close it"
            )
    if not policy.fee_caps:
        yield Fault("fee_cap", "fee_caps", "no chain has a fee cap, so none can be used", "add one for every chain")
    if policy.intent_ttl_s <= 2 * SIGNING_MARGIN_S:
        least = 2 * SIGNING_MARGIN_S
        yield Fault("ttl", "intent_ttl_s", f"intents must live longer than {least} s", "give people time to approve")
    for name in ("book_cool_down_s", "max_price_age_s", "approval_max_age_s"):
        if getattr(policy, name) <= 0:
            yield Fault("age", name, "must be above zero", "give seconds, or leave it out for the default")


def _name_faults(policy: Policy) -> Iterator[Fault]:
    for name, count in Counter(rule.name for rule in policy.rules).items():
        if count > 1 or not name:
            last = max(index for index, rule in enumerate(policy.rules) if rule.name == name)
            text = f"rule name {name!r} must be unique and not empty"
            yield Fault("name", f"rules[{last}].name", text, "rename one of them")


def _rule_faults(rule: Rule, path: str) -> Iterator[Fault]:
    match, where = rule.match, f"rule {rule.name}"
    for name in ("assets", "kinds", "sources", "destinations", "allowed"):
        values = getattr(match, name)
        if values is not None and not values:
            yield Fault(
                "empty", f"{path}.match.{name}", f"{where}: an empty condition matches nothing", "leave it out for any"
            )
    if match.min_units and (match.assets is None or len(match.assets) != 1):
        text = f"{where}: min_units needs exactly one asset, since base units differ"
        yield Fault("units", f"{path}.match.min_units", text, "split the rule by asset")
    if min(match.min_units, match.min_kyc_level, rule.delay_s, match.min_reference_micros or 0) < 0:
        yield Fault("negative", path, f"{where}: negative numbers mean nothing here", "give zero or more")
    if rule.effect is Effect.DENY and (rule.groups or rule.limits or rule.delay_s):
        yield Fault("denial", path, f"{where}: a denial has no groups, limits or delay", "remove them")
    yield from _part_faults(rule, path)


def _part_faults(rule: Rule, path: str) -> Iterator[Fault]:
    for index, group in enumerate(rule.groups):
        here, who = f"{path}.groups[{index}]", f"rule {rule.name}: group {group.name}"
        if not 1 <= group.threshold <= len(group.approvers):
            text = f"{who}: threshold {group.threshold} of {len(group.approvers)} approvers"
            yield Fault("group", f"{here}.threshold", text, "name more people or lower the threshold")
        elif group.threshold == 1:
            yield Fault(
                "one_person", f"{here}.threshold", f"{who}: one person can satisfy it", "ask for two people at least"
            )
        if not 1 <= group.organisations <= max(1, group.threshold):
            text = f"{who}: {group.organisations} organisations cannot come from {group.threshold} people"
            yield Fault("group", f"{here}.organisations", text, "give 1 up to the threshold")
    for index, limit in enumerate(rule.limits):
        here, who = f"{path}.limits[{index}]", f"rule {rule.name}: the {limit.scope} limit"
        bounds = [most for most in (limit.max_units, limit.max_reference_micros) if most is not None]
        if not bounds or min(bounds) <= 0 or limit.window_s < 0:
            text = f"{who} needs a maximum above zero and a window of 0 s or more"
            yield Fault("limit", here, text, "give max_units or max_reference_micros")
        assets = rule.match.assets
        if limit.max_units is not None and (assets is None or len(assets) != 1):
            text = f"{who}: max_units needs exactly one asset, since base units differ"
            yield Fault("units", f"{here}.max_units", text, "split the rule by asset, or use max_reference_micros")
