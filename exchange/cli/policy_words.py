"""Explanations and verdicts of the policy, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from custody.primitives.amount import Amount
from custody.withdrawals.explaining import Explanation, GroupView
from custody.withdrawals.facts import Ask, Facts
from custody.withdrawals.measuring import Measure
from custody.withdrawals.rules import Decision, Outcome
from custody.withdrawals.simulating import Verdict

_VERDICTS = {
    Outcome.ALLOW: "allowed, nobody is asked",
    Outcome.APPROVE: "people must approve",
    Outcome.BLOCK: "blocked",
}


def explanation_lines(ask: Ask, facts: Facts, found: Explanation) -> Iterator[str]:
    """Say it in words."""
    decision, place = found.decision, facts.circumstances.destination
    yield f"{ask.kind} {ask.customer}: {ask.amount} to {ask.to.text} on {ask.to.chain} ({place.kind})"
    if place.resembles:
        compared = f"compared in full by {place.compared_by}" if place.compared_by else "nobody compared it in full"
        yield f"  look-alike  {place.resembles}; {compared}"
    yield f"verdict: {_VERDICTS[decision.outcome]}, by version {decision.policy_version}"
    yield from (f"  because {reason}" for reason in decision.reasons)
    if decision.not_before_s > facts.now_s:
        yield f"  not before {_when(decision.not_before_s)} ({decision.not_before_s - facts.now_s} s later)"
    for rule in found.rules:
        yield f"rule {rule.name} ({rule.effect}): {'applies' if rule.applies else 'does not apply'}"
        yield from (f"  {why}" for why in rule.unmet)
    yield from (f"limit of {name}: {_limit_words(measure, ask)}" for name, measure in found.limits)
    yield from (line for view in found.groups for line in _group_lines(view))


def _group_lines(view: GroupView) -> Iterator[str]:
    group = view.group
    extra = f" from {group.organisations} organisations" if group.organisations > 1 else ""
    who = ", ".join(sorted(group.approvers)) or "nobody"
    yield f"group {group.name}: {group.threshold} of {who}{extra} must approve (asked by {', '.join(view.rules)})"
    yield from (f"  without {name}: {why}" for name, why in sorted(view.silent.items()))


def _limit_words(measure: Measure, ask: Ask) -> str:
    def shown(number: int) -> str:
        return str(Amount(number, ask.amount.asset)) if measure.unit == "units" else f"{number} micro-units"

    limit = measure.limit
    span = f"in {limit.window_s} s" if limit.window_s else "at once"
    if measure.used is None or measure.left is None:
        return f"{shown(measure.most)} {span} for each {limit.scope}, its use was not measured: does not pass"
    verdict = "does not pass" if measure.breach else f"{shown(measure.left - measure.asked)} left after it"
    told = f"{shown(measure.used)} used, {shown(measure.asked)} asked, {verdict}"
    return f"{shown(measure.most)} {span} for each {limit.scope}: {told}"


def explanation_json(ask: Ask, facts: Facts, found: Explanation) -> dict[str, Any]:
    """Say it to a machine; amounts as text."""
    return {
        "ask": {
            "id": ask.withdrawal_id,
            "kind": ask.kind.value,
            "customer": ask.customer,
            "initiator": ask.initiator,
            "asset": ask.amount.asset.symbol,
            "units": str(ask.amount.units),
            "chain": ask.to.chain,
            "to": ask.to.text,
            "memo": ask.memo,
        },
        "facts": facts.as_json(),
        "decision": decision_json(found.decision),
        "rules": [
            {"name": rule.name, "effect": rule.effect.value, "applies": rule.applies, "unmet": list(rule.unmet)}
            for rule in found.rules
        ],
        "limits": [_limit_json(name, measure) for name, measure in found.limits],
        "groups": [
            {**_group_json(view), "asked_by": list(view.rules), "without": dict(view.silent)} for view in found.groups
        ],
    }


def _limit_json(rule: str, measure: Measure) -> dict[str, Any]:
    return {
        "rule": rule,
        "scope": measure.limit.scope.value,
        "window_s": measure.limit.window_s,
        "unit": measure.unit,
        "most": str(measure.most),
        "used": None if measure.used is None else str(measure.used),
        "asked": str(measure.asked),
        "left": None if measure.left is None else str(measure.left),
        "passes": not measure.breach,
    }


def _group_json(view: GroupView) -> dict[str, Any]:
    group = view.group
    return {
        "name": group.name,
        "approvers": sorted(group.approvers),
        "threshold": group.threshold,
        "organisations": group.organisations,
    }


def decision_json(decision: Decision) -> dict[str, Any]:
    """A decision."""
    return {
        "verdict": decision.outcome.value,
        "policy_version": decision.policy_version,
        "not_before_s": decision.not_before_s,
        "matched_rules": list(decision.matched_rules),
        "reasons": list(decision.reasons),
        "facts_hash": decision.facts_hash.hex(),
    }


def verdict_lines(verdict: Verdict) -> Iterator[str]:
    """A past request and what the draft says of it."""
    ask, past, draft = verdict.past.ask, verdict.past.decision, verdict.draft
    yield f"{ask.withdrawal_id}  {ask.amount} to {ask.to.text}, decided {_when(verdict.past.facts.now_s)}"
    for name, decision in (("then", past), ("draft", draft)):
        people = ", ".join(f"{group.threshold} of {group.name}" for group in decision.groups)
        delay_s = decision.not_before_s - verdict.past.facts.now_s
        waits = f", after {delay_s} s" if delay_s > 0 else ""
        why = "; ".join(decision.reasons) or f"rules {', '.join(decision.matched_rules)}"
        yield f"    {name:<5} {decision.outcome}{f' ({people})' if people else ''}{waits}: {why}"


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """As `verdict_lines`, for machines."""
    past = verdict.past
    return {
        "id": past.ask.withdrawal_id,
        "asset": past.ask.amount.asset.symbol,
        "units": str(past.ask.amount.units),
        "decided_at_s": past.facts.now_s,
        "then": decision_json(past.decision),
        "draft": decision_json(verdict.draft),
    }


def _when(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
