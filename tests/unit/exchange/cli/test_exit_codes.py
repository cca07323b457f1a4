import pytest

from custody.primitives.errors import (
    BadSignature,
    Conflict,
    IdempotencyConflict,
    InsufficientFunds,
    InvalidAmount,
    InvalidInput,
    InvariantBroken,
    NodeUnavailable,
    NotFound,
    QuorumNotReached,
    Refused,
    SignerUnavailable,
    ToolkitError,
    Unavailable,
    VerificationFailed,
)
from exchange.cli.exit_codes import FAILURE, exit_code


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ToolkitError, 1),
        (InvariantBroken, 1),
        (Conflict, 1),
        (IdempotencyConflict, 1),
        (InvalidInput, 2),
        (InvalidAmount, 2),
        (NotFound, 2),
        (VerificationFailed, 3),
        (BadSignature, 3),
        (Refused, 4),
        (InsufficientFunds, 4),
        (QuorumNotReached, 5),
        (Unavailable, 6),
        (NodeUnavailable, 6),
        (SignerUnavailable, 6),
    ],
)
def test_the_kind_of_an_error_decides_the_exit_code(kind, code):
    assert exit_code(kind("message")) == code


def test_a_missing_quorum_asks_for_more_signatures_although_it_is_a_refusal():
    class FewerThanAsked(QuorumNotReached):
        code = "fewer_than_asked"

    assert exit_code(FewerThanAsked("message")) == 5


def test_no_error_ends_with_success():
    assert FAILURE != 0
    assert exit_code(ToolkitError("message")) == FAILURE
