"""A warm tier on Knots and anvil: hot below its low level asks, people approve, warm pays, ever more people, then nobody.

What cold brings to warm is moved on the chain by hand: its keys lie in no process.
"""

import json
from types import SimpleNamespace

import pytest
from simulators.installation import LiveInstallation

from exchange.app.ceremony import STAFF
from exchange.app.wallets import receives_at
from exchange.cli.loop import proofs
from exchange.cli.loop.staff import Staff

pytestmark = [pytest.mark.node, pytest.mark.slow]

CHAINS = {"bitcoin-regtest", "ethereum-local"}
FUNDS = {("ada", "BTC"): "5", ("ben", "ETH"): "100", ("house", "BTC"): "0.05", ("house", "ETH"): "0.5"}
MIN_COLD_PPM = 980_000


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    folder = tmp_path_factory.mktemp("warm") / "home"
    folder.parent.chmod(0o700)
    with LiveInstallation(folder) as installation:
        installation.provision(CHAINS, warm=CHAINS)
        installation.fund(FUNDS)
        yield installation


def requests(live, symbol, to):
    found = live.get("/v1/treasury/requests")
    return [each for each in found if (each["amount"]["asset"], each["to"]) == (symbol, to)]


def wait_request(live, symbol, number, state):
    """The request of this number into hot, once it stands there."""

    def look():
        found = requests(live, symbol, "hot")
        return found[number - 1] if len(found) >= number and found[number - 1]["state"] == state else None

    return live.wait(f"refill {number} of {symbol} {state}", look)


def held(live, symbol):
    found = live.get(f"/v1/holdings/{symbol}")
    return SimpleNamespace(**{tier: int(found[tier]["units"]) for tier in ("hot", "warm", "cold", "owed")}, cold_ppm=found["cold_ppm"])  # fmt: skip


def drain(live, customer, symbol, amount):
    payment = live.pay(customer, symbol, amount)
    live.wait_state(payment.id, "settled")


def approve(live, request, staff):
    """Wait until the intent of the move stands, then hand these people's approvals in."""
    live.wait_state(request["withdrawal_id"], "awaiting_approval")
    for vote in staff.approvals(live.get(f"/v1/withdrawals/{request['withdrawal_id']}")):
        live.post(f"/v1/withdrawals/{request['withdrawal_id']}/approvals", vote)


def bring_from_cold(live):
    """What people with the cold keys would do: the coins of the open request, from the cold Safe to the warm one."""
    asked = live.wait(
        "asked of cold", lambda: [r for r in requests(live, "ETH", "warm") if r["state"] == "open"] or None
    )
    places = {spec.tier: receives_at(spec) for spec in live.ceremony.wallets if spec.chain == "ethereum-local"}
    ether = live.chains.ethereum.rpc
    for tier, change in (("warm", 1), ("cold", -1)):
        units = int(ether.call("eth_getBalance", places[tier], "latest"), 16) + change * int(
            asked[0]["amount"]["units"]
        )
        ether.call("anvil_setBalance", places[tier], hex(units))
    live.wait(
        "seen in warm",
        lambda: [r for r in requests(live, "ETH", "warm") if (r["id"], r["state"]) == (asked[0]["id"], "done")] or None,
    )


def test_warm_signers_are_processes_of_their_own_that_pay_our_own_places_only(live):
    wallets = {spec.id: spec for spec in live.ceremony.wallets}
    for chain, name in (("bitcoin-regtest", "btc"), ("ethereum-local", "eth")):
        warm, hot = wallets[f"warm-{name}"], wallets[f"hot-{name}"]
        assert not {member.signer for member in warm.members} & {member.signer for member in hot.members}
        ours = {receives_at(hot), receives_at(wallets[f"cold-{name}"])}
        for member in warm.members:
            rules = json.loads((live.home.signer(member.signer) / "rules.json").read_text())
            assert (warm.chain, set(rules["destinations"][warm.id])) == (chain, ours)


def test_what_lies_too_much_in_hot_fills_warm_and_then_cold(live):
    for symbol in ("BTC", "ETH"):
        for turn, to in enumerate(("warm", "cold")):
            body = {"officer": "carol", "asset": symbol}
            move = live.post("/v1/treasury/rebalance", body, key=f"sweep-{symbol}-{turn}")
            live.wait_state(move["id"], "awaiting_approval")
            live.approve(move["id"])
            live.wait_state(move["id"], "settled")
            assert getattr(held(live, symbol), to) == int(move["amount"]["units"])
        now = held(live, symbol)
        assert now.cold_ppm >= MIN_COLD_PPM
        assert (now.hot + now.warm) * 1_000_000 <= now.owed * 18_000
        assert now.warm > 0
    live.require_books_balance()
    assert live.get("/v1/treasury/requests") == []


def test_a_statement_counts_what_lies_warm_and_its_signers_show_that_it_is_ours(live):
    claims = live.post("/v1/reserves/drafts")["claims"]
    assert {c["wallet_id"] for c in claims if c["tier"] == "warm"} == {"warm-btc", "warm-eth"}
    step = SimpleNamespace()
    proofs.reserves(live.world, SimpleNamespace(), step, live.staff)
    assert "proof of ada verified" in step.evidence


def test_on_knots_a_request_becomes_a_payment_from_warm_to_hot(live):
    before = held(live, "BTC")
    drain(live, "ada", "BTC", "0.03")
    request = wait_request(live, "BTC", 1, "open")
    assert (request["from"], request["quorum"], request["reason"]) == ("warm", 2, "below the low level")
    low = held(live, "BTC")
    approve(live, request, live.staff)
    done = wait_request(live, "BTC", 1, "done")
    move = live.get(f"/v1/withdrawals/{done['withdrawal_id']}")
    after = held(live, "BTC")
    assert move["state"] == "settled"
    assert after.hot - low.hot == int(request["amount"]["units"])
    assert 0 < before.warm - after.warm - int(request["amount"]["units"]) <= 200_000
    live.require_books_balance()
    shown = json.loads(live.mext("treasury", "requests", "--json").stdout)
    assert next(each for each in shown if each["id"] == request["id"]) == done
    assert "refill-BTC-hot-1: done" in live.mext("treasury", "requests").stdout


def test_e02_on_anvil_the_third_refill_of_a_day_needs_a_third_person_and_the_day_has_an_end(live):
    everybody, amounts = Staff(live.home, STAFF), ("0.6", "0.35", "0.55")
    for number, amount in enumerate(amounts, start=1):
        drain(live, "ben", "ETH", amount)
        request = wait_request(live, "ETH", number, "open")
        assert request["quorum"] == (2 if number < 3 else 3)
        approve(live, request, live.staff)
        if number == 3:
            live.require_books_balance()
            assert wait_request(live, "ETH", 3, "open")["state"] == "open"
            approve(live, request, everybody)
        wait_request(live, "ETH", number, "done")
        bring_from_cold(live)
        assert held(live, "ETH").cold_ppm >= MIN_COLD_PPM
    drain(live, "ben", "ETH", "0.7")
    (stopped,) = live.wait("stopped", lambda: [r for r in requests(live, "ETH", "warm") if r["quorum"] == 0] or None)
    assert (stopped["state"], stopped["withdrawal_id"]) == ("refused", "")
    assert "in 24 h, at most" in stopped["note"]
    problem = live.wait("on the status page", lambda: live.get("/v1/status")["problems"].get("refills ETH"))
    assert stopped["note"] in problem
    live.require_books_balance()


def test_e01_a_nearly_empty_hot_wallet_pays_small_amounts_and_large_ones_wait_until_it_is_filled(live):
    now = held(live, "ETH")
    assert now.hot * 1_000 < now.owed * 2  # below the throttle level, as the refills of the day left it
    large, small = live.pay("ben", "ETH", "0.1"), live.pay("ben", "ETH", "0.005")
    live.wait_state(small.id, "settled")
    live.wait_state(large.id, "awaiting_liquidity")
    assert "large amounts wait" in live.get(f"/v1/withdrawals/{large.id}")["reason"]
    approve(live, wait_request(live, "ETH", 4, "open"), Staff(live.home, STAFF))
    live.wait_state(large.id, "settled")
    assert live.received(large) == large.units
    live.require_books_balance()
