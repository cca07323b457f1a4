import pytest

from custody.keys.strict_json import Fields, parse_canonical, parse_plain
from custody.primitives.errors import MalformedPayload


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"1", b'{"a": 1}', b'{"b":1,"a":1}', b'{"a":1,"a":1}', b'{"a":1}\n', b'{"a":1.0}', b'{"a":NaN}', b'{"a":1e3}',
     b'{"a":9007199254740992}', b'{"a":"\\u0041"}', b'{"a":"\xff"}', b'{"a":' + b"[" * 200_000, b'{"\xc3\xa9":1}'],
)  # fmt: skip
def test_canonical_refuses_every_second_spelling(raw):
    with pytest.raises(MalformedPayload):
        parse_canonical(raw, 1 << 20, "test")


def test_canonical_refuses_too_long():
    with pytest.raises(MalformedPayload):
        parse_canonical(b'{"a":1}', 6, "test")


@pytest.mark.parametrize("raw", [b'{"a":1,"a":1}', b'{"a":{"b":1,"b":2}}', b'{"a":1.5}', b"[]", b'{"a":', b"{'a':1}"])
def test_plain_refuses_doubles_floats_and_nonsense(raw):
    with pytest.raises(MalformedPayload):
        parse_plain(raw, 100, "test")
    with pytest.raises(MalformedPayload):
        parse_plain(b"{}" + b" " * 100, 100, "test")


@pytest.mark.parametrize(
    ("getter", "value"),
    [("text", 1), ("text", None), ("integer", True), ("integer", "1"), ("flag", 1), ("units", 1), ("units", "01"), ("units", "-1"), ("units", "+1"),
     ("units", "1e3"), ("units", "9" * 79), ("units", ""), ("units", "１"), ("raw", "AA"), ("raw", "a"), ("raw", "zz"), ("fields", []), ("texts", "a"), ("texts", [1])],
)  # fmt: skip
def test_a_getter_refuses_other_types(getter, value):
    for values in ({"x": value}, {}):
        with pytest.raises(MalformedPayload, match="'x'"):
            getattr(Fields(values, "test"), getter)("x")


@pytest.mark.parametrize("value", [None, {}, [1], [{}, {}, {}], ["a"]])
def test_each_refuses_other_types_and_too_many(value):
    with pytest.raises(MalformedPayload):
        Fields({"x": value}, "test").each("x", 2)


def test_an_unexpected_field_is_refused():
    with pytest.raises(MalformedPayload, match="'y'"):
        Fields({"x": 1, "y": 1}, "test").only("x")


def test_reads_what_is_well_formed():
    fields = Fields(
        parse_canonical(b'{"a":"0a","b":7,"c":true,"d":"900","e":{"f":"g"},"h":["i"],"j":[{}]}', 100, "test"), "test"
    )
    assert (fields.raw("a"), fields.integer("b"), fields.flag("c"), fields.units("d")) == (b"\n", 7, True, 900)
    assert fields.fields("e").text("f") == "g"
    assert fields.texts("h") == ("i",)
    assert len(fields.each("j", 1)) == 1
    assert parse_plain(b' { "b" : 1 , "a" : 2 } ', 100, "test") == {"a": 2, "b": 1}
