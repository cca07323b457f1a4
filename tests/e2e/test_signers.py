"""Two of three signers pay, at the start, too; one alone signs nothing that leaves the house."""

import time

import pytest

pytestmark = [pytest.mark.node, pytest.mark.slow]
CHAINS = {"bitcoin-regtest", "ethereum-local", "solana-local"}

PAYMENTS = (("ada", "BTC", "0.011"), ("ben", "ETH", "0.3"), ("cleo", "SOL", "0.4"))
LONG_ENOUGH_S = 4  # forty steps of the pipeline


def test_two_signers_pay_while_the_third_is_down_and_one_alone_pays_nothing(live):
    live.stop_signer("signer-a")
    first = [live.pay(*asked) for asked in PAYMENTS]
    for payment in first:
        live.wait_state(payment.id, "settled")
        assert live.received(payment) == payment.units

    live.stop_signer("signer-b")
    second = [live.pay(*asked) for asked in PAYMENTS]
    for payment in second:
        live.wait_state(payment.id, "assigned")
    time.sleep(LONG_ENOUGH_S)
    for payment in second:
        shown = live.get(f"/v1/withdrawals/{payment.id}")
        assert (shown["state"], shown["txid"]) == ("assigned", None)
        assert live.payments_to(payment) == 0

    live.start_signer("signer-a")
    for payment in second:
        live.wait_state(payment.id, "settled")
        assert live.payments_to(payment) == 1
        assert live.received(payment) == payment.units
    live.start_signer("signer-b")
    live.require_books_balance()


def test_the_service_starts_and_pays_without_one_signer_and_says_so_until_it_is_back(live):
    live.stop_signer("signer-c")
    with live.service_stopped():
        pass
    live.wait("named", lambda: True if "signer-c" in live.get("/v1/status")["problems"].get("signers", "") else None)
    payment = live.pay("ada", "BTC", "0.012")
    live.wait_state(payment.id, "settled")
    assert live.received(payment) == payment.units
    live.start_signer("signer-c")
    live.wait("back", lambda: True if "signers" not in live.get("/v1/status")["problems"] else None)
    live.stop_signer("signer-a")
    again = live.pay("ben", "ETH", "0.2")
    live.wait_state(again.id, "settled")  # the one that was missing signs
    live.start_signer("signer-a")
    live.require_books_balance()
