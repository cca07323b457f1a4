# What explains a decision must be the decision: the same rules, limits, groups and verdict, whatever is asked.
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulators.chain import COIN, SIM

from custody.compliance.port import ScreeningVerdict
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import MalformedPayload
from custody.withdrawals.explaining import explain
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
    UsageKey,
)
from custody.withdrawals.matching import applies, question, unmet
from custody.withdrawals.policy import decide, required_usage
from custody.withdrawals.rules import AllowedPlace, Delegation, Effect, Group, Limit, Match, Outcome, Policy, Rule
from custody.withdrawals.told_facts import stored_facts

NOW_S = 1_000_000
DAY_S = 86_400
ASK = Ask("wd-1", Kind.CUSTOMER, "alice", "alice", Address(SIM, "sim1dest"), Amount(100, COIN), "")
KNOWN = Circumstances("alice", 1, Tier.HOT, Destination(DestinationKind.ONE_TIME))
FACTS = Facts(NOW_S, KNOWN, ScreeningVerdict.CLEAR)
OFFICERS = Group("officers", frozenset({"ann", "bob", "cid"}), 2)
MAKER = AllowedPlace("maker", SIM, "sim1dest", "", NOW_S - DAY_S, NOW_S + DAY_S)
LEAVE = Delegation("ann", "dan", NOW_S - DAY_S, NOW_S + DAY_S)


def sets(values):
    return st.none() | st.frozensets(st.sampled_from(values), max_size=2)


MATCHES = st.builds(
    Match,
    assets=sets(["SIM", "BTC"]),
    kinds=sets(list(Kind)),
    sources=sets(list(Tier)),
    destinations=sets(list(DestinationKind)),
    min_kyc_level=st.integers(0, 2),
    min_units=st.integers(99, 101),
    min_reference_micros=st.none() | st.integers(0, 200),
    allowed=sets(["maker", "other"]),
)
LIMITS = st.builds(
    Limit,
    st.sampled_from(Scope),
    st.sampled_from([0, 60]),
    st.none() | st.integers(99, 300),
    st.none() | st.integers(1, 300),
)
RULES = st.builds(
    Rule,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(Effect),
    MATCHES,
    st.sampled_from([(), (OFFICERS,)]),
    st.lists(LIMITS, max_size=2).map(tuple),
    st.sampled_from([0, 60]),
)
FACTS_DRAWN = st.builds(
    Facts,
    st.just(NOW_S),
    st.builds(
        Circumstances,
        st.just("alice"),
        st.integers(0, 2),
        st.sampled_from(Tier),
        st.builds(
            Destination,
            st.sampled_from(DestinationKind),
            st.none() | st.just(NOW_S - 3 * DAY_S),
            st.sampled_from(["", "bob"]),
            st.sampled_from(["", "it resembles x"]),
            st.sampled_from(["", "cid"]),
        ),
        price=st.none() | st.builds(Price, st.integers(0, 2 * 10**8), st.just(NOW_S), st.just(10**8)),
    ),
    st.sampled_from(ScreeningVerdict),
)


@given(st.lists(RULES, max_size=4), FACTS_DRAWN, st.integers(0, 300), st.booleans())
def test_what_explains_a_decision_is_the_decision(rules, facts, used, is_measured):
    policy = Policy(1, tuple(rules), {SIM: 50}, allow_list=(MAKER,), delegations=(LEAVE,))
    needed = required_usage(ASK, facts.circumstances, policy) if is_measured else ()
    facts = replace(facts, usage=dict.fromkeys(needed, used))
    found = explain(ASK, facts, policy)
    asked = question(ASK, facts, policy)
    assert found.decision == decide(ASK, facts, policy)
    assert [applies(rule, asked) for rule in rules] == [not unmet(rule, asked) for rule in rules]
    assert sorted(view.name for view in found.rules if view.applies) == list(found.decision.matched_rules)
    breaches = [f"rule {name}: {measure.breach}" for name, measure in found.limits if measure.breach]
    assert set(breaches) <= set(found.decision.reasons)
    assert {view.group for view in found.groups} == set(found.decision.groups)
    assert all(why for view in found.groups for why in view.silent.values())
    assert stored_facts(canonical_json(facts.as_json()).decode()) == facts


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"now_s": 1}', "not json"])
def test_what_is_no_facts_is_refused(text):
    with pytest.raises(MalformedPayload):
        stored_facts(text)


def test_facts_stored_before_look_alikes_were_known_are_read():
    fields = dict(FACTS.as_json())
    for name in ("destination_resembles", "destination_compared_by"):
        del fields[name]
    assert stored_facts(canonical_json(fields).decode()) == FACTS


def test_a_sum_that_was_not_measured_stays_so():
    key = UsageKey(Scope.HOUSE, "house", None, 60)
    facts = replace(FACTS, usage={key: 2**70})
    assert stored_facts(canonical_json(facts.as_json()).decode()).usage == {key: 2**70}


# Delegations and the allow-list, where they decide ------------------------------------


def policy(*rules, **more):
    return Policy(1, rules, {SIM: 50}, **more)


def groups_of(delegation, ask=ASK, **more):
    rule = Rule("permit", Effect.PERMIT, Match(), groups=(OFFICERS,), **more)
    found = decide(ask, FACTS, policy(rule, delegations=(delegation,)))
    return [sorted(group.approvers) for group in found.groups]


def test_the_receiver_votes_instead_of_the_giver_never_besides():
    assert groups_of(LEAVE) == [["bob", "cid", "dan"]]
    assert groups_of(replace(LEAVE, receiver="bob")) == [["bob", "cid"]]


@pytest.mark.parametrize(
    ("from_s", "until_s", "holds"),
    [
        (NOW_S, NOW_S + 7_201, True),
        (NOW_S + 1, NOW_S + DAY_S, False),
        (NOW_S - DAY_S, NOW_S + 7_200, False),
        (NOW_S - DAY_S, None, False),
    ],
    ids=["just", "not yet", "ends with the intent", "no end"],
)
def test_a_delegation_counts_only_if_it_outlives_the_intent(from_s, until_s, holds):
    expected = ["bob", "cid", "dan"] if holds else ["ann", "bob", "cid"]
    assert groups_of(replace(LEAVE, from_s=from_s, until_s=until_s)) == [expected]


def test_a_delay_makes_the_intent_live_longer():
    short = replace(LEAVE, until_s=NOW_S + 7_260)
    assert groups_of(short) == [["bob", "cid", "dan"]]
    assert groups_of(short, delay_s=60) == [["ann", "bob", "cid"]]


def test_d03_nobody_votes_in_the_place_of_who_asked():
    assert groups_of(LEAVE, ask=replace(ASK, initiator="ann")) == [["bob", "cid"]]
    assert groups_of(LEAVE, ask=replace(ASK, initiator="dan")) == [["bob", "cid"]]


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, Outcome.ALLOW),
        ({"text": "sim1Dest"}, Outcome.BLOCK),
        ({"chain": "otherchain"}, Outcome.BLOCK),
        ({"memo": "7"}, Outcome.BLOCK),
        ({"from_s": NOW_S + 1}, Outcome.BLOCK),
        ({"until_s": NOW_S}, Outcome.BLOCK),
        ({"until_s": None}, Outcome.BLOCK),
        ({"name": "other"}, Outcome.BLOCK),
    ],
)
def test_an_allow_list_entry_counts_to_the_letter_and_while_it_holds(change, outcome):
    rule = Rule("maker", Effect.PERMIT, Match(allowed=frozenset({"maker"})))
    assert decide(ASK, FACTS, policy(rule, allow_list=(replace(MAKER, **change),))).outcome is outcome


def test_c19_a_doubtful_destination_blocks_whatever_permits():
    doubt = Destination(DestinationKind.ONE_TIME, resembles="it resembles x")
    facts = replace(FACTS, circumstances=replace(KNOWN, destination=doubt))
    permit = policy(Rule("permit", Effect.PERMIT, Match()))
    assert decide(ASK, facts, permit).reasons == ("it resembles x: an officer must compare it in full first",)
    compared = replace(facts, circumstances=replace(KNOWN, destination=replace(doubt, compared_by="cid")))
    assert decide(ASK, compared, permit).outcome is Outcome.ALLOW
