from dataclasses import replace

import pytest
from simulators.chain import COIN, SIM
from simulators.withdrawal_house import approval

from custody.primitives.amount import Amount
from custody.primitives.chain import BlockRef
from custody.wallets.cases import CaseAction, Decision
from custody.wallets.deposit import Deposit, DepositState

KEY = "simchain/t1/0"


@pytest.fixture
def case(rooms):
    block = BlockRef(SIM, 5, "h5", "h4")
    made = Deposit("t1", 0, "", Amount(100, COIN), block, DepositState.UNATTRIBUTED, to="shared", memo="7")
    rooms.deposits.save(replace(made, senders=("sim1from",), reason="memo '7' belongs to nobody"))
    rooms.address_desks[SIM] = None
    return made


def body(house, decision, *approvers):
    votes = [approval(decision.digest, name, at_s=house.now_s) for name in approvers]
    return {
        "action": decision.action.value,
        "subject": decision.subject,
        "seen": decision.seen,
        "officer": decision.officer,
        "at_s": decision.at_s,
        "customer": decision.customer,
        "approvals": [
            {
                "approver": vote.approver,
                "verdict": vote.verdict.value,
                "intent_hash": vote.intent_hash.hex(),
                "at_s": vote.at_s,
                "signature": vote.signature.hex(),
            }
            for vote in votes
        ],
    }


def decided(client, auth, house, *approvers):
    seen = client.get("/v1/deposit-cases/seen", params={"subject": KEY}, headers=auth).json()["seen"]
    decision = Decision(CaseAction.ASSIGN, KEY, seen, "ann", house.now_s, customer="bob")
    return client.post("/v1/deposit-decisions", json=body(house, decision, *approvers), headers=auth)


@pytest.mark.usefixtures("case")
def test_without_the_token_nothing_is_shown_or_decided(client, house):
    assert client.get("/v1/deposit-cases").status_code == 401
    decision = Decision(CaseAction.ASSIGN, KEY, "x", "ann", house.now_s, customer="bob")
    assert client.post("/v1/deposit-decisions", json=body(house, decision, "bob", "cid")).status_code == 401


@pytest.mark.usefixtures("case")
def test_one_officer_is_too_few_and_an_unknown_action_is_no_decision(client, auth, house, rooms):
    assert decided(client, auth, house, "bob").status_code == 403
    decision = Decision(CaseAction.ASSIGN, KEY, "x", "ann", house.now_s, customer="bob")
    odd = body(house, decision) | {"action": "burn"}
    assert client.post("/v1/deposit-decisions", json=odd, headers=auth).status_code == 422
    assert rooms.deposits.get(KEY).state is DepositState.UNATTRIBUTED


@pytest.mark.usefixtures("case")
def test_two_officers_assign_a_case_and_it_is_gone(client, auth, house, rooms):
    (shown,) = client.get("/v1/deposit-cases", headers=auth).json()
    assert (shown["memo"], shown["senders"], shown["reason"]) == ("7", ["sim1from"], "memo '7' belongs to nobody")
    assert decided(client, auth, house, "bob", "cid").status_code == 200
    assert client.get("/v1/deposit-cases", headers=auth).json() == []
    assert rooms.deposits.get(KEY).customer == "bob"
    assert decided(client, auth, house, "bob", "cid").status_code == 403
