import pytest
from fastapi.testclient import TestClient

from exchange.api.limits import MAX_BODY_BYTES
from exchange.app.http import make_app

PIECE = b"x" * (1 << 20)


@pytest.fixture
def client(rooms):
    return TestClient(make_app(rooms), raise_server_exceptions=False)


def endless(sent):
    while len(sent) * len(PIECE) < 100 * MAX_BODY_BYTES:
        sent.append(1)
        yield PIECE


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/withdrawals", "/v1/reserves/statements"])
def test_a_body_without_end_is_cut_off_also_for_strangers(client, path):
    answer = client.post(path, content=PIECE * 17, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_body_that_comes_in_pieces_is_counted_in_all(client):
    sent = []
    answer = client.post("/v1/orders", content=endless(sent), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_a_body_at_the_limit_is_read(client, auth):
    body = b'{"customer": "alice"}'.ljust(MAX_BODY_BYTES)
    answer = client.post("/v1/orders", content=body, headers=auth | {"Content-Type": "application/json"})
    assert answer.json()["message"].startswith("body.market")


def test_what_has_no_body_is_served(client, auth):
    assert client.get("/v1/status").status_code == 200
    assert client.get("/v1/customers/alice/balances", headers=auth).status_code == 200
