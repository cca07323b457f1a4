import copy

import pytest
from simulators.signer_kit import intent, request
from simulators.toy_family import TOKEN, pay

from custody.keys.material import SigningRole
from custody.keys.strict_json import Fields, parse_canonical
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import InvalidInput
from custody.signers.wire import MAX_INTENTS, decode_request, encode_request

ASKED = request(pay(("bob-address", 100)), intent(), intent(2, units=2**256 - 1, asset=TOKEN), role=SigningRole.SENDER)


def decode(message):
    return decode_request(Fields(parse_canonical(canonical_json(message), 1 << 20, "test"), "test"))


def every_path(value, path=()):
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from every_path(value[key], (*path, key))
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from every_path(item, (*path, index))


def changed(path, value):
    message = copy.deepcopy(encode_request(ASKED))
    target = message
    for step in path[:-1]:
        target = target[step]
    if value is KeyError:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return message


PATHS = [path for path in every_path(encode_request(ASKED)) if path]


@pytest.mark.parametrize("path", [path for path in PATHS if isinstance(path[-1], str)], ids=str)
def test_a_missing_field_is_refused(path):
    with pytest.raises(InvalidInput):
        decode(changed(path, KeyError))


@pytest.mark.parametrize("value", [None, True, -1, [None], {"x": 1}])
@pytest.mark.parametrize("path", PATHS, ids=str)
def test_a_field_of_another_type_is_refused(path, value):
    if path[-1] == "at_s" and value == -1:
        return  # a number like any other; it will be too old
    with pytest.raises(InvalidInput):
        decode(changed(path, value))


@pytest.mark.parametrize(
    "path", [(), ("intents", 0), ("intents", 0, "to"), ("intents", 0, "amount"), ("approvals", 0)], ids=str
)
def test_an_additional_field_is_refused(path):
    with pytest.raises(InvalidInput, match="more"):
        decode(changed((*path, "more"), 1))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("role",), "boss"),
        (("approvals", 0, "verdict"), "maybe"),
        (("intents", 0, "amount", "units"), "0"),
        (("intents", 0, "amount", "chain"), "other"),
    ],
)
def test_impossible_values_are_refused(path, value):
    with pytest.raises(InvalidInput):
        decode(changed(path, value))


def test_too_many_intents_are_refused():
    message = encode_request(ASKED)
    with pytest.raises(InvalidInput, match="items"):
        decode({**message, "intents": message["intents"][:1] * (MAX_INTENTS + 1)})


def test_round_trips_every_field():
    assert decode(encode_request(ASKED)) == ASKED
