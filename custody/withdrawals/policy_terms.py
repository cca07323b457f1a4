"""What a policy grants for a while must end: delegations and allow-list entries (attack D11).

Rules:
    * No grant without an end, and none longer than its longest term: a date far away is no end.
    * One giver has one receiver at a time, and who receives does not pass it on.
    * Every entry is named by a rule and every name is an entry: nothing dangles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from custody.withdrawals.policy_fault import Fault
from custody.withdrawals.rules import Delegation, Policy

DAY_S = 86_400
MAX_DELEGATION_DAYS = 31
"""A holiday or an illness; who is away longer leaves the group."""
MAX_ALLOWED_DAYS = 366
"""Counterparties are looked at again once a year."""


def term_faults(policy: Policy) -> Iterator[Fault]:
    """Name what has no end, or contradicts itself."""
    for index, each in enumerate(policy.delegations):
        who, path = f"delegation of {each.giver} to {each.receiver}", f"delegations[{index}]"
        yield from _endless(who, path, (each.from_s, each.until_s), MAX_DELEGATION_DAYS)
        if each.giver == each.receiver:
            yield Fault("delegation", path, f"{who}: nobody votes for themselves", "remove it")
    for (_, first), (index, second) in combinations(enumerate(policy.delegations), 2):
        if _overlap(first, second):
            yield from _clashes(first, second, f"delegations[{index}]")
    for index, entry in enumerate(policy.allow_list):
        who, path = f"allow-list entry {entry.name}", f"allow_list[{index}]"
        yield from _endless(who, path, (entry.from_s, entry.until_s), MAX_ALLOWED_DAYS)
    yield from _dangling(policy)


def _endless(who: str, path: str, term: tuple[int, int | None], most_days: int) -> Iterator[Fault]:
    from_s, until_s = term
    cure = f"add until: a day at most {most_days} days after from"
    if until_s is None:
        yield Fault("no_expiry", path, f"{who} has no expiry", cure)
    elif until_s <= from_s:
        yield Fault("no_expiry", f"{path}.until", f"{who} ends before it begins", cure)
    elif until_s - from_s > most_days * DAY_S:
        yield Fault("no_expiry", f"{path}.until", f"{who} lasts longer than {most_days} days", cure)


def _clashes(first: Delegation, second: Delegation, path: str) -> Iterator[Fault]:
    if first.giver == second.giver:
        text = f"{first.giver} delegates twice at the same time; who votes must not depend on their order"
        yield Fault("order", path, text, "let one end before the other begins")
    elif first.receiver in (second.giver, second.receiver) or second.receiver == first.giver:
        who = second.giver if second.giver == first.receiver else second.receiver
        text = f"{who} stands in two delegations at the same time: a vote is passed on, or two votes become one"
        yield Fault("order", path, text, "name the one who really votes, once")


def _overlap(first: Delegation, second: Delegation) -> bool:
    ends = [each.until_s for each in (first, second) if each.until_s is not None]
    return not ends or max(first.from_s, second.from_s) < min(ends)


def _dangling(policy: Policy) -> Iterator[Fault]:
    entries = Counter(entry.name for entry in policy.allow_list)
    named = {name for rule in policy.rules for name in rule.match.allowed or ()}
    for index, entry in enumerate(policy.allow_list):
        if entries[entry.name] > 1:
            text = f"allow-list entry {entry.name!r} stands {entries[entry.name]} times"
            yield Fault("name", f"allow_list[{index}].name", text, "rename one of them")
        if entry.name not in named:
            text = f"allow-list entry {entry.name}: no rule names it"
            yield Fault("unused", f"allow_list[{index}]", text, "remove it, or add it to match.allowed of a rule")
    for index, rule in enumerate(policy.rules):
        for name in sorted((rule.match.allowed or frozenset()) - set(entries)):
            text = f"rule {rule.name}: {name!r} is no entry of the allow-list"
            yield Fault("unknown", f"rules[{index}].match.allowed", text, "add the entry or correct the name")
    givers = {each.giver: index for index, each in enumerate(policy.delegations)}
    voters = {name for rule in policy.rules for group in rule.groups for name in group.approvers}
    for giver in sorted(set(givers) - voters):
        text = f"delegation of {giver}, who is in no group"
        yield Fault("unused", f"delegations[{givers[giver]}]", text, "remove it")
