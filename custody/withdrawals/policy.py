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

from custody.compliance.port import ScreeningVerdict
from custody.primitives.encoding import canonical_json, digest
from custody.withdrawals.facts import Ask, Circumstances, Facts, UsageKey, scope_value
from custody.withdrawals.matching import applies, question
from custody.withdrawals.measuring import measures
from custody.withdrawals.rules import EDGES, Decision, Effect, Outcome, Policy, Rule
from custody.withdrawals.voters import voters

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
    asked = question(ask, facts, policy)
    matched = [rule for rule in policy.rules if applies(rule, asked)]
    reasons = _objections(ask, facts, policy)
    reasons += [f"rule {rule.name} denies" for rule in matched if rule.effect is Effect.DENY]
    if asked.price is None:
        reasons += [f"rule {rule.name} needs a usable price" for rule in matched if _needs_price(rule)]
    if not any(rule.effect is Effect.PERMIT for rule in matched):
        reasons.append("no rule permits it")
    found = ((rule, measure) for rule in matched for limit in rule.limits for measure in measures(limit, asked))
    reasons += [f"rule {rule.name}: {measure.breach}" for rule, measure in found if measure.breach]
    delay_s = max((rule.delay_s for rule in matched), default=0)
    not_before_s = max(facts.now_s + delay_s, facts.circumstances.security_hold_until_s)
    through_s = not_before_s + policy.intent_ttl_s
    named = {group for rule in matched for group in rule.groups}
    groups = {voters(group, ask, facts, policy.delegations, through_s) for group in named}
    if not groups and facts.circumstances.people:
        reasons.append(f"{facts.circumstances.people} people must approve, and no rule names them")
    reasons += [f"group {group.name} cannot be met" for group in groups if len(group.approvers) < group.threshold]
    return Decision(
        outcome=Outcome.BLOCK if reasons else Outcome.APPROVE if groups else Outcome.ALLOW,
        policy_version=policy.version,
        not_before_s=not_before_s,
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
    if known.destination.is_doubtful:
        reasons.append(f"{known.destination.resembles}: an officer must compare it in full first")
    if (ask.kind, known.source, known.destination.kind) not in EDGES:
        reasons.append(f"{ask.kind} money does not go from {known.source} to {known.destination.kind}")
    if ask.to.chain not in policy.fee_caps:
        reasons.append(f"no fee cap for {ask.to.chain}")
    return reasons


def _needs_price(rule: Rule) -> bool:
    return rule.match.min_reference_micros is not None or any(
        limit.max_reference_micros is not None for limit in rule.limits
    )
