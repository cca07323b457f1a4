# Address books and look-alikes over the routes.
import pytest
from simulators.withdrawal_house import approval

from custody.withdrawals.full_compare import compare_digest
from custody.withdrawals.states import WithdrawalState

TRUSTED = "sim1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
POISONED = "sim1" + "z" * 35 + "f3t4"
BOOK = "/v1/customers/alice/address-book"


@pytest.fixture
def case(client, auth, house):
    # The trusted place is in the book, and somebody asks for one that looks like it.
    client.post(BOOK, json={"asset": "SIM", "to": TRUSTED}, headers=auth)
    house.looks_alike = True
    house.now_s += 1
    made = house.ask(to=POISONED)
    house.step()
    assert house.state(made.id) is WithdrawalState.SCREENING
    return made


def body(case, typed=POISONED, **changed):
    vote = approval(compare_digest(case.customer, case.to, typed), "ann")
    fields = {"approver": "ann", "verdict": "approve", "intent_hash": vote.intent_hash.hex(), "at_s": vote.at_s}
    return {"typed": typed, "approval": {**fields, "signature": vote.signature.hex(), **changed}}


def test_without_the_token_nothing_is_shown_or_changed(client):
    paths = [("GET", BOOK), ("POST", BOOK), ("DELETE", f"{BOOK}/bk-1"), ("GET", "/v1/look-alikes")]
    for method, path in [*paths, ("POST", "/v1/withdrawals/wd-1/full-compare")]:
        assert client.request(method, path, json={}).status_code == 401


def test_a_place_that_is_none_does_not_enter_the_book(client, auth):
    for wrong, status in (({"to": "nowhere"}, 422), ({"asset": "XYZ"}, 422), ({"memo": "x" * 300}, 422)):
        answer = client.post(BOOK, json={"asset": "SIM", "to": TRUSTED, **wrong}, headers=auth)
        assert answer.status_code == status
    assert client.get(BOOK, headers=auth).json() == []


def test_an_entry_is_made_shown_and_removed(client, auth):
    made = client.post(BOOK, json={"asset": "SIM", "to": TRUSTED, "memo": "7"}, headers=auth).json()
    assert (made["to"], made["memo"], made["added_by"], made["id"][:3]) == (TRUSTED, "7", "alice", "bk-")
    assert client.get(BOOK, headers=auth).json() == [made]
    assert client.get(BOOK.replace("alice", "bobby"), headers=auth).json() == []
    assert client.delete(f"{BOOK}/{made['id']}", headers=auth).status_code == 200
    assert client.delete(f"{BOOK}/{made['id']}", headers=auth).status_code == 404
    assert client.get(BOOK, headers=auth).json() == []


# The middle must come from elsewhere, not from whoever may be hacked.
def test_c19_the_officer_is_told_the_ends_only(client, auth, case):
    (shown,) = client.get("/v1/look-alikes", headers=auth).json()
    assert (shown["id"], shown["to_ends"]) == (case.id, "sim1...f3t4")
    assert TRUSTED in shown["resembles"]
    assert POISONED not in str(shown)


def test_c19_a_comparison_over_the_routes(client, auth, house, case):
    path = f"/v1/withdrawals/{case.id}/full-compare"
    assert client.post(path, json=body(case, typed=TRUSTED), headers=auth).json()["code"] == "compared_otherwise"
    assert client.post(path, json=body(case, signature="00" * 64), headers=auth).json()["code"] == "bad_signature"
    assert client.post(path, json=body(case, verdict="deny"), headers=auth).json()["code"] == "compare_refused"
    assert client.post(path, json={"typed": "", "approval": {}}, headers=auth).status_code == 422
    assert client.post(path, json=body(case), headers=auth).json()["compared_by"] == "ann"
    house.step()
    shown = client.get(f"/v1/withdrawals/{case.id}", headers=auth).json()
    assert shown["state"] == "broadcast"
    assert (shown["destination"]["kind"], shown["destination"]["compared_by"]) == ("one_time", "ann")
    assert TRUSTED in shown["destination"]["resembles"]
    assert client.get("/v1/look-alikes", headers=auth).json() == []


def test_before_the_decision_nothing_is_said_about_the_destination(client, auth, case):
    assert client.get(f"/v1/withdrawals/{case.id}", headers=auth).json()["destination"] is None
