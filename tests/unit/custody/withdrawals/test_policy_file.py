import copy

import pytest

from custody.withdrawals.errors import InvalidPolicy
from custody.withdrawals.policy_file import load_policy, policy_from
from custody.withdrawals.rules import Effect

GOOD = {
    "version": 1,
    "fee_caps": {"bitcoin": 20_000},
    "rules": [
        {
            "name": "btc",
            "effect": "permit",
            "match": {"assets": ["BTC"], "kinds": ["customer"], "min_units": 10},
            "groups": [{"name": "officers", "approvers": ["ann", "bob"], "threshold": 2}],
            "limits": [{"scope": "owner", "window_s": 86_400, "max_units": 1_000_000}],
            "delay_s": 60,
        }
    ],
}


def changed(path, value):
    source = copy.deepcopy(GOOD)
    at = source
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return source


FIRST = ("rules", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), "1"),
        (("version",), True),
        (("version",), 0),
        (("fee_caps",), {}),
        (("fee_caps",), {"bitcoin": 0}),
        (("fee_caps",), {"bitcoin": 1.5}),
        (("rules",), []),
        (("rules",), None),
        (("surprise",), 1),
        (("intent_ttl_s",), 60),
        (("approval_max_age_s",), 0),
        ((*FIRST, "effect"), "allow"),
        ((*FIRST, "effect"), "deny"),
        ((*FIRST, "name"), ""),
        ((*FIRST, "delay_s"), -1),
        ((*FIRST, "typo"), 1),
        ((*FIRST, "match", "asset"), ["BTC"]),
        ((*FIRST, "match", "assets"), []),
        ((*FIRST, "match", "assets"), ["BTC", "ETH"]),
        ((*FIRST, "match", "assets"), "BTC"),
        ((*FIRST, "match", "kinds"), ["stranger"]),
        ((*FIRST, "groups", 0, "threshold"), 0),
        ((*FIRST, "groups", 0, "threshold"), 3),
        ((*FIRST, "groups", 0, "approvers"), []),
        ((*FIRST, "limits", 0, "scope"), "planet"),
        ((*FIRST, "limits", 0, "max_units"), 0),
        ((*FIRST, "limits", 0, "window_s"), -1),
        ((*FIRST, "limits", 0), {"scope": "owner", "window_s": 60}),
    ],
)
def test_refuses(path, value):
    with pytest.raises(InvalidPolicy):
        policy_from(changed(path, value))


def test_refuses_two_rules_of_one_name():
    with pytest.raises(InvalidPolicy, match="unique"):
        policy_from(changed(("rules",), GOOD["rules"] * 2))


def test_refuses_a_rule_that_a_denial_shadows():
    # D12: order does not matter, so a wider denial anywhere makes the rule dead.
    denial = {"name": "no-btc", "effect": "deny", "match": {"assets": ["BTC", "LTC"]}}
    with pytest.raises(InvalidPolicy, match="can never matter"):
        policy_from(changed(("rules",), [*GOOD["rules"], denial]))


def test_a_denial_of_a_part_is_no_shadow():
    denial = {"name": "no-big", "effect": "deny", "match": {"assets": ["BTC"], "min_units": 10**9}}
    assert len(policy_from(changed(("rules",), [*GOOD["rules"], denial])).rules) == 2


@pytest.mark.parametrize("text", ["rules: [", "- 1", "", "!!python/object:os.system {}"])
def test_refuses_a_file_that_is_no_policy(tmp_path, text):
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(InvalidPolicy):
        load_policy(path)


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(InvalidPolicy):
        load_policy(tmp_path / "none.yaml")


def test_reads_what_people_write():
    policy = policy_from(GOOD)
    (rule,) = policy.rules
    assert rule.effect is Effect.PERMIT
    assert rule.groups[0].approvers == {"ann", "bob"}
    assert rule.limits[0].max_units == 1_000_000
    assert policy.fee_caps == {"bitcoin": 20_000}
