# The commands over files and over the real database of a home that is not running.
import copy
import json
from dataclasses import replace

import pytest
import yaml
from simulators.withdrawal_house import NOW_S, roster_of
from typer.testing import CliRunner

from custody.compliance.port import ScreeningVerdict
from custody.keys.passphrase import read_passphrase
from custody.keys.private_files import write_new_private
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset, AssetBook
from custody.primitives.chain import ChainId
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import InvalidInput, NotFound
from custody.primitives.ids import CustomerId, Digest, IdempotencyKey, WithdrawalId
from custody.store.database import open_database
from custody.store.withdrawals import SqlWithdrawalStore
from custody.withdrawals.facts import Ask, Circumstances, Destination, DestinationKind, Facts, Kind, Tier
from custody.withdrawals.policy import decide, required_usage
from custody.withdrawals.policy_file import policy_from
from custody.withdrawals.records import HoldState, Withdrawal
from custody.withdrawals.states import WithdrawalState
from exchange.app.blueprint import AssetSpec, Blueprint, StaffSpec, save_blueprint
from exchange.app.ceremony import SEALS
from exchange.app.home import Home
from exchange.app.keyholders import create_holder
from exchange.app.sealing import open_seals
from exchange.cli.policy import app

BTC = Asset("BTC", 8, ChainId("bitcoin-regtest"))
OFFICERS = {"name": "officers", "approvers": ["ann", "bob", "cid"], "threshold": 2}
POLICY = {
    "version": 1,
    "fee_caps": {"bitcoin-regtest": 20_000},
    "rules": [
        {
            "name": "small",
            "effect": "permit",
            "match": {"kinds": ["customer"], "assets": ["BTC"]},
            "limits": [{"scope": "customer", "window_s": 86_400, "max_units": 1_000}],
        },
        {
            "name": "large",
            "effect": "permit",
            "match": {"kinds": ["customer"], "assets": ["BTC"], "min_units": 500},
            "groups": [OFFICERS],
            "delay_s": 600,
        },
    ],
}
REQUEST = {
    "assets": {"BTC": {"chain": "bitcoin-regtest", "decimals": 8}},
    "ask": {"asset": "BTC", "units": 600, "to": "bcrt1qdest", "customer": "alice", "initiator": "ann"},
    "facts": {"usage": [{"scope": "customer", "window_s": 86_400, "units": 300}]},
}


def changed(source, path, value):
    made = copy.deepcopy(source)
    at = made
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return made


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
        return path

    return write


@pytest.fixture
def home(tmp_path, write):
    place = Home(tmp_path)
    staff = tuple(
        StaffSpec(each.approver, each.public_key.raw.hex(), each.person, f"house of {each.approver}")
        for each in roster_of("ann", "bob", "cid").members
    )
    assets = (AssetSpec("BTC", 8, "bitcoin-regtest", None, 0, 0),)
    save_blueprint(place.blueprint, Blueprint("l", "e", (), "gas", 0, staff, (), (), assets, ()))
    write("policy.yaml", POLICY)
    return place


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


# check ---------------------------------------------------------------------------------


def test_check_passes_a_good_file(write):
    found = run("check", write("p.yaml", POLICY))
    assert (found.exit_code, found.output) == (0, "version 1, 2 rules, 0 faults\n")


def test_check_names_file_line_field_and_cure_of_every_fault(write):
    bad = changed(POLICY, ("rules", 1, "groups", 0, "threshold"), 4)
    bad = changed(bad, ("rules", 0, "limits", 0, "max_units"), 0)
    path = write("p.yaml", bad)
    found = run("check", path)
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "threshold: 4" in text)
    assert found.exit_code == 2
    assert f"p.yaml:{line}: rules[1].groups[0].threshold: rule large: group officers: threshold 4 of 3" in found.output
    assert "name more people or lower the threshold" in found.output
    assert "3 faults" in found.output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version: 1\nrules: []\nfee_caps: {bitcoin: 1.5}\n", "p.yaml:3: fee_caps.bitcoin: must be a whole number"),
        ("version: 010\n", "p.yaml:1: version: '010': write a plain decimal number"),
        ("version: 1\nversion: 2\n", "p.yaml:2: version: stands twice"),
        ("a: &x [1]\nb: *x\n", "p.yaml:1: b: an alias; write it out"),
        ("version: !!python/object:os.system {}\n", "means nothing here"),
        ("version: [\n", "p.yaml: while parsing"),
        ("[" * 50 + "]" * 50, "nested deeper"),
        ("- 1\n", "p.yaml: a mapping with text keys is needed"),
        ("version: 1\nrules: []\nfee_caps: {}\nsurprise: 1\n", "p.yaml:4: surprise: unknown"),
    ],
)
def test_check_says_where_a_file_cannot_be_read(write, text, told):
    found = run("check", write("p.yaml", text))
    assert isinstance(found.exception, InvalidInput)
    assert told in found.exception.message


def test_check_of_a_missing_file(tmp_path):
    assert "No such file" in run("check", tmp_path / "none.yaml").exception.message


def test_check_beside_a_home_looks_at_its_people_and_assets(write, home):
    assert run("check", write("p.yaml", POLICY), "--home", home.folder).exit_code == 0
    other = changed(POLICY, ("rules", 0, "match", "assets"), ["ETH"])
    found = run("check", write("p.yaml", other), "--home", home.folder, "--json")
    assert found.exit_code == 2
    (fault,) = json.loads(found.output)["faults"]
    assert (fault["code"], fault["field"], fault["line"]) == ("unknown", "rules[0].match.assets", 10)
    assert isinstance(run("check", write("p.yaml", POLICY), "--home", home.folder / "no").exception, NotFound)


# diff ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "way", "words"),
    [
        (("fee_caps", "litecoin"), 5, "allowed", "litecoin can be used, with fees up to 5"),
        (("fee_caps", "bitcoin-regtest"), 30_000, "looser", "20000 -> 30000"),
        (("book_cool_down_s",), 10, "looser", "172800 -> 10"),
        (("intent_ttl_s",), 9_000, "looser", "7200 -> 9000"),
        (("rules", 0, "limits", 0, "max_units"), 999, "tighter", "max_units 1000 -> 999"),
        (("rules", 0, "limits", 0, "window_s"), 1, "tighter", "new limit: at most 1000 base units in 1 s"),
        (("rules", 0, "match", "kinds"), ["customer", "treasury"], "allowed", "kinds: also treasury"),
        (("rules", 1, "match", "min_units"), 400, "allowed", "min_units: 500 -> 400"),
        (("rules", 1, "groups", 0, "threshold"), 3, "tighter", "threshold: 2 -> 3"),
        (("rules", 1, "groups", 0, "organisations"), 2, "tighter", "organisations: 1 -> 2"),
        (("rules", 1, "groups", 0, "approvers"), ["ann", "bob", "cid", "dan"], "looser", "dan may approve too"),
        (("rules", 1, "delay_s"), 0, "looser", "delay_s: 600 -> 0"),
        (("rules", 1, "name"), "big", "allowed", "permits kinds customer, assets BTC, min_units 500; 2 of ann, bob, cid"),
        (("rules", 1, "name"), "big", "forbidden", "no longer permits"),
        (
            ("delegations",),
            [{"giver": "ann", "receiver": "dan", "from": "2026-11-20", "until": "2026-12-01"}],
            "other",
            "new: dan votes for ann",
        ),
    ],
)  # fmt: skip
def test_diff_says_in_words_which_way_a_change_goes(write, path, value, way, words):
    new = write("new.yaml", changed({**POLICY, "version": 2}, path, value))
    found = run("diff", write("old.yaml", POLICY), new)
    assert found.exit_code == 0
    assert any(line.startswith(way) and words in line for line in found.output.splitlines())


def test_diff_of_a_denial_goes_the_other_way(write):
    denial = {"name": "none", "effect": "deny", "match": {"kinds": ["customer"], "min_kyc_level": 3}}
    old = {**POLICY, "rules": [*POLICY["rules"], denial]}
    new = changed(old, ("rules", 2, "match", "min_kyc_level"), 2)
    found = json.loads(run("diff", write("old.yaml", old), write("new.yaml", new), "--json").output)
    assert [(each["way"], each["where"]) for each in found["differences"]] == [("forbidden", "rule none")]


def test_diff_of_equal_policies_is_empty_and_of_a_bad_one_refused(write):
    same = write("old.yaml", POLICY)
    assert "0 differences" in run("diff", same, same).output
    bad = write("bad.yaml", changed(POLICY, ("version",), 0))
    assert isinstance(run("diff", same, bad).exception, InvalidInput)


# explain -------------------------------------------------------------------------------


def test_explain_says_which_rules_met_it_what_limits_leave_and_who_must_approve(write):
    found = run("explain", write("r.yaml", REQUEST), "--policy", write("p.yaml", POLICY))
    assert found.exit_code == 0
    for line in (
        "verdict: people must approve, by version 1",
        "rule small (permit): applies",
        "limit of small: 0.00001000 BTC in 86400 s for each customer: 0.00000300 BTC used, 0.00000600 BTC asked,",
        "0.00000100 BTC left after it",
        "group officers: 2 of bob, cid must approve (asked by large)",
        "without ann: asked for it",
        "(600 s later)",
    ):
        assert line in found.output


def test_explain_says_why_it_is_blocked_with_status_4(write):
    much = changed(REQUEST, ("facts", "usage", 0, "units"), 401)
    found = run("explain", write("r.yaml", much), "--policy", write("p.yaml", POLICY), "--json")
    assert found.exit_code == 4
    told = json.loads(found.output)
    assert told["decision"]["verdict"] == "block"
    assert told["decision"]["reasons"] == ["rule small: customer limit of 1000 in 86400 s: 401 used, 600 asked"]
    (limit,) = told["limits"]
    assert (limit["left"], limit["passes"]) == ("599", False)


def test_explain_says_which_condition_keeps_a_rule_away(write):
    little = changed(REQUEST, ("ask", "units"), 499)
    found = run("explain", write("r.yaml", little), "--policy", write("p.yaml", POLICY))
    assert "rule large (permit): does not apply\n  499 base units, the rule starts at 500" in found.output
    assert "verdict: allowed, nobody is asked" in found.output


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("ask", "asset"), "ETH", "r.yaml:6: ask.asset: unknown asset 'ETH'"),
        (("ask", "kind"), "stranger", "ask.kind: 'stranger' is none of"),
        (("ask", "units"), 1.5, "ask.units: must be a whole number"),
        (("facts", "typo"), 1, "facts.typo: unknown"),
        (("surprise",), 1, "surprise: unknown"),
        (("facts", "usage", 0, "scope"), "planet", "facts.usage[0].scope: 'planet'"),
    ],
)
def test_explain_refuses_a_request_that_is_told_wrongly(write, path, value, told):
    found = run("explain", write("r.yaml", changed(REQUEST, path, value)), "--policy", write("p.yaml", POLICY))
    assert told in found.exception.message


# test ----------------------------------------------------------------------------------


CASES = {
    "assets": REQUEST["assets"],
    "defaults": {"ask": {"asset": "BTC", "units": 100, "to": "bcrt1qdest"}},
    "cases": [
        {"name": "small goes alone", "expect": {"verdict": "allow", "rules": ["small"], "delay_s": 0}},
        {"name": "large asks", "ask": {"units": 500}, "expect": {"verdict": "approve", "groups": ["officers"]}},
        {"name": "too much", "ask": {"units": 1_001}, "expect": {"verdict": "block", "reason": "customer limit"}},
        {"name": "a hit", "facts": {"screening": "hit"}, "expect": {"verdict": "block", "reason": "screening"}},
    ],
}


def test_a_table_of_cases_passes(write):
    found = run("test", write("p.yaml", POLICY), write("c.yaml", CASES))
    assert (found.exit_code, found.output) == (0, "4 cases, 0 failed\n")


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("cases", 0, "expect", "verdict"), "block", "expected block, got allow (small)"),
        (("cases", 0, "expect", "rules"), ["small", "large"], "expected rules large, small, got small"),
        (("cases", 0, "expect", "delay_s"), 5, "expected a delay of 5 s, got 0 s"),
        (("cases", 1, "expect", "groups"), [], "expected groups none, got officers"),
        (("cases", 3, "expect", "reason"), "frozen", "expected a reason with 'frozen'"),
    ],
)
def test_a_case_that_comes_out_otherwise_fails_with_status_1(write, path, value, told):
    found = run("test", write("p.yaml", POLICY), write("c.yaml", changed(CASES, path, value)))
    assert found.exit_code == 1
    assert told in found.output
    assert "4 cases, 1 failed" in found.output


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("cases",), [], "nothing tested is not all passed"),
        (("cases", 0, "expect"), None, "cases[0].expect: a mapping"),
        (("cases", 0, "expect", "typo"), 1, "cases[0].expect.typo: unknown"),
        (("cases", 0, "surprise"), 1, "cases[0].surprise: unknown"),
        (("cases", 1, "ask", "units"), "5", "cases[1].ask.units: must be a whole number"),
    ],
)
def test_a_table_that_is_none_is_refused(write, path, value, told):
    found = run("test", write("p.yaml", POLICY), write("c.yaml", changed(CASES, path, value)))
    assert isinstance(found.exception, InvalidInput)
    assert told in found.exception.message


def test_cases_for_machines(write):
    failing = changed(CASES, ("cases", 0, "expect", "verdict"), "block")
    told = json.loads(run("test", write("p.yaml", POLICY), write("c.yaml", failing), "--json").output)
    assert (told["failed"], [each["passed"] for each in told["cases"]]) == (1, [False, True, True, True])


# Past decisions ------------------------------------------------------------------------


def past(number, units, customer="alice", at_s=NOW_S, measured=True):
    ask = Ask(
        f"wd-{number}", Kind.CUSTOMER, customer, customer, Address(BTC.chain, "bcrt1qdest"), Amount(units, BTC), ""
    )
    known = Circumstances(customer, 1, Tier.HOT, Destination(DestinationKind.ONE_TIME))
    rules = policy_from(copy.deepcopy(POLICY))
    usage = dict.fromkeys(required_usage(ask, known, rules), 0) if measured else {}
    facts = Facts(at_s + number, known, ScreeningVerdict.CLEAR, usage)
    return Withdrawal(
        id=WithdrawalId(ask.withdrawal_id), kind=ask.kind, customer=CustomerId(customer), initiator=customer, to=ask.to,
        amount=ask.amount, memo="", idempotency_key=IdempotencyKey(f"key-{number}"), request_hash=Digest(bytes(32)),
        salt="00" * 16, requested_at_ms=number, state=WithdrawalState.SETTLED, moved_at_ms=number, version=1,
        hold=HoldState.POSTED, decision=decide(ask, facts, rules), facts_json=canonical_json(facts.as_json()).decode(),
    )  # fmt: skip


@pytest.fixture
def store(home):
    write_new_private(home.passphrase, b"a passphrase of this test")
    create_holder(home.keystore(SEALS), read_passphrase(home.passphrase))
    return SqlWithdrawalStore(open_database(home.database("custody")), AssetBook([BTC]), open_seals(home))


def test_explain_of_a_stored_withdrawal_decides_as_it_was_decided(home, store):
    record = store.add(past(1, 700))
    found = run("explain", "wd-1", "--home", home.folder, "--json")
    assert json.loads(found.output)["decision"]["facts_hash"] == record.decision.facts_hash.hex()
    assert json.loads(found.output)["decision"]["verdict"] == "approve"


def test_explain_of_what_is_not_there_or_not_decided(home, store):
    assert isinstance(run("explain", "wd-9", "--home", home.folder).exception, NotFound)
    store.add(replace(past(2, 700), decision=None, facts_json="", state=WithdrawalState.HELD))
    assert "not decided yet" in run("explain", "wd-2", "--home", home.folder).exception.message


def test_simulate_shows_only_what_would_go_otherwise(home, store, write):
    for number, units in enumerate((100, 500, 700), start=1):
        store.add(past(number, units))
    same = run("simulate", write("d.yaml", {**POLICY, "version": 2}), "--home", home.folder)
    assert same.output == "3 past decisions, 0 would go otherwise under version 2\n"
    draft = changed({**POLICY, "version": 2}, ("rules", 1, "match", "min_units"), 600)
    found = run("simulate", write("d.yaml", draft), "--home", home.folder)
    assert found.exit_code == 0
    assert "wd-2  0.00000500 BTC" in found.output
    assert "then  approve (2 of officers), after 600 s: rules large, small" in found.output
    assert "draft allow: rules small" in found.output
    assert "3 past decisions, 1 would go otherwise" in found.output


def test_simulate_adds_up_what_nobody_measured_then(home, store, write):
    # A limit over an hour did not exist: 400 + 400 were inside it when the third asked, and one ended unpaid.
    for number in (1, 2):
        store.add(past(number, 400))
    store.add(replace(past(3, 400), state=WithdrawalState.CANCELLED, hold=HoldState.VOIDED))
    store.add(past(4, 300))
    limit = {"scope": "customer", "window_s": 3_600, "max_units": 1_000}
    draft = changed({**POLICY, "version": 2}, ("rules", 0, "limits"), [limit])
    told = json.loads(run("simulate", write("d.yaml", draft), "--home", home.folder, "--json").output)
    reasons = {each["id"]: each["draft"]["reasons"] for each in told["changed"]}
    assert reasons == {
        "wd-3": ["rule small: customer limit of 1000 in 3600 s: 800 used, 400 asked"],
        "wd-4": ["rule small: customer limit of 1000 in 3600 s: 800 used, 300 asked"],
    }


def test_simulate_lets_the_window_move_on(home, store, write):
    store.add(past(1, 900, at_s=NOW_S))
    store.add(past(2, 200, at_s=NOW_S + 3_599))  # decided exactly one window after the first
    limit = {"scope": "customer", "window_s": 3_600, "max_units": 1_000}
    draft = changed({**POLICY, "version": 2}, ("rules", 0, "limits"), [limit])
    told = json.loads(run("simulate", write("d.yaml", draft), "--home", home.folder, "--json").output)
    assert told["changed"] == []


def test_simulate_where_nothing_ran(home, write):
    assert isinstance(run("simulate", write("d.yaml", POLICY), "--home", home.folder).exception, NotFound)
