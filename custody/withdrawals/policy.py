"""The policy: pure rules that say allow, ask people, or block.

Rules:
    * Default deny: what no rule permits is blocked.
    * Any matching denial blocks. Every limit of every matching rule must pass. Approval groups of all
      matching rules add up, delays take the maximum. The order of rules never matters.
    * Fail closed: a hit, an unusable price, an unmeasured sum, an edge between wallets that is not on the
      list: blocked.
    * Pure: facts come in as values with the time among them; the same facts give the same decision.

Example:
    a_day = Limit(Scope.CUSTOMER, window_s=86_400, max_units=10**7)
    small = Rule("small", Effect.PERMIT, Match(assets=frozenset({"BTC"})), limits=(a_day,))
    policy = Policy(1, (small,), fee_caps={ChainId("bitcoin"): 20_000})
    decide(ask, facts, policy).outcome
"""

from __future__ import annotations

from dataclasses import replace

from custody.compliance.port import ScreeningVerdict
from custody.primitives.encoding import canonical_json, digest
from custody.withdrawals.facts import (
    Ask,
    Circumstances,
    DestinationKind,
    Facts,
    Price,
    UsageKey,
    reference_micros,
    scope_value,
)
from custody.withdrawals.rules import EDGES, Decision, Effect, Group, Limit, Outcome, Policy, Rule

FACTS_TAG = "mext/withdrawal-facts/1"


def required_usage(ask: Ask, known: Circumstances, policy: Policy) -> frozenset[UsageKey]:
    """Name every sum that `decide` may need for this request, so that the caller can measure them first."""
    keys: set[UsageKey] = set()
    for limit in (limit for rule in policy.rules for limit in rule.limits if limit.window_s):
        value = scope_value(limit.scope, ask, known)
        if limit.max_units is not None:
            keys.add(UsageKey(limit.scope, value, ask.amount.asset.key, limit.window_s))
        if limit.max_reference_micros is not None:
            keys.add(UsageKey(limit.scope, value, None, limit.window_s))
    return frozenset(keys)


def decide(ask: Ask, facts: Facts, policy: Policy) -> Decision:
    """Judge a request.

    Never raises for what a customer can cause: every doubt is a block with its reason.

    Args:
        ask: What is asked.
        facts: What is known; its `usage` covers `required_usage`.
        policy: The active version.
    """
    price = _usable_price(facts, policy)
    matched = [rule for rule in policy.rules if _applies(rule, ask, facts, policy, price)]
    reasons = _objections(ask, facts, policy)
    reasons += [f"rule {rule.name} denies" for rule in matched if rule.effect is Effect.DENY]
    if price is None:
        reasons += [f"rule {rule.name} needs a usable price" for rule in matched if _needs_price(rule)]
    if not any(rule.effect is Effect.PERMIT for rule in matched):
        reasons.append("no rule permits it")
    for rule in matched:
        reasons += [f"rule {rule.name}: {why}" for limit in rule.limits for why in _breaches(limit, ask, facts, price)]
    groups = {_without_insiders(group, ask, facts) for rule in matched for group in rule.groups}
    if not groups and facts.circumstances.people:
        reasons.append(f"{facts.circumstances.people} people must approve, and no rule names them")
    reasons += [f"group {group.name} cannot be met" for group in groups if len(group.approvers) < group.threshold]
    outcome = Outcome.BLOCK if reasons else Outcome.APPROVE if groups else Outcome.ALLOW
    delay_s = max((rule.delay_s for rule in matched), default=0)
    return Decision(
        outcome=outcome,
        policy_version=policy.version,
        not_before_s=max(facts.now_s + delay_s, facts.circumstances.security_hold_until_s),
        groups=tuple(sorted(groups, key=lambda group: (group.name, group.threshold, sorted(group.approvers)))),
        matched_rules=tuple(sorted(rule.name for rule in matched)),
        reasons=tuple(sorted(reasons)),
        facts_hash=digest(FACTS_TAG, canonical_json(facts.as_json())),
    )


def _objections(ask: Ask, facts: Facts, policy: Policy) -> list[str]:
    """What no rule can permit."""
    reasons = []
    known = facts.circumstances
    if facts.screening is not ScreeningVerdict.CLEAR:
        reasons.append("screening reports a hit")
    if known.frozen:
        reasons.append(f"the account is frozen: {known.frozen}")
    if known.unsettled:
        reasons.append(f"not yet: {known.unsettled}")
    if (ask.kind, known.source, known.destination.kind) not in EDGES:
        reasons.append(f"{ask.kind} money does not go from {known.source} to {known.destination.kind}")
    if ask.to.chain not in policy.fee_caps:
        reasons.append(f"no fee cap for {ask.to.chain}")
    return reasons


def _without_insiders(group: Group, ask: Ask, facts: Facts) -> Group:
    """Take out who asked and who entered the destination: neither may approve it (attack D03).

    Of who is left, as many must approve as the rule says, or as the facts ask if that is more (attack E02).
    """
    insiders, known = {ask.initiator, facts.circumstances.destination.added_by}, facts.circumstances
    return replace(group, approvers=group.approvers - insiders, threshold=max(group.threshold, known.people))


def _applies(rule: Rule, ask: Ask, facts: Facts, policy: Policy, price: Price | None) -> bool:
    match, known = rule.match, facts.circumstances
    floor = match.min_reference_micros
    return (
        # Without a price the value may be anything: the rule applies, and `decide` blocks because of it.
        (floor is None or price is None or reference_micros(ask.amount, price) >= floor)
        and (match.assets is None or ask.amount.asset.symbol in match.assets)
        and (match.kinds is None or ask.kind in match.kinds)
        and (match.sources is None or known.source in match.sources)
        and (match.destinations is None or _settled_kind(facts, policy) in match.destinations)
        and known.kyc_level >= match.min_kyc_level
        and ask.amount.units >= match.min_units
    )


def _needs_price(rule: Rule) -> bool:
    return rule.match.min_reference_micros is not None or any(
        limit.max_reference_micros is not None for limit in rule.limits
    )


def _settled_kind(facts: Facts, policy: Policy) -> DestinationKind:
    """A book entry counts as one only after its cool-down (attack D06)."""
    place = facts.circumstances.destination
    if place.kind is not DestinationKind.BOOK:
        return place.kind
    settled = place.added_at_s is not None and facts.now_s - place.added_at_s >= policy.book_cool_down_s
    return DestinationKind.BOOK if settled else DestinationKind.ONE_TIME


def _breaches(limit: Limit, ask: Ask, facts: Facts, price: Price | None) -> list[str]:
    found = []
    if limit.max_units is not None:
        found.append(_breach(limit, limit.max_units, ask.amount.units, _used(limit, ask, facts, ask.amount.asset.key)))
    if limit.max_reference_micros is not None and price is not None:
        value = reference_micros(ask.amount, price)
        found.append(_breach(limit, limit.max_reference_micros, value, _used(limit, ask, facts, None)))
    return [text for text in found if text]


def _breach(limit: Limit, most: int, asked: int, used: int | None) -> str:
    if used is None:
        return f"the use of the {limit.scope} limit over {limit.window_s} s was not measured"
    if used + asked > most:
        return f"{limit.scope} limit of {most} in {limit.window_s} s: {used} used, {asked} asked"
    return ""


def _used(limit: Limit, ask: Ask, facts: Facts, asset: str | None) -> int | None:
    if limit.window_s == 0:
        return 0
    value = scope_value(limit.scope, ask, facts.circumstances)
    return facts.usage.get(UsageKey(limit.scope, value, asset, limit.window_s))


def _usable_price(facts: Facts, policy: Policy) -> Price | None:
    price = facts.circumstances.price
    return price if price is not None and price.is_usable(facts.now_s, policy.max_price_age_s) else None
