"""One wei disappears from the hot wallet: signing stops for that asset alone, until two officers sign that it may go on."""

import json

import pytest

from exchange.app.blueprint import load_blueprint
from exchange.app.wallets import safe_wallet

pytestmark = [pytest.mark.node, pytest.mark.slow]
CHAINS = {"bitcoin-regtest", "ethereum-local", "solana-local"}

SCOPE = "asset:ETH"


def stops(live):
    return json.loads(live.mext("breaker", "show", "--json").stdout)


def test_a_missing_unit_stops_its_asset_and_only_a_quorum_lets_it_go_on(quiet, tmp_path):
    live = quiet
    assert stops(live) == {}
    ether = live.chains.ethereum.rpc
    safe = safe_wallet(next(w for w in load_blueprint(live.home.blueprint).wallets if w.id == "hot-eth")).address.text
    held = int(ether.call("eth_getBalance", safe, "latest"), 16)
    ether.call("anvil_setBalance", safe, hex(held - 1))
    live.wait("stopped", lambda: stops(live) or None)
    found = stops(live)
    assert list(found) == [SCOPE]
    assert found[SCOPE]["reason"] == "unbalanced: ETH: 1 base units missing on chain"

    waiting, paid = live.pay("ben", "ETH", "0.5"), live.pay("ada", "BTC", "0.01")
    live.wait_state(paid.id, "settled")
    assert live.state(waiting.id) in ("approved", "assigned")
    assert live.payments_to(waiting) == 0

    ether.call("anvil_setBalance", safe, hex(held))
    votes = [str(tmp_path / f"{name}.json") for name in ("alice", "bob")]
    for name, vote in zip(("alice", "bob"), votes, strict=True):
        assert live.mext("breaker", "approve", SCOPE, "--as", name, "--out", vote).returncode == 0
    assert live.mext("breaker", "close", SCOPE, votes[0]).returncode == 5
    assert live.mext("breaker", "close", SCOPE, votes[0], votes[0]).returncode == 5
    assert list(stops(live)) == [SCOPE]
    assert live.mext("breaker", "close", SCOPE, *votes).returncode == 0
    live.wait_state(waiting.id, "settled")
    assert live.received(waiting) == waiting.units
    live.require_books_balance()
    assert stops(live) == {}


def test_the_treasury_is_shown_beside_the_running_service(quiet, tmp_path):
    picture = tmp_path / "treasury.svg"
    shown = quiet.mext("treasury", "status", "--json", "--svg", str(picture))
    assert shown.returncode == 0, shown.stderr
    rows = {row["asset"]: row for row in json.loads(shown.stdout)}
    assert set(rows) == set(quiet.symbols)
    for symbol, row in rows.items():
        held = quiet.get(f"/v1/holdings/{symbol}")
        assert (row["stock"]["hot"], row["stock"]["cold"]) == (held["hot"]["units"], held["cold"]["units"])
        assert not row["is_modelled"]
        assert row["basis"].startswith("history too short")
    assert picture.read_text().startswith("<svg")
    assert "to cold: above" in quiet.mext("treasury", "plan").stdout
