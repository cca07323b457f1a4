import pytest

from custody.keys.strict_json import Fields
from custody.primitives import errors
from custody.primitives.encoding import canonical_json
from custody.signers.faults import MAX_MESSAGE_CHARS, SignerBroken, decode_fault, encode_fault
from custody.signers.memory import AlreadySigned


@pytest.mark.parametrize(
    "leaf",
    [
        AlreadySigned,
        errors.LimitExceeded,
        errors.BadSignature,
        errors.MalformedPayload,
        errors.Conflict,
    ],
)
def test_an_error_comes_back_as_its_own_class(leaf):
    fault = encode_fault(leaf("what and where", asked=2**60, limit=3, flag=True, nothing=None))
    canonical_json(fault)
    back = decode_fault(Fields(fault, "error"))
    assert type(back) is leaf
    assert (back.message, back.facts) == (
        "what and where",
        {"asked": str(2**60), "limit": 3, "flag": True, "nothing": None},
    )


def test_an_unknown_code_falls_back_to_its_kind():
    fault = {**encode_fault(errors.Refused("no")), "code": "from_the_future"}
    assert type(decode_fault(Fields(fault, "error"))) is errors.Refused


def test_an_unknown_kind_is_never_taken_for_a_harmless_one():
    fault = {**encode_fault(errors.Refused("no")), "code": "x", "kind": "y"}
    assert type(decode_fault(Fields(fault, "error"))) is SignerBroken


def test_a_broken_invariant_of_a_signer_is_never_taken_for_ours():
    back = decode_fault(Fields(encode_fault(errors.InvariantBroken("its own bug")), "error"))
    assert (type(back), back.message) == (SignerBroken, "its own bug")


@pytest.mark.parametrize("field", ["kind", "code", "message", "facts"])
def test_an_incomplete_error_is_malformed(field):
    fault = encode_fault(errors.Refused("no"))
    with pytest.raises(errors.MalformedPayload):
        decode_fault(Fields({key: value for key, value in fault.items() if key != field}, "error"))


def test_messages_are_cut():
    assert len(encode_fault(errors.Refused("x" * 5_000))["message"]) == MAX_MESSAGE_CHARS
