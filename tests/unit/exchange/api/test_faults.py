import importlib
import pkgutil
from collections import Counter

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import custody
import exchange
import governance
from custody.primitives.errors import (
    Conflict,
    InvalidInput,
    InvariantBroken,
    NotFound,
    Refused,
    ToolkitError,
    Unavailable,
    VerificationFailed,
)
from exchange.api.faults import NotAuthorised, install, status_of

KINDS = (InvalidInput, Refused, Conflict, Unavailable, VerificationFailed, InvariantBroken)


def leaves():
    for package in (custody, governance, exchange):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    found, waiting = set(), [ToolkitError]
    while waiting:
        for leaf in waiting.pop().__subclasses__():
            if leaf.__module__.split(".")[0] in ("custody", "governance", "exchange") and leaf not in found:
                found.add(leaf)
                waiting.append(leaf)
    return sorted(found, key=lambda leaf: leaf.__name__)


STATUS = {
    InvalidInput: 422,
    Refused: 403,
    Conflict: 409,
    Unavailable: 503,
    VerificationFailed: 422,
    InvariantBroken: 500,
}


def expected_status(leaf):
    if issubclass(leaf, NotAuthorised):
        return 401
    if issubclass(leaf, NotFound):
        return 404
    (kind,) = [kind for kind in KINDS if issubclass(leaf, kind)]
    return STATUS[kind]


def test_every_error_of_the_house_is_of_exactly_one_kind_and_its_kind_decides_the_status():
    found = leaves()
    assert len(found) > 100
    # Made without `__init__`: some demand facts of their own, and only the class counts here.
    wrong = {leaf for leaf in found if status_of(leaf.__new__(leaf)) != expected_status(leaf)}
    assert wrong == set()


def test_every_error_has_a_code_of_its_own():
    # A subclass without a code would hide behind its parent's.
    codes = Counter(leaf.code for leaf in leaves())
    assert [code for code, count in codes.items() if count > 1] == []
    assert all(code.replace("_", "").isalnum() and code == code.lower() for code in codes)


def an_app(error):
    app = FastAPI()
    install(app)

    @app.get("/raise")
    def _raise():
        raise error

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput("text", where="here"), 422),
        (NotFound("text", where="here"), 404),
        (NotAuthorised("text", where="here"), 401),
        (Refused("text", where="here"), 403),
        (Conflict("text", where="here"), 409),
        (Unavailable("text", where="here"), 503),
        (VerificationFailed("text", where="here"), 422),
        (InvariantBroken("text", where="here"), 500),
    ],
)
def test_the_body_carries_code_message_and_facts(error, status):
    answer = an_app(error).get("/raise")
    assert answer.status_code == status
    assert answer.json() == {"code": error.code, "message": "text", "facts": {"where": "here"}}


def test_an_error_nobody_foresaw_is_500_and_tells_nothing_of_its_inside():
    answer = an_app(RuntimeError("a secret")).get("/raise")
    assert answer.status_code == 500
    assert "a secret" not in answer.text


def test_unknown_routes_and_methods_have_the_same_shape():
    client = an_app(Refused("text"))
    for answer, status, code in (
        (client.get("/nowhere"), 404, "not_found"),
        (client.post("/raise"), 405, "method_not_allowed"),
    ):
        assert (answer.status_code, answer.json()["code"], answer.json()["facts"]) == (status, code, {})
