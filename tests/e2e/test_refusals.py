"""What the running service refuses: status, stable code, a message that says what and where, and nothing changed."""

import pytest

from exchange.app.blueprint import load_blueprint
from exchange.app.wallets import safe_wallet
from exchange.cli.loop.outside import STRANGERS, fresh_place
from exchange.cli.loop.staff import Staff

pytestmark = [pytest.mark.node, pytest.mark.slow]
CHAINS = {"bitcoin-regtest", "ethereum-local", "solana-local"}

PLACES = {chain: fresh_place(chain) for chain in STRANGERS}
BTC, ETH, SOL = (PLACES[chain] for chain in ("bitcoin-regtest", "ethereum-local", "solana-local"))
MAINNET_BTC = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
SYSTEM_PROGRAM = "11111111111111111111111111111111"
NOBODY_HAS = "1000000"


def wrong_checksum(address):
    return address[:-1] + ("q" if address[-1] != "q" else "p")


def wrong_case(address):
    return address[:2] + address[2:].swapcase()


def books(live):
    """All that a refusal could have changed."""
    ledger = live.get("/v1/status")["ledger"]
    return {
        "balances": {who: live.get(f"/v1/customers/{who}/balances") for who in ("ada", "ben", "cleo", "house")},
        "withdrawals": live.get("/v1/withdrawals"),
        "markets": live.get("/v1/markets"),
        "seq": ledger["seq"],
        "state": ledger["state_hash"],
    }


def refuse(live, call, *, status, code, says, but=()):
    """Make the call, demand the refusal, and compare the books; `but` names what may move (a journalled no)."""
    before = books(live)
    answer = call()
    said = answer.json()
    assert (answer.status_code, said["code"]) == (status, code), said
    assert set(said) == {"code", "message", "facts"}
    for part in says:
        assert part in said["message"], said["message"]
    after = books(live)
    for name in before.keys() - set(but):
        assert before[name] == after[name], name


ASKED = {"customer": "ada", "asset": "BTC", "to": BTC, "amount": "0.1"}

BAD_WITHDRAWALS = {
    "unknown asset": ({"asset": "NONE"}, 422, "unknown_asset", ("NONE",)),
    "lower case asset": ({"asset": "btc"}, 422, "unknown_asset", ("btc",)),
    "BTC: wrong checksum": ({"to": wrong_checksum(BTC)}, 422, "invalid_address", ("bitcoin-regtest", "checksum")),
    "BTC: an Ethereum address": ({"to": ETH}, 422, "invalid_address", ("bitcoin-regtest",)),
    "BTC: another network": ({"to": MAINNET_BTC}, 422, "wrong_network", ("bitcoin-regtest", MAINNET_BTC[:16])),
    "BTC: empty": ({"to": ""}, 422, "invalid_address", ("bitcoin-regtest",)),
    "ETH: wrong checksum": ({"asset": "ETH", "to": wrong_case(ETH)}, 422, "invalid_address", ("checksum",)),
    "ETH: too short": ({"asset": "ETH", "to": ETH[:-2]}, 422, "invalid_address", (ETH[:-2],)),
    "ETH: zero address": ({"asset": "ETH", "to": "0x" + "0" * 40}, 422, "invalid_address", ("zero",)),
    "SOL: not base58": ({"asset": "SOL", "to": "0OIl" + SOL[4:]}, 422, "invalid_address", ("base58",)),
    "SOL: not 32 bytes": ({"asset": "SOL", "to": SOL[:-8]}, 422, "invalid_address", ("32 bytes",)),
    "SOL: a program": ({"asset": "SOL", "to": SYSTEM_PROGRAM}, 422, "invalid_address", (SYSTEM_PROGRAM, "program")),
    "too many decimals": ({"amount": "0.123456789"}, 422, "invalid_amount", ("BTC", "9 decimals")),
    "not a whole quantum": (
        {"customer": "ben", "asset": "ETH", "to": ETH, "amount": "1.000000000000000001"},
        422,
        "invalid_amount",
        ("ETH", "0.00000001"),
    ),
    "negative": ({"amount": "-1"}, 422, "invalid_amount", ("BTC", "'-1'")),
    "zero": ({"amount": "0"}, 422, "invalid_amount", ("BTC", "above zero")),
    "NaN": ({"amount": "NaN"}, 422, "invalid_amount", ("BTC", "NaN")),
    "infinity": ({"amount": "Infinity"}, 422, "invalid_amount", ("BTC", "Infinity")),
    "exponent": ({"amount": "1e18"}, 422, "invalid_amount", ("BTC", "1e18")),
    "blank in front": ({"amount": " 1"}, 422, "invalid_amount", ("BTC",)),
    "comma": ({"amount": "0,1"}, 422, "invalid_amount", ("BTC", "0,1")),
    "Arabic digits": ({"amount": "١"}, 422, "invalid_amount", ("BTC",)),
    "more than the books count": ({"amount": "9" * 30}, 422, "invalid_amount", ("BTC", "outside")),
    "more than 256 bits": ({"amount": "9" * 90}, 422, "invalid_amount", ("BTC", "2**256")),
    "below the smallest": ({"amount": "0.00000999"}, 422, "invalid_amount", ("BTC", "outside")),
    "memo that cannot be shown": ({"memo": "a\u202eb"}, 422, "invalid_memo", ("printable",)),
    "memo too long": ({"memo": "é" * 200}, 422, "invalid_memo", ("bytes",)),
    "treasury as a customer": ({"customer": "treasury"}, 403, "refused", ("treasury",)),
    "no customer": ({"customer": ""}, 422, "invalid_input", ("customer",)),
    "amount as a number": ({"amount": 0.1}, 422, "invalid_input", ("body.amount",)),
    "unknown field": ({"fee": "0"}, 422, "invalid_input", ("body.fee",)),
    "text without end": ({"customer": "a" * 257}, 422, "invalid_input", ("body.customer", "256")),
}


@pytest.mark.parametrize("case", BAD_WITHDRAWALS)
def test_a_withdrawal_that_is_malformed_is_refused_and_changes_nothing(quiet, case):
    changed, status, code, says = BAD_WITHDRAWALS[case]
    refuse(
        quiet,
        lambda: quiet.ask("POST", "/v1/withdrawals", ASKED | changed, key=f"bad {case}"),
        status=status,
        code=code,
        says=says,
    )


def test_a_withdrawal_without_an_idempotency_key_is_refused(quiet):
    refuse(
        quiet,
        lambda: quiet.ask("POST", "/v1/withdrawals", ASKED),
        status=422,
        code="invalid_input",
        says=("Idempotency-Key",),
    )


@pytest.mark.parametrize("key", ["", "k" * 129])
def test_an_idempotency_key_of_unusable_length_is_refused(quiet, key):
    refuse(
        quiet,
        lambda: quiet.ask("POST", "/v1/withdrawals", ASKED, key=key),
        status=422,
        code="invalid_input",
        says=("Idempotency-Key",),
    )


@pytest.mark.parametrize("customer", ["ada", "nobody"])
def test_more_than_the_customer_has_is_refused_and_nothing_is_held(quiet, customer):
    body = ASKED | {"customer": customer, "amount": NOBODY_HAS}

    def call():
        return quiet.ask("POST", "/v1/withdrawals", body, key=f"poor {customer}")

    # The no itself is journalled: the same key asks the same question and is never charged later.
    refuse(quiet, call, status=403, code="insufficient_funds", says=("hold of withdrawal",), but=("seq", "state"))
    refuse(quiet, call, status=403, code="insufficient_funds", says=("hold of withdrawal",), but=("seq", "state"))


def test_the_same_key_is_the_same_withdrawal_and_another_body_under_it_is_refused(quiet):
    body = ASKED | {"amount": "0.002"}
    first = quiet.post("/v1/withdrawals", body, "twice")
    held = quiet.balance("ada", "BTC")
    again = quiet.post("/v1/withdrawals", body, "twice")
    assert again["id"] == first["id"]
    assert quiet.balance("ada", "BTC") == held
    quiet.wait_state(first["id"], "awaiting_approval")
    for other in ({"amount": "0.003"}, {"to": fresh_place("bitcoin-regtest")}, {"memo": "x"}):
        refuse(
            quiet,
            lambda other=other: quiet.ask("POST", "/v1/withdrawals", body | other, key="twice"),
            status=409,
            code="idempotency_conflict",
            says=(first["id"], "another content"),
        )
    of_ben = {"customer": "ben", "asset": "ETH", "to": ETH, "amount": "0.1"}
    assert quiet.post("/v1/withdrawals", of_ben, "twice")["id"] != first["id"], "keys belong to their customer"


def test_a_withdrawal_to_our_own_hot_wallet_is_rejected_and_the_money_comes_back(live):
    before = live.balance("ben", "ETH")
    (spec,) = [spec for spec in load_blueprint(live.home.blueprint).wallets if spec.id == "hot-eth"]
    body = {"customer": "ben", "asset": "ETH", "to": safe_wallet(spec).address.text, "amount": "0.5"}
    made = live.post("/v1/withdrawals", body, "to ourselves")
    live.wait_state(made["id"], "rejected")
    live.wait("the hold is released", lambda: True if live.balance("ben", "ETH") == before else None)


# Approvals -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def waiting(live):
    """A withdrawal that waits for approvals, the approvals that would release it, and another withdrawal."""
    first, second = live.request("ada", "BTC", "0.004"), live.request("ada", "BTC", "0.005")
    return first, live.approvals(first.id), second


def approving(live, withdrawal_id, approval):
    return live.ask("POST", f"/v1/withdrawals/{withdrawal_id}/approvals", approval)


def test_an_approval_by_an_unknown_person_is_refused(quiet, waiting):
    first, (alice, _), _ = waiting
    refuse(
        quiet,
        lambda: approving(quiet, first.id, alice | {"approver": "mallory"}),
        status=403,
        code="approval_refused",
        says=("mallory",),
    )


def test_an_approval_in_the_name_of_another_is_refused(quiet, waiting):
    first, (alice, _), _ = waiting
    refuse(
        quiet,
        lambda: approving(quiet, first.id, alice | {"approver": "carol"}),
        status=422,
        code="bad_signature",
        says=(),
    )


@pytest.mark.parametrize(("field", "value"), [("signature", "00" * 64), ("at_s", 1_700_000_000), ("verdict", "deny")])
def test_an_approval_that_was_changed_after_signing_is_refused(quiet, waiting, field, value):
    first, (alice, _), _ = waiting
    refuse(quiet, lambda: approving(quiet, first.id, alice | {field: value}), status=422, code="bad_signature", says=())


def test_an_approval_of_another_withdrawal_is_refused(quiet, waiting):
    """Attack C05: a genuine approval is carried to a withdrawal it was not given for."""
    _, (alice, _), second = waiting
    refuse(
        quiet, lambda: approving(quiet, second.id, alice), status=403, code="approval_refused", says=("another intent",)
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [("intent_hash", "zz" * 32), ("intent_hash", "ab"), ("signature", "AB" * 64), ("at_s", -1), ("verdict", "maybe")],
)
def test_a_malformed_approval_is_refused_and_the_field_is_named(quiet, waiting, field, value):
    first, (alice, _), _ = waiting
    refuse(
        quiet,
        lambda: approving(quiet, first.id, alice | {field: value}),
        status=422,
        code="invalid_input",
        says=(f"body.{field}",),
    )


def test_who_asked_for_a_treasury_move_cannot_approve_it(quiet):
    move = quiet.post("/v1/treasury/rebalance", {"officer": "carol", "asset": "SOL"}, "own move")
    quiet.wait_state(move["id"], "awaiting_approval")
    (own,) = Staff(quiet.home, ("carol",)).approvals(quiet.get(f"/v1/withdrawals/{move['id']}"))
    refuse(
        quiet,
        lambda: approving(quiet, move["id"], own),
        status=403,
        code="approval_refused",
        says=("carol",),
    )


def test_an_approval_of_nothing_is_refused(quiet, waiting):
    _, (alice, _), _ = waiting
    refuse(
        quiet, lambda: approving(quiet, "wd-" + "0" * 32, alice), status=404, code="not_found", says=("wd-" + "0" * 32,)
    )


def test_one_approval_too_few_signs_nothing_however_often_it_is_given(quiet, waiting):
    first, (alice, _), second = waiting
    for _ in range(3):
        assert approving(quiet, first.id, alice).status_code == 200
    signed = quiet.request("ada", "BTC", "0.001")  # passes the pipeline meanwhile, so that time is proven to pass
    quiet.approve(signed.id)
    quiet.wait_state(signed.id, "settled")
    for payment in (first, second):
        shown = quiet.get(f"/v1/withdrawals/{payment.id}")
        assert (shown["state"], shown["txid"]) == ("awaiting_approval", None)
        assert quiet.payments_to(payment) == 0


def test_a_settled_withdrawal_takes_no_further_approval(quiet):
    payment = quiet.request("cleo", "SOL", "0.2")
    given = quiet.approvals(payment.id)
    quiet.approve(payment.id)
    quiet.wait_state(payment.id, "settled")
    quiet.require_books_balance()
    refuse(quiet, lambda: approving(quiet, payment.id, given[0]), status=409, code="illegal_move", says=(payment.id,))


# Orders --------------------------------------------------------------------------------

ORDER = {"customer": "ada", "market": "BTC/ETH", "side": "sell", "price": "31", "quantity": "0.1"}
BAD_ORDERS = {
    "unknown market": ({"market": "BTC/NONE"}, 422, "unknown_market", ("BTC/NONE",)),
    "market before its vote": ({"market": "DEMO/ETH"}, 422, "unknown_market", ("DEMO/ETH",)),
    "unknown side": ({"side": "hold"}, 422, "invalid_input", ("hold", "buy")),
    "unknown time in force": ({"time_in_force": "GTD"}, 422, "invalid_input", ("GTD",)),
    "quantity between lots": ({"quantity": "0.00015"}, 422, "invalid_amount", ("0.00015", "lot")),
    "price between ticks": ({"price": "31.00005"}, 422, "invalid_amount", ("31.00005", "tick")),
    "negative quantity": ({"quantity": "-0.1"}, 422, "invalid_amount", ("-0.1",)),
    "no quantity": ({"quantity": "0"}, 422, "invalid_amount", ("above zero",)),
    "negative price": ({"price": "-31"}, 422, "invalid_amount", ("-31",)),
    "exponent": ({"quantity": "1e2"}, 422, "invalid_amount", ("1e2",)),
    "post-only without a price": ({"price": None, "time_in_force": "POST_ONLY"}, 422, "invalid_input", ("price",)),
    "nobody on the other side": ({"price": None, "side": "buy", "customer": "ben", "market": "SOL/ETH"}, 403, "order_refused", ("nobody",)),
    "unknown field": ({"leverage": "10"}, 422, "invalid_input", ("body.leverage",)),
    "quantity as a number": ({"quantity": 1}, 422, "invalid_input", ("body.quantity",)),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ORDERS)
def test_an_order_that_is_malformed_is_refused_before_it_reaches_the_journal(quiet, case):
    changed, status, code, says = BAD_ORDERS[case]
    refuse(quiet, lambda: quiet.ask("POST", "/v1/orders", ORDER | changed), status=status, code=code, says=says)


REFUSED_BY_THE_ENGINE = {
    "beyond the balance": ({"quantity": "100"}, "funds"),
    "price outside the window": ({"price": "1000000"}, "band"),
}


@pytest.mark.parametrize("case", REFUSED_BY_THE_ENGINE)
def test_an_order_the_engine_refuses_changes_no_balance_and_no_book(quiet, case):
    changed, reason = REFUSED_BY_THE_ENGINE[case]
    refuse(
        quiet,
        lambda: quiet.ask("POST", "/v1/orders", ORDER | changed),
        status=403,
        code="order_refused",
        says=("sell", reason),
        but=("seq", "state"),
    )


def test_nobody_cancels_the_order_of_another(quiet):
    order = quiet.post("/v1/orders", ORDER)["order_id"]
    refuse(
        quiet,
        lambda: quiet.ask("DELETE", f"/v1/orders/{order}?customer=ben"),
        status=404,
        code="not_found",
        says=("ben", str(order)),
    )
    free = quiet.balance("ada", "BTC")
    assert quiet.ask("DELETE", f"/v1/orders/{order}?customer=ada").status_code == 200
    assert quiet.balance("ada", "BTC").available == free.available + 10_000_000
    refuse(
        quiet,
        lambda: quiet.ask("DELETE", f"/v1/orders/{order}?customer=ada"),
        status=404,
        code="not_found",
        says=(str(order),),
    )


# Everything else -------------------------------------------------------------------------

PRIVATE = (
    ("POST", "/v1/withdrawals"),
    ("POST", "/v1/orders"),
    ("DELETE", "/v1/orders/1?customer=ada"),
    ("POST", "/v1/treasury/rebalance"),
    ("POST", "/v1/customers/ada/addresses/bitcoin-regtest"),
    ("POST", "/v1/withdrawals/wd-1/approvals"),
    ("POST", "/v1/reserves/drafts"),
    ("POST", "/v1/reserves/statements"),
    ("GET", "/v1/withdrawals"),
    ("GET", "/v1/withdrawals/wd-1"),
    ("GET", "/v1/deposits"),
    ("GET", "/v1/customers/ada/balances"),
    ("GET", "/v1/reserves/proofs/ada"),
)


@pytest.mark.parametrize("token", ["", "wrong-token-of-some-length", "é" * 20], ids=["missing", "wrong", "not ASCII"])
@pytest.mark.parametrize(("method", "path"), PRIVATE)
def test_a_private_route_demands_the_token_before_it_looks_at_anything(live, method, path, token):
    headers = {b"Authorization": b"Bearer " + token.encode()} if token else {}
    answer = live.ask_raw(method, path, headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authorised")


NOTHING_THERE = {
    "withdrawal": ("GET", "/v1/withdrawals/wd-none", 404, "not_found", ("wd-none",)),
    "customer": ("GET", "/v1/customers/mallory/balances", 404, "not_found", ("mallory",)),
    "chain": ("POST", "/v1/customers/ada/addresses/dogecoin", 422, "unknown_chain", ("dogecoin",)),
    "asset": ("GET", "/v1/holdings/NONE", 422, "unknown_asset", ("NONE",)),
    "order": ("DELETE", "/v1/orders/99999999?customer=ada", 404, "not_found", ("99999999",)),
    "order that is no number": ("DELETE", "/v1/orders/abc?customer=ada", 422, "invalid_input", ("order_id",)),
    "route": ("GET", "/v1/nothing", 404, "not_found", ()),
    "method": ("PUT", "/v1/withdrawals", 405, "method_not_allowed", ()),
}


@pytest.mark.parametrize("case", NOTHING_THERE)
def test_what_does_not_exist_is_named(quiet, case):
    method, path, status, code, says = NOTHING_THERE[case]
    refuse(quiet, lambda: quiet.ask(method, path), status=status, code=code, says=says)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"customer": "ada"', b"\xff\xfe", b"null"])
def test_a_body_that_is_no_json_object_is_refused_in_our_shape(quiet, body):
    def call():
        headers = {
            b"Authorization": f"Bearer {quiet.token}".encode(),
            b"Idempotency-Key": b"k",
            b"Content-Type": b"application/json",
        }
        return quiet.ask_raw("POST", "/v1/withdrawals", headers, body)

    refuse(quiet, call, status=422, code="invalid_input", says=("body",))


def test_the_books_still_balance_after_all_refusals(live):
    live.require_books_balance()
    assert live.get("/v1/status")["problems"] == {}
