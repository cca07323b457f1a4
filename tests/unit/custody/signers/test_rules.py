import json

import pytest
from simulators.signer_kit import rules_json

from custody.primitives.errors import InvalidInput, MalformedPayload, Refused
from custody.signers.rules import Bucket, parse_rules


def parse(**changes):
    return parse_rules(json.dumps(rules_json(**changes)).encode())


@pytest.mark.parametrize("field", sorted(rules_json()))
def test_every_field_is_required(field):
    rules = rules_json()
    del rules[field]
    with pytest.raises(MalformedPayload, match=field):
        parse_rules(json.dumps(rules).encode())


# A misspelt limit is no limit.
@pytest.mark.parametrize("field", ["fee_cap", "bucket", "threshold", "Frozen"])
def test_an_unknown_field_is_refused(field):
    with pytest.raises(MalformedPayload, match=field):
        parse(**{field: {}})


@pytest.mark.parametrize(
    "change",
    [
        {"format": "mext/signer-rules/2"}, {"version": 0}, {"version": "1"}, {"name": ""}, {"frozen": "no"}, {"frozen": 0}, {"roster": {}},
        {"roster": [{}]}, {"roster": [{"approver": "a", "public_key": "00", "person": "A", "organisation": "B"}]}, {"quorum": {}},
        {"quorum": {"threshold": "2", "max_age_s": 1, "min_organisations": 1}}, {"quorum": {"threshold": 2, "max_age_s": 1}},
        {"fee_caps": {"toy": 100}}, {"fee_caps": {"toy": "-1"}}, {"fee_caps": {"toy": "1.5"}}, {"buckets": {"toy/native": {"capacity": "1"}}},
        {"buckets": {"toy/native": {"capacity": "1", "refill_per_hour": "1", "refill_per_day": "1"}}}, {"own_moves": "hot"}, {"destinations": {"hot": "x"}},
        {"wallet_quorums": {"hot": {"threshold": 1}}},
    ],
)  # fmt: skip
def test_refuses_values_of_a_wrong_shape(change):
    with pytest.raises(InvalidInput):
        parse(**change)


def test_refuses_a_roster_that_contradicts_itself():
    roster = rules_json()["roster"]
    with pytest.raises(InvalidInput, match="twice"):
        parse(roster=[roster[0], {**roster[1], "approver": "ann"}])


def test_what_is_not_set_is_denied():
    rules = parse(fee_caps={}, buckets={})
    with pytest.raises(Refused):
        rules.fee_cap("toy-local")
    with pytest.raises(Refused):
        rules.bucket("toy-local/native")


def test_reads_a_whole_file():
    own = {"cold": {"threshold": 3, "max_age_s": 60, "min_organisations": 1}}
    rules = parse(wallet_quorums=own, destinations={"cold": ["warm"]}, own_moves=["hot"])
    assert (rules.name, rules.version, rules.frozen) == ("alice", 1, False)
    assert (rules.quorum_for("hot").threshold, rules.quorum_for("cold").threshold) == (2, 3)
    assert rules.destinations == {"cold": {"warm"}}
    assert rules.own_moves == {"hot"}
    assert rules.fee_cap("toy-local") == 100
    assert rules.bucket("toy-local/native") == Bucket(10_000, 3_600)
