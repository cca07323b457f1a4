"""Many callers at the same moment: one key is one withdrawal, one balance is spent once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from exchange.cli.loop.outside import fresh_place

pytestmark = [pytest.mark.node, pytest.mark.slow]
CHAINS = {"bitcoin-regtest", "ethereum-local", "solana-local"}

CALLERS = 8
PLACE = fresh_place("bitcoin-regtest")


def at_once(call):
    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(call, range(CALLERS)))


def test_one_key_asked_by_many_at_once_is_one_withdrawal_held_once(live):
    body = {"customer": "ada", "asset": "BTC", "to": PLACE, "amount": "0.01"}
    before = live.balance("ada", "BTC")
    answers = at_once(lambda _: live.ask("POST", "/v1/withdrawals", body, key="all at once"))
    assert [answer.status_code for answer in answers] == [200] * CALLERS
    assert len({answer.json()["id"] for answer in answers}) == 1
    after = live.balance("ada", "BTC")
    assert (before.available - after.available, after.held - before.held) == (1_000_000, 1_000_000)


def test_one_balance_is_held_by_one_of_many_withdrawals_that_want_most_of_it(live):
    before = live.balance("finn", "SOL")
    most = before.available * 6 // 10
    body = {"customer": "finn", "asset": "SOL", "to": fresh_place("solana-local")}
    body["amount"] = f"{most // 10**9}.{most % 10**9:09d}"
    answers = at_once(lambda caller: live.ask("POST", "/v1/withdrawals", body, key=f"most {caller}"))
    assert sorted(answer.status_code for answer in answers) == [200] + [403] * (CALLERS - 1)
    assert {answer.json()["code"] for answer in answers if answer.is_error} == {"insufficient_funds"}
    after = live.balance("finn", "SOL")
    assert (before.available - after.available, after.held - before.held) == (most, most)


def test_orders_and_withdrawals_at_once_never_spend_more_than_there_is(live):
    before = live.balance("eve", "ETH")
    to = fresh_place("ethereum-local")

    def spend(caller):
        if caller % 2:
            order = {"customer": "eve", "market": "SOL/ETH", "side": "buy", "price": "0.2", "quantity": "100"}
            return live.ask("POST", "/v1/orders", order)
        body = {"customer": "eve", "asset": "ETH", "to": to, "amount": "20"}
        return live.ask("POST", "/v1/withdrawals", body, key=f"race {caller}")

    answers = at_once(spend)
    taken = sum(20 * 10**18 for answer in answers if not answer.is_error)
    after = live.balance("eve", "ETH")
    assert 0 < taken <= before.available
    assert (before.available - after.available, after.held - before.held) == (taken, taken)
    assert all(
        answer.json()["code"] in ("insufficient_funds", "order_refused") for answer in answers if answer.is_error
    )
    for answer in answers:
        if not answer.is_error and "order_id" in answer.json():
            assert live.ask("DELETE", f"/v1/orders/{answer.json()['order_id']}?customer=eve").status_code == 200
