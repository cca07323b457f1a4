import pytest
from simulators.withdrawal_house import approval

from custody.withdrawals.ports import Change
from custody.withdrawals.reviewing import Resolution, ReviewVerdict
from custody.withdrawals.states import WithdrawalEvent


@pytest.fixture
def case(house):
    # Left to people by a node that contradicts another; no payment yet, so nothing on a chain speaks for it.
    made = house.ask(1_000)
    doubted = made.move(WithdrawalEvent.DOUBT, house.now_s * 1000, "looked strange")
    house.store.commit(Change(withdrawals=(doubted,)))
    return made.id


def body(house, resolution, *approvers):
    votes = [approval(resolution.digest, name, at_s=house.now_s) for name in approvers]
    return {
        **{name: getattr(resolution, name) for name in ("txid", "height", "seen", "officer", "at_s", "note")},
        "verdict": resolution.verdict.value,
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


def test_without_the_token_nothing_is_shown_or_resolved(client, case):
    assert client.get("/v1/withdrawal-reviews").status_code == 401
    assert client.post(f"/v1/withdrawal-reviews/{case}", json={}).status_code == 401


def test_what_is_no_resolution_is_refused_by_its_shape(client, auth, house, case):
    made = Resolution(case, ReviewVerdict.PAID, "tx", 7, "x", "ann", house.now_s)
    good = body(house, made, "bob", "cid")
    for wrong in ({"verdict": "maybe"}, {"height": "high"}, {"height": -1}, {"extra": 1}, {"approvals": None}):
        assert client.post(f"/v1/withdrawal-reviews/{case}", json=good | wrong, headers=auth).status_code == 422


def test_people_see_the_case_and_cannot_resolve_what_no_chain_speaks_for(client, auth, house, case):
    (shown,) = client.get("/v1/withdrawal-reviews", headers=auth).json()
    assert (shown["id"], shown["reason"], shown["payment"], shown["attempts"]) == (case, "looked strange", None, [])
    made = Resolution(case, ReviewVerdict.REFUND, "", 0, shown["seen"], "ann", house.now_s)
    answer = client.post(f"/v1/withdrawal-reviews/{case}", json=body(house, made, "bob", "cid"), headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (403, "resolution_refused")
    assert client.get(f"/v1/withdrawal-reviews/{case}", headers=auth).json()["state"] == "needs_review"
