from dataclasses import replace

import pytest
from simulators.blocks import CHAIN
from simulators.deposit_house import DepositHouse
from simulators.withdrawal_house import approval

from custody.keys.quorum import ApprovalDenied
from custody.primitives.approval import Verdict
from custody.primitives.errors import InvalidInput, NotFound, QuorumNotReached, StaleState, UnknownChain
from custody.store.deposits import DecisionSpent
from custody.wallets.cases import MAX_AGE_S, CaseAction, DecisionRefused
from custody.wallets.deposit import DepositState

KEY = "sim/t1/0"


@pytest.fixture
def house():
    """A deposit in quarantine."""
    made = DepositHouse(tolerated_reorg=3)
    made.screening.listed.add("bad")
    made.pay(senders=("bad",))
    made.step(blocks=2)
    return made


@pytest.mark.parametrize("approvers", [(), ("bob",), ("ann", "bob"), ("bob", "bob"), ("bob", "zoe")])
def test_refuses_fewer_than_two_people_besides_who_proposed(house, approvers):
    with pytest.raises(QuorumNotReached):
        house.decide(CaseAction.RELEASE, approvers=approvers)
    assert house.state() == "quarantined"
    assert house.store.decisions() == []


def test_refuses_what_one_officer_denies(house):
    decision = house.propose(CaseAction.RELEASE)
    votes = [approval(decision.digest, name, at_s=house.now_s) for name in ("bob", "cid")]
    votes.append(approval(decision.digest, "ann", Verdict.DENY, at_s=house.now_s))
    with pytest.raises(ApprovalDenied):
        house.desk.carry_out(decision, votes, house.now_s)


@pytest.mark.parametrize(
    "change", [{"note": "x"}, {"customer": "eve"}, {"officer": "bob"}, {"refund_to": "eve"}, {"at_s": 1_799_999_999}]
)
def test_refuses_approvals_of_another_decision(house, change):
    decision = house.propose(CaseAction.RELEASE)
    votes = [approval(decision.digest, name, at_s=house.now_s) for name in ("bob", "cid")]
    with pytest.raises(QuorumNotReached):
        house.desk.carry_out(replace(decision, **change), votes, house.now_s)


@pytest.mark.parametrize("later_s", [-1, MAX_AGE_S + 1])
def test_refuses_a_decision_of_the_future_and_one_that_is_too_old(house, later_s):
    decision = house.propose(CaseAction.RELEASE)
    house.now_s += later_s
    with pytest.raises(DecisionRefused, match="older than a day"):
        house.carry_out(decision)


def test_refuses_a_proposal_of_somebody_who_is_not_on_the_roster(house):
    with pytest.raises(DecisionRefused, match="nobody on the roster"):
        house.carry_out(replace(house.propose(CaseAction.RELEASE), officer="zoe"))


@pytest.mark.parametrize(
    "action", [CaseAction.ASSIGN, CaseAction.COLLECT, CaseAction.COVER], ids=lambda action: action.value
)
def test_refuses_an_action_that_does_not_fit_the_state(house, action):
    with pytest.raises(DecisionRefused, match="is quarantined"):
        house.decide(action, customer="eve")


@pytest.mark.parametrize("action", [CaseAction.RESUME, CaseAction.RESTORE], ids=lambda action: action.value)
def test_refuses_to_resume_what_is_not_paused_and_to_act_on_no_chain(house, action):
    with pytest.raises((DecisionRefused, UnknownChain)):
        house.decide(action, KEY)
    with pytest.raises(NotFound):
        house.propose(CaseAction.RELEASE, "sim/none/0")


def test_refuses_to_resume_a_chain_that_runs(house):
    with pytest.raises(DecisionRefused, match="not paused"):
        house.decide(CaseAction.RESUME, CHAIN.id)


def test_refuses_the_same_decision_twice(house):
    decision = house.decide(CaseAction.RELEASE)
    house.store.save(replace(house.deposit(), state=DepositState.QUARANTINED, generation=0))
    with pytest.raises(DecisionSpent):
        house.carry_out(decision)
    assert house.state() == "quarantined"


def test_refuses_a_decision_about_a_state_that_has_passed(house):
    decision = house.propose(CaseAction.RELEASE)
    house.chain.reorg(3)
    house.pay(senders=("bad",))
    house.step(blocks=3)
    house.store.save(replace(house.deposit(), generation=1))
    with pytest.raises(DecisionRefused, match="not what was decided about"):
        house.carry_out(decision)


def test_refuses_what_moved_while_it_was_carried_out(house, monkeypatch):
    decision = house.propose(CaseAction.RELEASE)
    before = house.deposit()
    house.store.save(replace(before, reason="looked at again"))
    monkeypatch.setattr(house.store, "get", lambda _key: before)
    with pytest.raises(StaleState):
        house.carry_out(decision)
    assert house.store.decisions() == []


def test_refuses_a_refund_to_nowhere_and_an_assignment_to_nobody_or_the_house(house):
    with pytest.raises(InvalidInput):
        house.decide(CaseAction.REFUND)
    house.store.save(replace(house.deposit(), state=DepositState.UNATTRIBUTED, customer=""))
    for customer in ("", "house"):
        with pytest.raises(InvalidInput):
            house.decide(CaseAction.ASSIGN, customer=customer)


def test_refuses_to_release_what_belongs_to_nobody(house):
    house.store.save(replace(house.deposit(), customer=""))
    with pytest.raises(DecisionRefused, match="belongs to nobody"):
        house.decide(CaseAction.RELEASE)


def test_what_was_decided_is_kept_with_who_approved_it(house):
    assert [case.key for case in house.desk.open_cases(CHAIN.id)] == [KEY]
    house.decide(CaseAction.RELEASE, note="looked at")
    (text,) = house.store.decisions()
    assert '"approvers":["bob","cid"]' in text
    assert '"note":"looked at"' in text
    assert house.desk.open_cases(CHAIN.id) == []
    assert (house.state(), house.deposit().is_released) == ("seen", True)


def test_a_released_deposit_is_screened_again_if_another_sender_shows_up(house):
    house.decide(CaseAction.RELEASE)
    house.chain.reorg(3)
    house.screening.listed.add("worse")
    house.pay(senders=("bad", "worse"))
    house.step(blocks=4)
    assert house.state() == "quarantined"
