"""What changes from one policy to the next, in words, rule by rule.

Rules:
    * Every difference says which way it goes: "allowed" (more may leave), "forbidden" (less may), "looser", "tighter",
      or "other" where it goes both ways, and a person must look.
    * Rules are the same if their names are: a renamed rule is one removed and one added, which is what it is to
      whoever cites it.
    * No difference is left out: equal policies, and only they, have none.

Example:
    [each.text for each in differences(old, new)]
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from enum import StrEnum

from custody.withdrawals.rules import AllowedPlace, Delegation, Effect, Group, Limit, Match, Policy, Rule


class Way(StrEnum):
    """Which way a difference goes."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    LOOSER = "looser"
    TIGHTER = "tighter"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: which way it goes, where it is, and what it is."""

    way: Way
    where: str
    text: str


_FRAME = (
    ("book_cool_down_s", Way.TIGHTER),
    ("max_price_age_s", Way.LOOSER),
    ("intent_ttl_s", Way.LOOSER),
    ("approval_max_age_s", Way.LOOSER),
)
_OPPOSITE = {Way.LOOSER: Way.TIGHTER, Way.TIGHTER: Way.LOOSER}


def differences(old: Policy, new: Policy) -> tuple[Difference, ...]:
    """Name every difference but the version."""
    return tuple(_differences(old, new))


def _differences(old: Policy, new: Policy) -> Iterator[Difference]:
    for name, way in _FRAME:
        yield from _number(name, name, (getattr(old, name), getattr(new, name)), way)
    for chain in sorted(old.fee_caps.keys() | new.fee_caps.keys()):
        before, after = old.fee_caps.get(chain), new.fee_caps.get(chain)
        if before is None:
            yield Difference(Way.ALLOWED, "fee_caps", f"{chain} can be used, with fees up to {after}")
        elif after is None:
            yield Difference(Way.FORBIDDEN, "fee_caps", f"{chain} can no longer be used")
        else:
            yield from _number("fee_caps", f"fee cap of {chain}", (before, after), Way.LOOSER)
    yield from _allow_list(old, new)
    yield from _delegations(old, new)
    before_rules, after_rules = ({rule.name: rule for rule in policy.rules} for policy in (old, new))
    for name in sorted(before_rules.keys() | after_rules.keys()):
        first, second = before_rules.get(name), after_rules.get(name)
        if first is not None and second is not None:
            yield from _rule(first, second)
        elif second is not None:
            yield _whole(second, is_new=True)
        elif first is not None:
            yield _whole(first, is_new=False)


def _number(where: str, what: str, pair: tuple[int, int], up: Way) -> Iterator[Difference]:
    """A number of which more is `up`."""
    before, after = pair
    if before != after:
        yield Difference(up if after > before else _OPPOSITE[up], where, f"{what}: {before} -> {after}")


def _allow_list(old: Policy, new: Policy) -> Iterator[Difference]:
    before, after = ({entry.name: entry for entry in policy.allow_list} for policy in (old, new))
    for name in sorted(before.keys() | after.keys()):
        first, second = before.get(name), after.get(name)
        if first == second:
            continue
        if first is None and second is not None:
            yield Difference(Way.ALLOWED, f"allow_list {name}", f"{_place(second)} is added")
        elif second is None and first is not None:
            yield Difference(Way.FORBIDDEN, f"allow_list {name}", f"{_place(first)} is removed")
        elif first is not None and second is not None:
            yield Difference(Way.OTHER, f"allow_list {name}", f"{_place(first)} -> {_place(second)}")


def _place(entry: AllowedPlace) -> str:
    memo = f" memo {entry.memo}" if entry.memo else ""
    return f"{entry.chain} {entry.text}{memo} from {entry.from_s} until {entry.until_s}"


def _delegations(old: Policy, new: Policy) -> Iterator[Difference]:
    def told(each: Delegation) -> str:
        return f"{each.receiver} votes for {each.giver} from {each.from_s} until {each.until_s}"

    for each in sorted(set(new.delegations) - set(old.delegations), key=told):
        yield Difference(Way.OTHER, "delegations", f"new: {told(each)}")
    for each in sorted(set(old.delegations) - set(new.delegations), key=told):
        yield Difference(Way.OTHER, "delegations", f"gone: {told(each)}")


def _whole(rule: Rule, *, is_new: bool) -> Difference:
    opens = (rule.effect is Effect.PERMIT) == is_new
    verb = {Effect.PERMIT: ("permits", "no longer permits"), Effect.DENY: ("denies", "no longer denies")}[rule.effect]
    text = f"{verb[0] if is_new else verb[1]} {match_words(rule.match)}"
    terms = [f"{group.threshold} of {', '.join(sorted(group.approvers))} approve" for group in rule.groups]
    terms += [limit_words(limit) for limit in rule.limits]
    terms += [f"after {rule.delay_s} s"] if rule.delay_s else []
    where = f"rule {rule.name} ({'new' if is_new else 'removed'})"
    if terms and rule.effect is Effect.PERMIT:
        also = "which hold besides where another rule permits too" if is_new else "which no longer hold"
        text += f"; {'; '.join(terms)}, {also}"
    return Difference(Way.ALLOWED if opens else Way.FORBIDDEN, where, text)


def _rule(old: Rule, new: Rule) -> Iterator[Difference]:
    where = f"rule {new.name}"
    if old.effect is not new.effect:
        way = Way.ALLOWED if new.effect is Effect.PERMIT else Way.FORBIDDEN
        yield Difference(way, where, f"effect: {old.effect} -> {new.effect}")
    for difference in _match(old.match, new.match):
        # A denial that matches more forbids more.
        way = difference.way
        if new.effect is Effect.DENY:
            way = {Way.ALLOWED: Way.FORBIDDEN, Way.FORBIDDEN: Way.ALLOWED}.get(way, way)
        yield Difference(way, where, difference.text)
    yield from _groups(old, new, where)
    before, after = ({(limit.scope, limit.window_s): limit for limit in rule.limits} for rule in (old, new))
    if len(before) < len(old.limits) or len(after) < len(new.limits):
        yield from _limit_sets(set(old.limits), set(new.limits), where)
    else:
        for key in sorted(before.keys() | after.keys()):
            yield from _limit(before.get(key), after.get(key), where)
    yield from _number(where, "delay_s", (old.delay_s, new.delay_s), Way.TIGHTER)


def _match(old: Match, new: Match) -> Iterator[Difference]:
    for name in ("assets", "kinds", "sources", "destinations", "allowed"):
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        if before is None or after is None:
            way = Way.ALLOWED if after is None else Way.FORBIDDEN
            yield Difference(way, "", f"{name}: {_words(before)} -> {_words(after)}")
            continue
        if after - before:
            yield Difference(Way.ALLOWED, "", f"{name}: also {_words(after - before)}")
        if before - after:
            yield Difference(Way.FORBIDDEN, "", f"{name}: no longer {_words(before - after)}")
    for name in ("min_kyc_level", "min_units", "min_reference_micros"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            way = Way.FORBIDDEN if (after or 0) > (before or 0) else Way.ALLOWED
            yield Difference(way, "", f"{name}: {before} -> {after}")


def _groups(old: Rule, new: Rule, where: str) -> Iterator[Difference]:
    before, after = ({group.name: group for group in rule.groups} for rule in (old, new))
    for name in sorted(before.keys() | after.keys()):
        first, second = before.get(name), after.get(name)
        if first is None and second is not None:
            yield Difference(Way.TIGHTER, where, f"{second.threshold} of {_words(second.approvers)} must approve too")
        elif second is None and first is not None:
            yield Difference(Way.LOOSER, where, f"group {name} no longer approves")
        elif first is not None and second is not None:
            yield from _group(first, second, where)


def _group(old: Group, new: Group, where: str) -> Iterator[Difference]:
    for name in ("threshold", "organisations"):
        pair = (getattr(old, name), getattr(new, name))
        yield from _number(where, f"group {new.name}: {name}", pair, Way.TIGHTER)
    for names, way, verb in (
        (new.approvers - old.approvers, Way.LOOSER, "may approve too"),
        (old.approvers - new.approvers, Way.TIGHTER, "may no longer approve"),
    ):
        if names:
            yield Difference(way, where, f"group {new.name}: {_words(names)} {verb}")


def _limit_sets(old: set[Limit], new: set[Limit], where: str) -> Iterator[Difference]:
    for limit in sorted(new - old, key=limit_words):
        yield Difference(Way.TIGHTER, where, f"new limit: {limit_words(limit)}")
    for limit in sorted(old - new, key=limit_words):
        yield Difference(Way.LOOSER, where, f"limit removed: {limit_words(limit)}")


def _limit(old: Limit | None, new: Limit | None, where: str) -> Iterator[Difference]:
    if old is None or new is None:
        yield from _limit_sets({old} if old else set(), {new} if new else set(), where)
        return
    for name in ("max_units", "max_reference_micros"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            loose = after is None or (before is not None and after > before)
            text = f"{new.scope} limit over {new.window_s} s: {name} {before} -> {after}"
            yield Difference(Way.LOOSER if loose else Way.TIGHTER, where, text)


def match_words(match: Match) -> str:
    """Say what a condition covers."""
    told = [
        f"{name} {_words(getattr(match, name))}"
        for name in ("kinds", "assets", "sources", "destinations", "allowed")
        if getattr(match, name) is not None
    ]
    for name in ("min_units", "min_kyc_level", "min_reference_micros"):
        told += [f"{name} {getattr(match, name)}"] if getattr(match, name) else []
    return ", ".join(told) or "everything"


def limit_words(limit: Limit) -> str:
    """Say what a limit lets through."""
    bounds = [f"{limit.max_units} base units"] if limit.max_units is not None else []
    if limit.max_reference_micros is not None:
        bounds.append(f"{limit.max_reference_micros} micro-units of the reference currency")
    span = f"in {limit.window_s} s" if limit.window_s else "at once"
    return f"at most {' and '.join(bounds)} {span} for each {limit.scope}"


def _words(values: Set[str] | None) -> str:
    return "any" if values is None else ", ".join(sorted(values)) or "nothing"
