"""Who of a group may vote about one request: without insiders, with whoever votes in another's place.

Rules:
    * Who asked and who entered the destination have no voice, and nobody votes in their place (attack D03).
    * A delegation counts only if it outlives the intent, so that no vote under it can come too late; the giver
      has no voice meanwhile, so that it never makes two voices of one.
    * As many must approve as the rule says, or as the facts ask if that is more (attack E02).

Example:
    voters(group, ask, facts, policy.delegations, through_s)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from custody.withdrawals.facts import Ask, Facts
from custody.withdrawals.rules import Delegation, Group


def voters(group: Group, ask: Ask, facts: Facts, delegations: Sequence[Delegation], through_s: int) -> Group:
    """Return the group as it votes about this request.

    Args:
        group: As the rule has it.
        ask, facts: The request.
        delegations: Of the policy.
        through_s: Until when votes may come, seconds since 1970 UTC.
    """
    known = facts.circumstances
    people = set(group.approvers)
    insiders = insiders_of(ask, facts)
    for each in delegations:
        if each.giver in group.approvers and holds(each, facts.now_s, through_s):
            people.discard(each.giver)
            people |= set() if each.giver in insiders else {each.receiver}
    return replace(group, approvers=frozenset(people - insiders), threshold=max(group.threshold, known.people))


def holds(delegation: Delegation, now_s: int, through_s: int) -> bool:
    """Tell whether a delegation holds now and until votes may come last."""
    return delegation.until_s is not None and delegation.from_s <= now_s and through_s < delegation.until_s


def insiders_of(ask: Ask, facts: Facts) -> frozenset[str]:
    """Who asked, and who entered the destination."""
    return frozenset({ask.initiator, facts.circumstances.destination.added_by})
