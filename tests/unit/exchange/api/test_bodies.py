import json

import pytest
from pydantic import ValidationError

from exchange.api.bodies import MAX_SECONDS, ApprovalBody, OrderBody, RebalanceBody, WithdrawalBody

ORDER = {"customer": "alice", "market": "BTC/ETH", "side": "buy", "quantity": "1", "price": "30"}
WITHDRAWAL = {"customer": "alice", "asset": "SIM", "to": "sim1dest", "amount": "0.00001"}
APPROVAL = {"approver": "ann", "verdict": "approve", "intent_hash": "ab" * 32, "at_s": 1, "signature": "cd" * 64}
REBALANCE = {"officer": "ann", "asset": "SIM"}
ALL = [(OrderBody, ORDER), (WithdrawalBody, WITHDRAWAL), (ApprovalBody, APPROVAL), (RebalanceBody, REBALANCE)]


@pytest.mark.parametrize(("body", "fields"), ALL)
def test_every_field_is_needed_and_no_other_is_taken(body, fields):
    optional = {"price"}
    for name in set(fields) - optional:
        with pytest.raises(ValidationError):
            body(**{key: value for key, value in fields.items() if key != name})
    with pytest.raises(ValidationError, match="extra"):
        body(**fields, extra="1")
    assert body(**fields).model_dump().items() >= fields.items()


@pytest.mark.parametrize(("body", "fields"), ALL)
def test_nothing_is_converted_and_nothing_is_endless(body, fields):
    for name in fields:
        for wrong in (1.5, True, [], {}, "x" * 5_000, b"x"):
            with pytest.raises(ValidationError):
                body(**(fields | {name: wrong}))


@pytest.mark.parametrize("amount", [1, 0.1, None, True, ["1"]])
def test_money_is_text_never_a_number(amount):
    for name in ("quantity", "price"):
        if (name, amount) != ("price", None):
            with pytest.raises(ValidationError):
                OrderBody(**(ORDER | {name: amount}))
    with pytest.raises(ValidationError):
        WithdrawalBody(**(WITHDRAWAL | {"amount": amount}))


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "APPROVE"},
        {"verdict": "maybe"},
        {"intent_hash": "ab" * 31},
        {"intent_hash": "AB" * 32},
        {"intent_hash": "zz" * 32},
        {"intent_hash": "ab" * 31 + "a\n"},
        {"signature": "cd" * 63},
        {"signature": "0x" + "cd" * 63},
        {"at_s": -1},
        {"at_s": MAX_SECONDS + 1},
        {"at_s": "1"},
        {"at_s": 10**400},
    ],
)
def test_an_approval_is_exact_hex_a_known_verdict_and_a_sane_time(change):
    with pytest.raises(ValidationError):
        ApprovalBody(**(APPROVAL | change))


def test_a_body_cannot_be_changed_after_it_was_checked():
    body = WithdrawalBody(**WITHDRAWAL)
    with pytest.raises(ValidationError, match="frozen"):
        body.amount = "1000"


MALFORMED = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"\xff\xfe",
    b'{"customer": NaN}',
    b"[" * 50_000,
    b'{"customer": ' + b"9" * 5_000 + b"}",
    json.dumps(ORDER | {"quantity": 1}).encode(),
    json.dumps(ORDER | {"extra": "1"}).encode(),
    json.dumps({**ORDER, "customer": "\ud800"}).encode(),
]


@pytest.mark.parametrize("content", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_body_is_422_with_a_code_and_reaches_no_desk(client, world, auth, content):
    before = world.seq
    answer = client.post("/v1/orders", content=content, headers={**auth, "Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_input"
    assert set(answer.json()) == {"code", "message", "facts"}
    assert world.seq == before


def test_a_malformed_body_names_the_field(client, auth):
    answer = client.post("/v1/orders", json=ORDER | {"quantity": 1}, headers=auth)
    assert answer.json()["message"].startswith("body.quantity: ")


@pytest.mark.parametrize("key", [None, "", "k" * 129])
def test_a_withdrawal_without_a_proper_idempotency_key_is_refused(client, auth, key):
    headers = auth if key is None else {**auth, "Idempotency-Key": key}
    answer = client.post("/v1/withdrawals", json=WITHDRAWAL, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"market": "X/Y"}, 422, "unknown_market"),
        ({"side": "hold"}, 422, "invalid_input"),
        ({"quantity": "0.00005"}, 422, "invalid_amount"),
        ({"quantity": "NaN"}, 422, "invalid_amount"),
        ({"price": "-1"}, 422, "invalid_amount"),
        ({"price": "9" * 40}, 403, "limit_exceeded"),
        ({"customer": "not an id"}, 422, "invalid_customer"),
        ({"customer": ""}, 422, "invalid_customer"),
        ({"customer": "newcomer"}, 403, "order_refused"),
    ],
)
def test_what_the_desk_refuses_comes_back_with_its_code(client, auth, change, status, code):
    answer = client.post("/v1/orders", json=ORDER | change, headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
