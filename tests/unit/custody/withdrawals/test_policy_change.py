# Attack D04: a policy change waits for quorum and delay; until then the version in force decides.
from dataclasses import fields, replace

import pytest
from simulators.chain import SIM
from simulators.withdrawal_house import NOW_S, OPERATORS, approval, house_policy, roster_of

from custody.keys.quorum import ApprovalDenied, QuorumRule
from custody.primitives.approval import Verdict
from custody.primitives.errors import QuorumNotReached
from custody.withdrawals.errors import InvalidPolicy, PolicyChangeRefused
from custody.withdrawals.policy_change import ChangeTerms, PolicyProposal, activated, policy_digest
from custody.withdrawals.rules import AllowedPlace, Delegation, Match

DELAY_S = 3_600
DUE_S = NOW_S + DELAY_S
TERMS = ChangeTerms(QuorumRule(roster_of(*OPERATORS), 2, 86_400), DELAY_S)
CURRENT = house_policy(1)
DRAFT = house_policy(2, intent_ttl_s=999)
PROPOSAL = PolicyProposal(DRAFT, "ann", NOW_S)


def votes(policy, *names, verdict=Verdict.APPROVE):
    return [approval(policy_digest(policy), name, verdict, NOW_S) for name in names]


BOTH = votes(DRAFT, "bob", "cid")


@pytest.mark.parametrize("version", [1, 3])
def test_refuses_a_version_that_does_not_follow(version):
    draft = replace(DRAFT, version=version)
    with pytest.raises(PolicyChangeRefused):
        activated(CURRENT, replace(PROPOSAL, draft=draft), votes(draft, "bob", "cid"), TERMS, DUE_S)


def test_refuses_before_the_delay_has_passed():
    with pytest.raises(PolicyChangeRefused, match="waits 1 s"):
        activated(CURRENT, PROPOSAL, BOTH, TERMS, DUE_S - 1)


@pytest.mark.parametrize("names", [(), ("bob",), ("ann", "bob")], ids=["none", "one", "proposer"])
def test_refuses_without_a_quorum_besides_the_proposer(names):
    with pytest.raises(QuorumNotReached):
        activated(CURRENT, PROPOSAL, votes(DRAFT, *names), TERMS, DUE_S)


def test_refuses_after_one_denial():
    with pytest.raises(ApprovalDenied):
        activated(CURRENT, PROPOSAL, [*BOTH, *votes(DRAFT, "ann", verdict=Verdict.DENY)], TERMS, DUE_S)


def test_refuses_approvals_of_another_draft():
    with pytest.raises(QuorumNotReached):
        activated(CURRENT, PROPOSAL, votes(replace(DRAFT, intent_ttl_s=1_000), "bob", "cid"), TERMS, DUE_S)


def test_refuses_a_draft_with_faults():
    draft = replace(DRAFT, rules=())
    with pytest.raises(InvalidPolicy):
        activated(CURRENT, replace(PROPOSAL, draft=draft), votes(draft, "bob", "cid"), TERMS, DUE_S)


def test_the_digest_covers_every_field():
    others = {
        "version": 9,
        "rules": DRAFT.rules[1:],
        "fee_caps": {"simchain": 101},
        "book_cool_down_s": 1,
        "max_price_age_s": 1,
        "intent_ttl_s": 1,
        "approval_max_age_s": 1,
        "allow_list": (AllowedPlace("a", SIM, "sim1a", "", 0, 1),),
        "delegations": (Delegation("ann", "dan", 0, 1),),
    }
    assert set(others) == {field.name for field in fields(DRAFT)}
    assert len({policy_digest(DRAFT), *(policy_digest(replace(DRAFT, **{k: v})) for k, v in others.items())}) == 10


def test_the_digest_covers_every_condition_of_a_rule():
    conditions = {
        "assets": frozenset({"X"}),
        "kinds": frozenset(),
        "sources": frozenset(),
        "destinations": frozenset(),
        "min_kyc_level": 9,
        "min_units": 9,
        "min_reference_micros": 9,
        "allowed": frozenset(),
    }
    assert set(conditions) == {field.name for field in fields(Match)}
    rule = replace(DRAFT.rules[0], match=Match())
    base = replace(DRAFT, rules=(rule,))
    digests = {
        policy_digest(replace(base, rules=(replace(rule, match=Match(**{k: v})),))) for k, v in conditions.items()
    }
    assert len(digests | {policy_digest(base)}) == 9


def test_the_order_of_rules_is_no_change():
    assert policy_digest(replace(DRAFT, rules=DRAFT.rules[::-1])) == policy_digest(DRAFT)


def test_a_linted_approved_and_seasoned_draft_comes_into_force():
    assert activated(CURRENT, PROPOSAL, BOTH, TERMS, DUE_S) == DRAFT
