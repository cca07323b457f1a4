import json

import pytest

from custody.reserves.strict_json import MAX_NESTING, ProofTooLarge, ProofUnusable, parse_strict

# The refusals of whole proofs stand in tests/vectors/reserves.json; here the edges of the reader alone.


@pytest.mark.parametrize(
    "text",
    ["", " ", "[]", '"x"', "1", "null", "{", '{"a":1}x', '{"a":01}', '{"a":.5}', '{"a":1.0}', '{"a":1e0}', '{"a":-1}',
     '{"a":9007199254740992}', '{"a":' + "9" * 5_000 + "}", '{"a":NaN}', "{'a':1}", "{a:1}", '{"a":1,}', '{"a":1,"a":1}',
     '{"a":{"b":1,"b":2}}', '{"a":"\\ud800"}', '{"\\udfff":1}', '{"a":"\t"}', '{"a":"\\x"}', "\ufeff{}"],
)  # fmt: skip
def test_refuses(text):
    with pytest.raises(ProofUnusable):
        parse_strict(text.encode())


def test_refuses_one_level_too_many():
    deep = '{"a":' * MAX_NESTING
    with pytest.raises(ProofTooLarge):
        parse_strict(f"{deep}[]{'}' * MAX_NESTING}".encode())


@pytest.mark.parametrize(
    "text",
    ['{"a":"[[[[[[[[[[[[[[[[[[[[[[[["}', '{"a":"\\"[[[[[[[[[[[[[[[[[[[[["}', "{\r\n\t }", '{"a":9007199254740991}'],
)
def test_accepts(text):
    assert parse_strict(text.encode()) == json.loads(text)
