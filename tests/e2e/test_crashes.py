"""A process dies at the worst moment: what was asked is paid once, and the books agree with the chain."""

import signal
from pathlib import Path

import pytest
from simulators.installation import ALL_CHAINS, as_json

from exchange.cli.loop.money import CHAIN_OF
from exchange.cli.loop.outside import fresh_place

pytestmark = [pytest.mark.node, pytest.mark.slow]
CHAINS = ALL_CHAINS

CRASHING = str(Path(__file__).with_name("crashing.py"))
PAYMENTS = (
    ("ada", "BTC", "0.021"),
    ("ben", "ETH", "0.7"),
    ("cleo", "SOL", "0.9"),
    ("gus", "TRX", "31"),
    ("hana", "XRP", "22"),
    ("ivo", "BNB", "0.6"),
    ("judy", "LTC", "0.4"),
    ("kim", "DOGE", "150"),
)
"""One on each chain."""


def run_until_killed(live, order):
    ended = live.run_program(CRASHING, stdin=as_json({"home": str(live.home.folder), **order}))
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize(
    ("moment", "asked"), [("before_broadcast", PAYMENTS[:1]), ("after_broadcast", PAYMENTS)], ids=["before", "after"]
)
def test_a_kill_around_the_broadcast_pays_every_withdrawal_exactly_once(live, moment, asked):
    payments = [live.request(*each) for each in asked]
    orders = [
        {"moment": moment, "chain": CHAIN_OF[p.asset], "withdrawal": p.id, "approvals": live.approvals(p.id)}
        for p in payments
    ]
    on_chain = 1 if moment == "after_broadcast" else 0
    with live.service_stopped():
        for order, payment in zip(orders, payments, strict=True):
            run_until_killed(live, order)
            live.wait_payments(payment, on_chain)
    for payment in payments:
        live.wait_state(payment.id, "settled")
        assert live.payments_to(payment) == 1
        assert live.received(payment) == payment.units
    live.require_books_balance()


def test_a_kill_between_the_hold_and_the_row_loses_neither_the_money_nor_the_request(live):
    place = fresh_place("bitcoin-regtest")
    request = {
        "customer": "ada",
        "asset": "BTC",
        "to": place,
        "amount": "0.25",
        "memo": "",
        "idempotency_key": "hold-1",
    }
    before, known = live.balance("ada", "BTC"), {row["id"] for row in live.get("/v1/withdrawals")}
    with live.service_stopped():
        run_until_killed(live, {"moment": "after_hold", "request": request})
    after = live.balance("ada", "BTC")
    assert (before.available - after.available, after.held - before.held) == (25_000_000, 25_000_000)
    (made,) = [row for row in live.get("/v1/withdrawals") if row["id"] not in known]
    assert (made["to"], made["amount"]["units"]) == (place, "25000000")
    body = {name: request[name] for name in ("customer", "asset", "to", "amount")}
    assert live.post("/v1/withdrawals", body, "hold-1")["id"] == made["id"]
    assert live.balance("ada", "BTC") == after
    live.wait_state(made["id"], "awaiting_approval")
    live.approve(made["id"])
    live.wait_state(made["id"], "settled")
    assert live.balance("ada", "BTC").held == before.held
