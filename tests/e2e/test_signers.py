"""Two of three signers pay; one alone signs nothing that leaves the house."""

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
