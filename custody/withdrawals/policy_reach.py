"""Rules that never matter, or mean something else than they say (attack D12).

Rules:
    * Worked out over every way money may take, asset by asset, against all denials together: the order of
      rules plays no part, here as in `decide`.
    * A rule must be reachable (some way leads to it), alive (no denial takes all of it, no limit forbids all of
      it), and must add something that a wider rule does not say already.
    * One group name means one group, wherever it stands.

Example:
    list(reach_faults(policy))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from custody.withdrawals.facts import DestinationKind, Kind, Tier
from custody.withdrawals.policy_fault import Fault
from custody.withdrawals.rules import EDGES, Effect, Group, Limit, Match, Policy, Rule

Way = tuple[str | None, str | None, Kind, Tier, DestinationKind]
"""Asset and allow-list entry (None for any that no rule names), kind, source, destination."""


def reach_faults(policy: Policy) -> Iterator[Fault]:
    """Name every rule that never matters, and every group name with two meanings."""
    assets = sorted({name for rule in policy.rules for name in rule.match.assets or ()})
    places = sorted({name for rule in policy.rules for name in rule.match.allowed or ()})
    denials = [rule for rule in policy.rules if rule.effect is Effect.DENY]
    for index, rule in enumerate(policy.rules):
        path = f"rules[{index}]"
        ways = list(_ways(rule.match, assets, places))
        if not ways:
            if _can_be_met(rule.match):
                text = f"rule {rule.name} is unreachable: no money takes the way it describes"
                yield Fault("unreachable", f"{path}.match", text, "see the ways between wallets in docs/withdrawals.md")
            continue
        yield from _idle_words(rule, ways, path)
        shadows = _shadows(rule, ways, denials)
        if shadows:
            text = f"rule {rule.name} can never matter: {_and(shadows)} denies all it matches"
            if len(shadows) > 1:
                text = f"rule {rule.name} can never matter: {_and(shadows)} together deny all it matches"
            yield Fault("shadowed", path, text, "narrow the denial, or remove this rule")
    yield from _futile(policy)
    yield from _superfluous(policy)
    yield from _two_meanings(policy)


def _ways(match: Match, assets: Iterable[str], places: Iterable[str]) -> Iterator[Way]:
    """Every way the condition covers: assets and places that no rule names are one each, called None."""
    some_assets = match.assets if match.assets is not None else [*assets, None]
    some_places = match.allowed if match.allowed is not None else [*places, None]
    edges = [edge for edge in EDGES if _covers_edge(match, edge)]
    yield from ((asset, place, *edge) for asset, place, edge in product(some_assets, some_places, edges))


def _covers_edge(match: Match, edge: tuple[Kind, Tier, DestinationKind]) -> bool:
    kind, source, destination = edge
    return (
        (match.kinds is None or kind in match.kinds)
        and (match.sources is None or source in match.sources)
        and (match.destinations is None or destination in match.destinations)
    )


def _can_be_met(match: Match) -> bool:
    """An empty condition is a fault of its own."""
    return all(values is None or values for values in (match.kinds, match.sources, match.destinations, match.assets))


def _idle_words(rule: Rule, ways: list[Way], path: str) -> Iterator[Fault]:
    for name, position in (("kinds", 2), ("sources", 3), ("destinations", 4)):
        used = {way[position] for way in ways}
        for word in sorted(set(getattr(rule.match, name) or ()) - used):
            text = f"rule {rule.name}: {word} among its {name} is unreachable, no way with it is covered"
            yield Fault("unreachable", f"{path}.match.{name}", text, f"remove {word}")


def _shadows(rule: Rule, ways: list[Way], denials: list[Rule]) -> list[str]:
    """The denials that together take every way of a rule; empty if one way is left."""
    against = [each for each in denials if each is not rule and _floors_at_most(each.match, rule.match)]
    found: set[str] = set()
    for denial in against:
        if all(_denied(denial.match, way) for way in ways):
            return [denial.name]
    for way in ways:
        denial_here = next((each for each in against if _denied(each.match, way)), None)
        if denial_here is None:
            return []
        found.add(denial_here.name)
    return sorted(found)


def _denied(match: Match, way: Way) -> bool:
    asset, place, kind, source, destination = way
    return (
        (match.assets is None or asset in match.assets)
        and (match.allowed is None or place in match.allowed)
        and _covers_edge(match, (kind, source, destination))
    )


def _floors_at_most(wide: Match, narrow: Match) -> bool:
    return (
        wide.min_kyc_level <= narrow.min_kyc_level
        and wide.min_units <= narrow.min_units
        # A floor in the reference currency, even of zero, applies without a price too; none never asks for one.
        and (wide.min_reference_micros or 0) <= (narrow.min_reference_micros or 0)
    )


def _covers(wide: Match, narrow: Match) -> bool:
    """Tell whether everything the narrow condition matches is matched by the wide one."""
    pairs = (
        (wide.assets, narrow.assets),
        (wide.kinds, narrow.kinds),
        (wide.sources, narrow.sources),
        (wide.destinations, narrow.destinations),
        (wide.allowed, narrow.allowed),
    )
    sets = all(outer is None or (inner is not None and inner <= outer) for outer, inner in pairs)
    return sets and _floors_at_most(wide, narrow)


def _futile(policy: Policy) -> Iterator[Fault]:
    """Permissions that start above what a limit over all of them lets through."""
    permits = [(index, rule) for index, rule in enumerate(policy.rules) if rule.effect is Effect.PERMIT]
    limited = [rule for _, rule in permits if rule.limits]
    for index, rule in permits:
        if not rule.match.min_units and not rule.match.min_reference_micros:
            continue
        for other in limited:
            if _covers(other.match, rule.match) and any(_forbids(limit, rule.match) for limit in other.limits):
                text = f"rule {rule.name} can never permit: a limit of {other.name} is below what it starts at"
                yield Fault("shadowed", f"rules[{index}]", text, "raise the limit, or write effect: deny")
                break


def _forbids(limit: Limit, match: Match) -> bool:
    units = limit.max_units is not None and match.min_units > limit.max_units
    most, floor = limit.max_reference_micros, match.min_reference_micros
    return units or (most is not None and floor is not None and floor > most)


def _superfluous(policy: Policy) -> Iterator[Fault]:
    """Rules that say nothing a wider rule does not say."""
    for index, rule in enumerate(policy.rules):
        for other_index, other in enumerate(policy.rules):
            if rule is other or rule.effect is not other.effect or not _covers(other.match, rule.match):
                continue
            twins = _covers(rule.match, other.match) and _adds_nothing(other, rule)
            if _adds_nothing(rule, other) and not (twins and index < other_index):
                text = f"rule {rule.name} adds nothing to {other.name}, which covers it"
                yield Fault("shadowed", f"rules[{index}]", text, "remove it, or say what it should add")
                break


def _adds_nothing(rule: Rule, other: Rule) -> bool:
    return (
        set(rule.groups) <= set(other.groups)
        and set(rule.limits) <= set(other.limits)
        and (rule.delay_s <= other.delay_s)
    )


def _two_meanings(policy: Policy) -> Iterator[Fault]:
    first: dict[str, tuple[str, Group]] = {}
    told: set[Group] = set()
    for index, rule in enumerate(policy.rules):
        for place, group in enumerate(rule.groups):
            name, known = first.setdefault(group.name, (rule.name, group))
            if known != group and group not in told:
                told.add(group)
                text = f"group {group.name} means other people or another threshold in rule {name} than in {rule.name}"
                yield Fault("order", f"rules[{index}].groups[{place}]", text, "give one of them another name")


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
