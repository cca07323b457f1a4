"""A draft policy on what happened: which past decisions would have come out otherwise.

Rules:
    * Every past request is decided again on the facts that were stored with its decision.
    * A sum that the draft needs and nobody measured then is added up from the history before it: what was decided,
      not blocked, and did not end unpaid. The past stays as it was: what the draft would have stopped still counts.
    * Pure: records in, verdicts out.

Example:
    changed = [each for each in simulate(past, draft) if each.is_changed]
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from custody.withdrawals.facts import Ask, Facts, Scope, UsageKey, reference_micros, scope_value
from custody.withdrawals.policy import decide, required_usage
from custody.withdrawals.records import Withdrawal
from custody.withdrawals.rules import Decision, Outcome, Policy
from custody.withdrawals.states import UNPAID_ENDS
from custody.withdrawals.told_facts import stored_facts


@dataclass(frozen=True, slots=True)
class PastDecision:
    """A request as it was decided then.

    Attributes:
        ask, facts, decision: As they were stored.
        counts: Whether its amount counts in the limits of those that came after it.
    """

    ask: Ask
    facts: Facts
    decision: Decision
    counts: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the draft says about one past request."""

    past: PastDecision
    draft: Decision

    @property
    def is_changed(self) -> bool:
        """Tell whether it would have gone otherwise: another outcome, other people, or later or sooner."""
        before, after = self.past.decision, self.draft
        return (before.outcome, before.groups, before.not_before_s) != (after.outcome, after.groups, after.not_before_s)


def past_of(withdrawals: Iterable[Withdrawal]) -> tuple[PastDecision, ...]:
    """Return what was decided, oldest decision first; what was never decided is left out.

    Raises:
        MalformedPayload: Stored facts cannot be read.
    """
    found = []
    for each in withdrawals:
        if each.decision is not None and each.facts_json:
            counts = each.decision.outcome is not Outcome.BLOCK and each.state not in UNPAID_ENDS
            found.append(PastDecision(each.ask(), stored_facts(each.facts_json), each.decision, counts))
    return tuple(sorted(found, key=lambda each: (each.facts.now_s, each.ask.withdrawal_id)))


def simulate(past: Iterable[PastDecision], draft: Policy) -> Iterator[Verdict]:
    """Decide the past under a draft.

    Args:
        past: Oldest first, see `past_of`.
        draft: Any policy.
    """
    history = _History()
    for each in past:
        needed = required_usage(each.ask, each.facts.circumstances, draft) - each.facts.usage.keys()
        measured = {key: history.total(key, each.facts.now_s) for key in needed}
        facts = replace(each.facts, usage={**each.facts.usage, **measured})
        yield Verdict(each, decide(each.ask, facts, draft))
        if each.counts:
            history.add(each.ask, each.facts)


class _History:
    """Running sums per scope, value and asset, so that a window is one subtraction."""

    def __init__(self) -> None:
        self._sums: dict[tuple[Scope, str, str | None], tuple[list[int], list[int]]] = {}

    def add(self, ask: Ask, facts: Facts) -> None:
        price = facts.circumstances.price
        for scope in Scope:
            value = scope_value(scope, ask, facts.circumstances)
            worth = 0 if price is None else reference_micros(ask.amount, price)
            for asset, added in ((ask.amount.asset.key, ask.amount.units), (None, worth)):
                times, sums = self._sums.setdefault((scope, value, asset), ([], [0]))
                times.append(facts.now_s)
                sums.append(sums[-1] + added)

    def total(self, key: UsageKey, now_s: int) -> int:
        times, sums = self._sums.get((key.scope, key.value, key.asset), ([], [0]))
        return sums[-1] - sums[bisect_right(times, now_s - key.window_s)]
