"""Which rules a request meets, and what keeps it from the others.

Rules:
    * `applies` and `unmet` are two views of one thing: a rule applies if nothing of it is unmet.
    * Without a usable price the value may be anything: a rule with a floor in the reference currency applies,
      and `decide` blocks because of it.
    * An address-book entry counts as one only after its cool-down, an allow-list entry only while it holds.

Example:
    found = question(ask, facts, policy)
    [rule.name for rule in policy.rules if applies(rule, found)]
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.withdrawals.facts import Ask, DestinationKind, Facts, Price, reference_micros
from custody.withdrawals.rules import Policy, Rule


@dataclass(frozen=True, slots=True)
class Question:
    """A request with what rules compare, worked out once for all of them.

    Attributes:
        ask, facts: The request and what is known.
        price: None unless it is usable.
        value_micros: In micro-units of the reference currency; None without a usable price.
        destination: What the place counts as now.
        allowed: Names of the allow-list entries that it is.
    """

    ask: Ask
    facts: Facts
    price: Price | None
    value_micros: int | None
    destination: DestinationKind
    allowed: frozenset[str]


def question(ask: Ask, facts: Facts, policy: Policy) -> Question:
    """Work out what rules compare."""
    price = _usable_price(facts, policy)
    value = None if price is None else reference_micros(ask.amount, price)
    return Question(ask, facts, price, value, _settled_kind(facts, policy), _allowed(ask, facts, policy))


def applies(rule: Rule, asked: Question) -> bool:
    """Tell whether every condition of a rule holds."""
    match, known, ask = rule.match, asked.facts.circumstances, asked.ask
    floor, value = match.min_reference_micros, asked.value_micros
    return (
        (floor is None or value is None or value >= floor)
        and (match.assets is None or ask.amount.asset.symbol in match.assets)
        and (match.kinds is None or ask.kind in match.kinds)
        and (match.sources is None or known.source in match.sources)
        and (match.destinations is None or asked.destination in match.destinations)
        and (match.allowed is None or not match.allowed.isdisjoint(asked.allowed))
        and known.kyc_level >= match.min_kyc_level
        and ask.amount.units >= match.min_units
    )


def unmet(rule: Rule, asked: Question) -> tuple[str, ...]:
    """Say which conditions of a rule do not hold; empty if it applies."""
    match, known, ask = rule.match, asked.facts.circumstances, asked.ask
    floor, value, symbol = match.min_reference_micros, asked.value_micros, ask.amount.asset.symbol
    found = [
        f"{what} is {have}, the rule is for {_listed(wanted)}"
        for what, have, wanted in (
            ("asset", symbol, match.assets),
            ("kind", ask.kind, match.kinds),
            ("source", known.source, match.sources),
            ("destination", asked.destination, match.destinations),
        )
        if wanted is not None and have not in wanted
    ]
    if match.allowed is not None and match.allowed.isdisjoint(asked.allowed):
        found.append(f"the destination is none of the allow-list entries {_listed(match.allowed)} that hold now")
    if known.kyc_level < match.min_kyc_level:
        found.append(f"KYC level {known.kyc_level}, the rule starts at {match.min_kyc_level}")
    if ask.amount.units < match.min_units:
        found.append(f"{ask.amount.units} base units, the rule starts at {match.min_units}")
    if floor is not None and value is not None and value < floor:
        found.append(f"worth {value} micro-units, the rule starts at {floor}")
    return tuple(found)


def _listed(values: frozenset[str]) -> str:
    return ", ".join(sorted(values)) or "nothing"


def _settled_kind(facts: Facts, policy: Policy) -> DestinationKind:
    """A book entry counts as one only after its cool-down (attack D06)."""
    place = facts.circumstances.destination
    if place.kind is not DestinationKind.BOOK:
        return place.kind
    settled = place.added_at_s is not None and facts.now_s - place.added_at_s >= policy.book_cool_down_s
    return DestinationKind.BOOK if settled else DestinationKind.ONE_TIME


def _allowed(ask: Ask, facts: Facts, policy: Policy) -> frozenset[str]:
    here = (ask.to.chain, ask.to.text, ask.memo)
    return frozenset(
        entry.name
        for entry in policy.allow_list
        if (entry.chain, entry.text, entry.memo) == here
        and entry.until_s is not None
        and entry.from_s <= facts.now_s < entry.until_s
    )


def _usable_price(facts: Facts, policy: Policy) -> Price | None:
    price = facts.circumstances.price
    return price if price is not None and price.is_usable(facts.now_s, policy.max_price_age_s) else None
