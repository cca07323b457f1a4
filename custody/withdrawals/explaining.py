"""Why a decision came out as it did: which rules met it, what each limit leaves, who may approve and who may not.

Rules:
    * Nothing is worked out anew: rules, limits and groups are asked as `decide` asks them.

Example:
    found = explain(ask, facts, policy)
    [rule.name for rule in found.rules if rule.applies]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from custody.withdrawals.facts import Ask, Facts
from custody.withdrawals.matching import question, unmet
from custody.withdrawals.measuring import Measure, measures
from custody.withdrawals.policy import decide
from custody.withdrawals.rules import Decision, Effect, Group, Policy, Rule
from custody.withdrawals.voters import holds, insiders_of, voters


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule beside the request: its name, its effect, and which of its conditions do not hold."""

    name: str
    effect: Effect
    unmet: tuple[str, ...]

    @property
    def applies(self) -> bool:
        """Tell whether every condition holds."""
        return not self.unmet


@dataclass(frozen=True, slots=True)
class GroupView:
    """One group beside the request.

    Attributes:
        group: As it votes about this request.
        rules: Names of the rules that ask it.
        silent: Who belongs to it and has no voice here -> why.
    """

    group: Group
    rules: tuple[str, ...]
    silent: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with everything behind it.

    Attributes:
        decision: What `decide` says.
        rules: Every rule of the policy, in its order.
        limits: Name of the rule and what its limit leaves, for every limit that holds here.
        groups: Who must approve.
    """

    decision: Decision
    rules: tuple[RuleView, ...]
    limits: tuple[tuple[str, Measure], ...]
    groups: tuple[GroupView, ...]


def explain(ask: Ask, facts: Facts, policy: Policy) -> Explanation:
    """Decide, and keep what led there."""
    asked, decision = question(ask, facts, policy), decide(ask, facts, policy)
    views = tuple(RuleView(rule.name, rule.effect, unmet(rule, asked)) for rule in policy.rules)
    matched = [rule for rule, view in zip(policy.rules, views, strict=True) if view.applies]
    limits = tuple(
        (rule.name, measure) for rule in matched for limit in rule.limits for measure in measures(limit, asked)
    )
    through_s = decision.not_before_s + policy.intent_ttl_s
    groups = tuple(_groups(matched, ask, facts, (policy, through_s)))
    return Explanation(decision, views, limits, groups)


def _groups(matched: list[Rule], ask: Ask, facts: Facts, terms: tuple[Policy, int]) -> Iterator[GroupView]:
    policy, through_s = terms
    named: dict[Group, list[str]] = {}
    for rule in matched:
        for group in rule.groups:
            named.setdefault(group, []).append(rule.name)
    for group, rules in named.items():
        there = voters(group, ask, facts, policy.delegations, through_s)
        silent = {name: _why(name, ask, facts, (policy, through_s)) for name in group.approvers - there.approvers}
        yield GroupView(there, tuple(rules), silent)


def _why(name: str, ask: Ask, facts: Facts, terms: tuple[Policy, int]) -> str:
    policy, through_s = terms
    if name in insiders_of(ask, facts):
        return "asked for it" if name == ask.initiator else "entered the destination"
    given = (each for each in policy.delegations if each.giver == name and holds(each, facts.now_s, through_s))
    return next((f"{each.receiver} votes in this place" for each in given), "")
