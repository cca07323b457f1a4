from dataclasses import replace
from itertools import permutations

import pytest
from simulators.chain import COIN, SIM

from custody.compliance.port import ScreeningVerdict
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.withdrawals.facts import (
    Ask,
    Circumstances,
    Destination,
    DestinationKind,
    Facts,
    Kind,
    Price,
    Scope,
    Tier,
)
from custody.withdrawals.policy import decide, required_usage
from custody.withdrawals.rules import EDGES, Effect, Group, Limit, Match, Outcome, Policy, Rule

NOW_S = 1_000_000
ASK = Ask("wd-1", Kind.CUSTOMER, "alice", "alice", Address(SIM, "sim1dest"), Amount(100, COIN), "")
KNOWN = Circumstances("alice", 1, Tier.HOT, Destination(DestinationKind.ONE_TIME))
FACTS = Facts(NOW_S, KNOWN, ScreeningVerdict.CLEAR)
PERMIT = Rule("permit", Effect.PERMIT, Match())
TWO = Group("officers", frozenset({"ann", "bob"}), 2)
ONE = Group("risk", frozenset({"cid", "dan"}), 1)


def policy(*rules, **changes):
    return replace(Policy(1, rules, {SIM: 50}), **changes)


def outcome(*rules, facts=FACTS, ask=ASK):
    return decide(ask, facts, policy(*rules)).outcome


def known(**changes):
    return replace(FACTS, circumstances=replace(KNOWN, **changes))


# Refusals ------------------------------------------------------------------------------


def test_no_rule_blocks():
    decision = decide(ASK, FACTS, policy())
    assert decision.outcome is Outcome.BLOCK
    assert decision.reasons == ("no rule permits it",)


@pytest.mark.parametrize(
    "match",
    [
        Match(assets=frozenset({"BTC"})),
        Match(assets=frozenset()),
        Match(kinds=frozenset({Kind.TREASURY})),
        Match(sources=frozenset({Tier.WARM})),
        Match(destinations=frozenset({DestinationKind.BOOK})),
        Match(min_kyc_level=2),
        Match(min_units=101),
    ],
)
def test_a_rule_that_does_not_match_permits_nothing(match):
    assert outcome(Rule("narrow", Effect.PERMIT, match)) is Outcome.BLOCK


def test_one_denial_blocks_whatever_else_permits():
    assert outcome(PERMIT, Rule("deny", Effect.DENY, Match(min_units=100))) is Outcome.BLOCK


def test_a_hit_blocks_whatever_permits():
    assert outcome(PERMIT, facts=replace(FACTS, screening=ScreeningVerdict.HIT)) is Outcome.BLOCK


def test_a_chain_without_a_fee_cap_blocks():
    decision = decide(ASK, FACTS, policy(PERMIT, fee_caps={}))
    assert decision.reasons == ("no fee cap for simchain",)


@pytest.mark.parametrize(
    "edge",
    [
        (kind, tier, place)
        for kind in Kind
        for tier in Tier
        for place in DestinationKind
        if (kind, tier, place) not in EDGES
    ],
)
def test_no_rule_adds_an_edge_between_wallets(edge):
    kind, tier, place = edge
    facts = known(source=tier, destination=Destination(place))
    assert outcome(PERMIT, facts=facts, ask=replace(ASK, kind=kind)) is Outcome.BLOCK


def test_a_limit_that_was_not_measured_blocks():
    rule = replace(PERMIT, limits=(Limit(Scope.CUSTOMER, 60, max_units=10**9),))
    decision = decide(ASK, FACTS, policy(rule))
    assert "was not measured" in decision.reasons[0]


@pytest.mark.parametrize(("used", "expected"), [(900, Outcome.ALLOW), (901, Outcome.BLOCK)])
def test_a_limit_is_met_to_the_unit(used, expected):
    rules = policy(replace(PERMIT, limits=(Limit(Scope.CUSTOMER, 60, max_units=1_000),)))
    (key,) = required_usage(ASK, KNOWN, rules)
    assert decide(ASK, replace(FACTS, usage={key: used}), rules).outcome is expected


@pytest.mark.parametrize(("most", "expected"), [(100, Outcome.ALLOW), (99, Outcome.BLOCK)])
def test_a_window_of_zero_limits_the_single_amount(most, expected):
    assert outcome(replace(PERMIT, limits=(Limit(Scope.CUSTOMER, 0, max_units=most),))) is expected


def test_every_limit_of_every_matching_rule_must_pass():
    wide = replace(PERMIT, name="wide", limits=(Limit(Scope.CUSTOMER, 0, max_units=1_000),))
    narrow = replace(PERMIT, name="narrow", limits=(Limit(Scope.CUSTOMER, 0, max_units=99),))
    assert outcome(wide, narrow) is Outcome.BLOCK


BAD_PRICES = [
    None,
    Price(0, NOW_S, 10),
    Price(10, NOW_S, 0),
    Price(-5, NOW_S, 10),
    Price(10, NOW_S - 61, 10),
    Price(10, NOW_S + 1, 10),
    Price(30, NOW_S, 10),
    Price(10, NOW_S, 30),
]


@pytest.mark.parametrize("price", BAD_PRICES)
@pytest.mark.parametrize(
    "rule",
    [
        replace(PERMIT, limits=(Limit(Scope.HOUSE, 0, max_reference_micros=10**12),)),
        Rule("valued", Effect.PERMIT, Match(min_reference_micros=10**12), delay_s=60),
        Rule("denial", Effect.DENY, Match(min_reference_micros=10**12)),
    ],
    ids=["limit", "delay", "denial"],
)
def test_a_rule_that_needs_a_price_blocks_without_a_usable_one(rule, price):
    assert outcome(PERMIT, rule, facts=known(price=price)) is Outcome.BLOCK


def test_a_group_without_its_insiders_that_cannot_be_met_blocks():
    facts = known(destination=Destination(DestinationKind.BOOK, 0, "ann"))
    decision = decide(ASK, facts, policy(replace(PERMIT, groups=(TWO,))))
    assert decision.reasons == ("group officers cannot be met",)


# What is asked besides -----------------------------------------------------------------


def test_groups_of_all_matching_rules_add_up_and_delays_take_the_maximum():
    first = replace(PERMIT, name="first", groups=(TWO,), delay_s=10)
    second = replace(PERMIT, name="second", groups=(ONE,), delay_s=20)
    decision = decide(ASK, FACTS, policy(first, second))
    assert decision.outcome is Outcome.APPROVE
    assert set(decision.groups) == {ONE, TWO}
    assert decision.not_before_s == NOW_S + 20
    assert decision.matched_rules == ("first", "second")


def test_a_security_hold_outlasts_a_shorter_delay():
    decision = decide(ASK, known(security_hold_until_s=NOW_S + 500), policy(replace(PERMIT, delay_s=100)))
    assert decision.not_before_s == NOW_S + 500


def test_the_order_of_rules_never_matters():
    rules = (
        PERMIT,
        replace(PERMIT, name="two", groups=(TWO,), delay_s=5),
        replace(PERMIT, name="three", groups=(ONE,), limits=(Limit(Scope.ASSET, 0, max_units=99),)),
    )
    assert len({decide(ASK, FACTS, policy(*order)) for order in permutations(rules)}) == 1


def test_the_facts_hash_changes_with_every_fact():
    base = decide(ASK, FACTS, policy(PERMIT)).facts_hash
    others = [replace(FACTS, now_s=NOW_S + 1), known(kyc_level=2), known(owner="x"), known(price=Price(1, 1, 1))]
    assert len({base, *(decide(ASK, facts, policy(PERMIT)).facts_hash for facts in others)}) == 5


def test_dust_still_counts_towards_a_limit_in_the_reference_currency():
    limited = policy(replace(PERMIT, limits=(Limit(Scope.HOUSE, 0, max_reference_micros=1),)))
    facts = known(price=Price(1, NOW_S, 1))
    assert decide(replace(ASK, amount=Amount(1, COIN)), facts, limited).outcome is Outcome.ALLOW
    assert decide(replace(ASK, amount=Amount(10**8 + 1, COIN)), facts, limited).outcome is Outcome.BLOCK


def test_a_matching_permission_without_groups_allows():
    decision = decide(ASK, FACTS, policy(PERMIT))
    assert decision.outcome is Outcome.ALLOW
    assert (decision.reasons, decision.groups, decision.not_before_s) == ((), (), NOW_S)


def test_people_raise_every_quorum_and_never_lower_one():
    group = Group("ops", frozenset({"ann", "bob", "cid"}), 2)
    for people, needed in ((0, 2), (1, 2), (3, 3)):
        facts = replace(FACTS, circumstances=replace(FACTS.circumstances, people=people))
        found = decide(ASK, facts, policy(replace(PERMIT, groups=(group,))))
        assert (found.outcome, [each.threshold for each in found.groups]) == (Outcome.APPROVE, [needed])


def test_more_people_than_there_are_block_and_so_does_a_rule_that_names_none():
    facts = replace(FACTS, circumstances=replace(FACTS.circumstances, people=3))
    few = replace(PERMIT, groups=(Group("ops", frozenset({"ann", "bob"}), 2),))
    assert decide(ASK, facts, policy(few)).reasons == ("group ops cannot be met",)
    assert decide(ASK, facts, policy(PERMIT)).reasons == ("3 people must approve, and no rule names them",)
