# Attacks D11 and D12, and groups that one organisation can satisfy: what the linter must not let pass.
import copy
from itertools import permutations

import pytest
import yaml
from simulators.withdrawal_house import roster_of

from custody.keys.quorum import Roster
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.withdrawals.errors import InvalidPolicy
from custody.withdrawals.policy_assets import asset_faults
from custody.withdrawals.policy_file import load_policy, policy_from, policy_of
from custody.withdrawals.policy_lint import find_faults
from custody.withdrawals.policy_people import capture_faults, vacancy_faults
from custody.withdrawals.written import Written

OFFICERS = {"name": "officers", "approvers": ["ann", "bob", "cid"], "threshold": 2}
WIDE = {"name": "wide", "effect": "permit", "match": {"assets": ["BTC"]}, "groups": [OFFICERS]}
ENTRY = {"name": "maker", "chain": "bitcoin", "address": "bc1qmaker", "from": "2026-11-20", "until": "2027-11-20"}
MAKER = {"name": "maker", "effect": "permit", "match": {"allowed": ["maker"]}}
LEAVE = {"giver": "ann", "receiver": "dan", "from": "2026-11-20", "until": "2026-12-20"}


def policy(*rules, **more):
    return {"version": 1, "fee_caps": {"bitcoin": 20_000}, "rules": list(rules or [WIDE]), **more}


def faults(source):
    with pytest.raises(InvalidPolicy) as refused:
        policy_from(copy.deepcopy(source))
    return refused.value.message


def without(item, name):
    return {key: value for key, value in item.items() if key != name}


# D11: nothing is granted for ever ------------------------------------------------------


def test_d11_a_delegation_without_expiry_is_refused():
    message = faults(policy(delegations=[without(LEAVE, "until")]))
    assert "delegations[0]: delegation of ann to dan has no expiry; add until" in message


def test_d11_an_allow_list_entry_without_expiry_is_refused():
    message = faults(policy(MAKER, allow_list=[without(ENTRY, "until")]))
    assert "allow_list[0]: allow-list entry maker has no expiry; add until" in message


@pytest.mark.parametrize(
    ("until", "fault"),
    [("9999-12-31", "longer than 31 days"), ("2026-12-22", "longer than 31 days"), ("2026-11-20", "ends before")],
)
def test_d11_an_end_that_is_none_is_refused(until, fault):
    assert fault in faults(policy(delegations=[{**LEAVE, "until": until}]))
    if fault.startswith("ends"):
        assert fault in faults(policy(MAKER, allow_list=[{**ENTRY, "until": until}]))


def test_d11_an_entry_is_looked_at_again_once_a_year():
    assert "longer than 366 days" in faults(policy(MAKER, allow_list=[{**ENTRY, "until": "2027-11-22"}]))


@pytest.mark.parametrize("day", ["tomorrow", 20261120, "2026-13-01", None, True])
def test_d11_an_expiry_that_is_no_day_is_refused(day):
    assert "must be a day" in faults(policy(delegations=[{**LEAVE, "until": day}]))


def test_d11_grants_with_an_end_pass():
    assert policy_from(policy(WIDE, MAKER, allow_list=[ENTRY], delegations=[LEAVE])).delegations[0].receiver == "dan"


# D12: shadowed, unreachable, dependent on order -----------------------------------------


def rule(name, effect="permit", **match):
    return {"name": name, "effect": effect, "match": match}


def test_d12_a_denial_that_takes_all_of_a_rule_is_refused():
    for rules in permutations([WIDE, rule("none", "deny", assets=["BTC", "LTC"])]):
        assert "rule wide can never matter: none denies all it matches" in faults(policy(*rules))


def test_d12_denials_that_take_a_rule_together_are_refused():
    parts = [rule("no-btc", "deny", assets=["BTC"]), rule("no-ltc", "deny", assets=["LTC"])]
    both = {**rule("both", assets=["BTC", "LTC"]), "delay_s": 5}
    assert "rule both can never matter: no-btc and no-ltc together deny" in faults(policy(both, *parts))
    three = rule("three", assets=["BTC", "LTC", "ETH"])
    assert policy_from(policy(three, *parts)).rules[0].name == "three"


def test_d12_denials_by_kind_and_by_way_take_a_rule_together():
    parts = [rule("no-customers", "deny", kinds=["customer"]), rule("no-treasury", "deny", kinds=["treasury"])]
    assert "together deny" in faults(policy(WIDE, *parts))


@pytest.mark.parametrize(
    "match",
    [
        {"kinds": ["customer"], "sources": ["cold"]},
        {"kinds": ["treasury"], "destinations": ["one_time"]},
        {"sources": ["cold"], "destinations": ["hot"]},
    ],
)
def test_d12_a_rule_that_no_money_can_reach_is_refused(match):
    assert "rule far is unreachable" in faults(policy(WIDE, rule("far", **match)))


def test_d12_a_word_that_nothing_can_reach_is_refused():
    far = {**rule("far", kinds=["customer"], sources=["hot", "cold"]), "delay_s": 1}
    assert "rule far: cold among its sources is unreachable" in faults(policy(WIDE, far))


def test_d12_a_permission_that_starts_above_a_limit_over_it_is_refused():
    limited = {**rule("limited", assets=["BTC"]), "limits": [{"scope": "customer", "window_s": 0, "max_units": 100}]}
    large = {**rule("large", assets=["BTC"], min_units=101), "groups": [OFFICERS]}
    assert "rule large can never permit: a limit of limited" in faults(policy(limited, large))
    exact = {**large, "match": {"assets": ["BTC"], "min_units": 100}}
    assert len(policy_from(policy(limited, exact)).rules) == 2


def test_d12_a_rule_that_adds_nothing_is_refused_whatever_the_order():
    narrow = rule("narrow", assets=["BTC"], kinds=["customer"])
    for rules in permutations([WIDE, narrow]):
        assert "rule narrow adds nothing to wide" in faults(policy(*rules))
    twin = {**WIDE, "name": "twin"}
    assert faults(policy(WIDE, twin)).count("adds nothing") == 1


def test_d12_a_group_name_with_two_meanings_is_refused():
    other = {**rule("other", assets=["LTC"]), "groups": [{**OFFICERS, "threshold": 3}]}
    assert "group officers means other people" in faults(policy(WIDE, other))


def test_d12_two_delegations_whose_order_would_decide_are_refused():
    second = {**LEAVE, "receiver": "eve"}
    assert "ann delegates twice at the same time" in faults(policy(delegations=[LEAVE, second]))
    later = {**second, "from": "2026-12-20", "until": "2027-01-10"}
    assert len(policy_from(policy(delegations=[LEAVE, later])).delegations) == 2


@pytest.mark.parametrize(
    "second",
    [
        {**LEAVE, "giver": "dan", "receiver": "eve"},
        {**LEAVE, "giver": "bob"},
        {**LEAVE, "giver": "bob", "receiver": "ann"},
    ],
    ids=["passed on", "one for two", "to a giver"],
)
def test_d12_a_vote_is_not_passed_on_and_two_are_not_made_one(second):
    assert "stands in two delegations" in faults(policy(delegations=[LEAVE, second]))


def test_d12_a_key_that_stands_twice_is_refused_with_its_line(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(policy(), sort_keys=False) + "version: 2\n")
    line = len(path.read_text().splitlines())
    with pytest.raises(InvalidPolicy, match=f"policy.yaml:{line}: version: stands twice"):
        load_policy(path)


def test_d12_the_faults_found_do_not_depend_on_the_order():
    rules = [WIDE, rule("none", "deny", assets=["BTC"]), rule("far", kinds=["customer"], sources=["cold"])]
    found = {frozenset(faults(policy(*order)).replace("policy 1: ", "").split("\n")) for order in permutations(rules)}
    told = {frozenset(line.partition("]")[2] for line in each) for each in found}
    assert len(told) == 1


# Groups that one organisation can satisfy ----------------------------------------------


def staff(**organisations):
    people = roster_of(*organisations)
    return Roster(
        tuple(
            type(each)(each.approver, each.public_key, each.person, organisations[each.approver])
            for each in people.members
        )
    )


def told(found):
    return [each.text for each in found]


def test_one_person_is_no_group():
    assert "one person can satisfy it" in faults(policy({**WIDE, "groups": [{**OFFICERS, "threshold": 1}]}))


def test_a_group_that_one_organisation_can_satisfy_is_found():
    found = told(capture_faults(policy_from(policy()), staff(ann="house", bob="house", cid="trustee")))
    assert found == ["group officers: the 2 voices of house alone can satisfy it"]
    assert told(capture_faults(policy_from(policy()), staff(ann="house", bob="trustee", cid="auditor"))) == []


def test_asking_for_two_organisations_mends_it():
    two = policy({**WIDE, "groups": [{**OFFICERS, "organisations": 2}]})
    assert told(capture_faults(policy_from(two), staff(ann="house", bob="house", cid="trustee"))) == []
    assert "3 organisations cannot come from 2" in faults(
        policy({**WIDE, "groups": [{**OFFICERS, "organisations": 3}]})
    )


# Ronin: four keys of one firm, and a fifth by a permission that nobody took back.
def test_d11_a_delegation_can_hand_a_group_to_one_organisation():
    people = staff(ann="house", bob="trustee", cid="auditor", dan="trustee")
    captured = told(capture_faults(policy_from(policy(delegations=[LEAVE])), people))
    assert captured == ["group officers: the 2 voices of trustee alone can satisfy it"]
    assert told(capture_faults(policy_from(policy()), people)) == []


def test_two_accounts_of_one_person_are_one_voice():
    ann, bob, cid = staff(ann="house", bob="trustee", cid="auditor").members
    same = Roster((ann, type(bob)(bob.approver, bob.public_key, ann.person, "house"), cid))
    found = told(vacancy_faults(policy_from(policy()), same))
    assert found == ["group officers: ann and bob are one person, person-ann, and one voice"]
    assert told(capture_faults(policy_from(policy()), same)) == []


def test_names_that_are_nobody_and_groups_that_are_empty_are_found():
    found = told(vacancy_faults(policy_from(policy(delegations=[LEAVE])), staff(ann="house")))
    assert "group officers: 1 people of 1 organisations are on the roster, too few" in found
    assert "group officers: 'bob' is nobody on the roster" in found
    assert "delegation of ann: 'dan' is nobody on the roster" in found


def test_assets_and_chains_that_do_not_exist_are_found():
    eth = {**rule("eth", assets=["ETH", "XYZ"]), "groups": [OFFICERS]}
    entry = {**ENTRY, "chain": "nowhere"}
    draft = policy_from(policy(WIDE, eth, MAKER, allow_list=[entry]))
    assets = {"BTC": Asset("BTC", 8, ChainId("bitcoin")), "ETH": Asset("ETH", 18, ChainId("ethereum"))}
    found = told(asset_faults(draft, assets))
    assert found == [
        "allow-list entry maker: no asset of the house lives on 'nowhere'",
        "rule eth: ETH is unreachable, ethereum has no fee cap",
        "rule eth: the house has no asset 'XYZ'",
    ]
    assert told(asset_faults(draft, {"BTC": Asset("BTC", 8, ChainId("elsewhere"))}))[0].startswith("no asset")


def test_what_dangles_is_found():
    assert "no rule names it" in faults(policy(allow_list=[ENTRY]))
    assert "'maker' is no entry" in faults(policy(WIDE, MAKER))
    assert "delegation of zoe, who is in no group" in faults(policy(delegations=[{**LEAVE, "giver": "zoe"}]))
    assert "stands 2 times" in faults(policy(MAKER, allow_list=[ENTRY, ENTRY]))


def test_every_fault_names_its_field_and_a_cure():
    bad = policy(rule("far", kinds=["customer"], sources=["cold"]), allow_list=[without(ENTRY, "until")], fee_caps={})
    with pytest.raises(InvalidPolicy):
        policy_from(bad)

    found = list(find_faults(policy_of(Written("p", bad, {}))))
    assert len(found) >= 4
    assert all(each.path and each.text and each.cure and each.code for each in found)
