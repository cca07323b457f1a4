# Answers, as they come over the routes.
import pytest
from simulators.chain import COIN, SIM

from custody.primitives.amount import Amount
from custody.primitives.chain import BlockRef
from custody.wallets.deposit import Deposit, DepositState
from exchange.api.shapes import amount_json, deposit_json

ORDER = {"customer": "alice", "market": "BTC/ETH", "side": "buy", "quantity": "1", "price": "30"}


@pytest.mark.parametrize("units", [0, 1, 2**53 + 1, 2**255])
def test_an_amount_is_text_exact_beyond_what_javascript_counts(units):
    assert amount_json(Amount(units, COIN)) == {"units": str(units), "asset": "SIM"}


def test_a_deposit_shows_its_identity_amount_and_state():
    deposit = Deposit("tx-1", 2, "alice", Amount(5, COIN), BlockRef(SIM, 9, "h9", "h8"), DepositState.CREDITED)
    assert deposit_json(deposit) == {
        "key": "simchain/tx-1/2",
        "chain": "simchain",
        "txid": "tx-1",
        "customer": "alice",
        "amount": {"units": "5", "asset": "SIM"},
        "state": "credited",
        "height": 9,
        "reason": "",
    }


def test_unknown_things_are_404(client, auth):
    for path in ("/v1/customers/nobody/balances", "/v1/withdrawals/wd-none"):
        answer = client.get(path, headers=auth)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    answer = client.delete("/v1/orders/999?customer=alice", headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_an_order_is_placed_shown_in_the_balance_and_cancelled(client, auth):
    placed = client.post("/v1/orders", json=ORDER, headers=auth).json()
    assert placed == {"order_id": placed["order_id"], "status": "open", "executed": "0.00000000", "fills": []}
    held = client.get("/v1/customers/alice/balances", headers=auth).json()["ETH"]["held"]
    assert held == {"units": str(30 * 10**18), "asset": "ETH"}
    stranger = client.delete(f"/v1/orders/{placed['order_id']}?customer=bob", headers=auth)
    assert stranger.status_code == 404
    gone = client.delete(f"/v1/orders/{placed['order_id']}?customer=alice", headers=auth)
    assert gone.json() == {"order_id": placed["order_id"], "status": "cancelled"}


def test_fills_are_told_with_exact_text(client, auth):
    client.post("/v1/orders", json=ORDER, headers=auth)
    sold = client.post("/v1/orders", json=ORDER | {"customer": "bob", "side": "sell", "price": None}, headers=auth)
    assert sold.json()["status"] == "filled"
    assert sold.json()["fills"] == [{"price": "30.000000000000000000", "quantity": "1.00000000"}]


def test_a_withdrawal_is_one_under_its_key_and_shows_the_intent_that_is_signed(client, auth, house):
    body = {"customer": "alice", "asset": "SIM", "to": "sim1dest", "amount": "0.0006"}
    headers = {**auth, "Idempotency-Key": "key-1"}
    first = client.post("/v1/withdrawals", json=body, headers=headers)
    again = client.post("/v1/withdrawals", json=body, headers=headers)
    assert first.status_code == 200
    assert (again.json()["id"], len(client.get("/v1/withdrawals", headers=auth).json())) == (first.json()["id"], 1)
    other = client.post("/v1/withdrawals", json=body | {"amount": "0.0007"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert first.json()["intent"] is first.json()["intent_hash"] is first.json()["txid"] is None
    house.step()
    shown = client.get(f"/v1/withdrawals/{first.json()['id']}", headers=auth).json()
    assert (shown["state"], shown["intent"]["units"], shown["intent"]["to"]) == (
        "awaiting_approval",
        "60000",
        "sim1dest",
    )
    assert shown["intent_hash"] == house.service.get(first.json()["id"]).intent_hash.hex()


def test_a_forged_approval_is_refused_and_counts_nothing(client, auth, house):
    body = {"customer": "alice", "asset": "SIM", "to": "sim1dest", "amount": "0.0006"}
    asked = client.post("/v1/withdrawals", json=body, headers={**auth, "Idempotency-Key": "key-1"}).json()
    house.step()
    intent_hash = house.service.get(asked["id"]).intent_hash.hex()
    forged = {
        "approver": "ann",
        "verdict": "approve",
        "intent_hash": intent_hash,
        "at_s": house.now_s,
        "signature": "00" * 64,
    }
    answer = client.post(f"/v1/withdrawals/{asked['id']}/approvals", json=forged, headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_signature")
    assert house.store.approvals(asked["id"]) == ()


def test_a_rebalance_is_a_move_to_our_own_cold_address(client, auth, house):
    headers = {**auth, "Idempotency-Key": "move-1"}
    move = client.post("/v1/treasury/rebalance", json={"officer": "ann", "asset": "SIM"}, headers=headers).json()
    assert (move["customer"], move["to"], move["amount"]) == (
        "treasury",
        house.cold,
        {"units": "900000", "asset": "SIM"},
    )


def test_public_pages_show_chains_problems_ledger_and_markets(client, world):
    status = client.get("/v1/status").json()
    assert status["chains"][0]["evidence"] == "simulator"
    assert status["problems"] == {"fees": "the house holds less"}
    assert status["ledger"]["state_hash"] == world.core.state_hash().hex()
    (market,) = client.get("/v1/markets").json()
    assert (market["market"], market["state"], market["bid"]) == ("BTC/ETH", "open", None)
    assert client.get("/v1/holdings/SIM").json()["hot"] == {"units": "900000", "asset": "SIM"}
    assert client.get("/v1/holdings/XXX").json()["code"] == "unknown_asset"
