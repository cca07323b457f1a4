import re

import pytest

from custody.primitives.errors import InvalidInput
from exchange.api.access import MIN_TOKEN_CHARS, token_check

ORDER = {"customer": "alice", "market": "BTC/ETH", "side": "buy", "quantity": "1", "price": "30"}
PUBLIC = {"/v1/status", "/v1/markets", "/v1/holdings/{symbol}", "/v1/listings", "/v1/reserves/statements/latest"}


@pytest.mark.parametrize("token", ["", "x", "0" * (MIN_TOKEN_CHARS - 1)])
def test_a_missing_or_guessable_token_never_opens_the_interface(token):
    with pytest.raises(InvalidInput, match="bearer token"):
        token_check(token)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong-token-0123456789",
        "bearer {token}",
        "Basic {token}",
        "{token}",
        "Bearer {token}x",
        "Bearer  {token}",
        "Bearer {token},Bearer {token}",
    ],
)
def test_a_missing_or_wrong_token_is_401_and_does_nothing(client, world, auth, header):
    before = world.seq
    token = auth["Authorization"].removeprefix("Bearer ")
    headers = {} if header is None else {"Authorization": header.replace("{token}", token)}
    answer = client.post("/v1/orders", json=ORDER, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authorised")
    assert world.seq == before
    assert token not in answer.text


def test_every_route_that_is_not_named_public_above_needs_the_token(client):
    routes = {
        (method, path)
        for path, methods in client.get("/openapi.json").json()["paths"].items()
        for method in methods
        if path not in PUBLIC
    }
    assert len(routes) >= 13
    answers = {route: client.request(route[0], re.sub(r"{.*?}", "1", route[1])).status_code for route in routes}
    assert set(answers.values()) == {401}, answers


def test_bytes_that_are_no_ascii_are_a_wrong_token_too(client):
    answer = client.get("/v1/withdrawals", headers={"Authorization": b"Bearer \xff\xfe\xe4"})
    assert answer.status_code == 401


def test_with_the_token_the_same_call_passes(client, auth):
    assert client.post("/v1/orders", json=ORDER, headers=auth).status_code == 200
