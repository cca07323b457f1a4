"""A deposit leaves the chain before it is final: the credit goes back, and comes again once."""

import pytest

pytestmark = [pytest.mark.node, pytest.mark.slow]
CHAINS = {"bitcoin-regtest"}

NEVER_MINED_SAT = -(10**9)


def test_b10_a_reorganised_deposit_is_taken_back_and_credited_once_when_it_is_mined_again(live):
    bitcoin, before = live.chains.bitcoin, live.balance("dora", "BTC") if known(live, "dora") else None
    assert before is None
    txid = live.deposit("dora", "BTC", "0.5")

    def deposit():
        return next((row for row in live.get("/v1/deposits?customer=dora") if row["txid"] == txid), None)

    def stands(state):
        row = deposit()
        return row if row is not None and row["state"] == state else None

    seen = live.wait("credited", lambda: stands("credited"))
    assert live.balance("dora", "BTC").available == 50_000_000

    bitcoin.rpc.call("prioritisetransaction", txid, 0, NEVER_MINED_SAT)
    depth = bitcoin.node.height() - seen["height"] + 1
    assert depth < 6, "the deposit became final before the test could reorganise it"
    bitcoin.reorganise(depth)
    live.wait("taken back", lambda: stands("reversed"))
    assert live.balance("dora", "BTC").available == 0
    assert txid in bitcoin.rpc.call("getrawmempool")

    bitcoin.rpc.call("prioritisetransaction", txid, 0, -NEVER_MINED_SAT)
    again = live.wait("final", lambda: stands("final"))
    assert again["height"] > seen["height"]
    assert live.balance("dora", "BTC").available == 50_000_000
    assert len(live.get("/v1/deposits?customer=dora")) == 1
    live.require_books_balance()


def known(live, customer):
    return live.ask("GET", f"/v1/customers/{customer}/balances").status_code == 200
