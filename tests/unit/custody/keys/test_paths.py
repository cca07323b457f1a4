import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.keys.paths import HARDENED, MAX_DEPTH, InvalidPath, format_path, parse_path, steps_below


@pytest.mark.parametrize(
    "text",
    ["", "48h", "/0", "M/0", "m/", "m//0", "m/0/", "m/01", "m/-1", "m/+1", "m/ 1", "m/1 ", "m/h", "m/1hh", "m/1H", "m/2147483648",
     "m/2147483648h", "m/99999999999", "m/0x1", "m/1.0", "m/١", "m/*", "m" + "/0" * (MAX_DEPTH + 1), "m/1\n"],
)  # fmt: skip
def test_refuses_what_is_no_path(text):
    with pytest.raises(InvalidPath):
        parse_path(text)


@pytest.mark.parametrize("steps", [[-1], [2**32], [0] * (MAX_DEPTH + 1)])
def test_refuses_to_write_impossible_steps(steps):
    with pytest.raises(InvalidPath):
        format_path(steps)


@given(st.lists(st.integers(0, 2**32 - 1), max_size=MAX_DEPTH).map(tuple))
def test_round_trips(steps):
    assert parse_path(format_path(steps)) == steps


def test_an_apostrophe_is_read_and_h_is_written():
    assert format_path(parse_path("m/84'/0h/7")) == "m/84h/0h/7"


def test_steps_below_need_the_whole_parent():
    assert steps_below("m/48h/1h", "m/48h/1h/0/5") == (0, 5)
    assert steps_below("m/48h/1h", "m/48h/1h") == ()
    assert steps_below("m/48h/1h", "m/48h/1/0") is None
    assert steps_below("m/48h/1h", "m/48h") is None
    assert steps_below("m/48h/1h", "m/48h/11h/0") is None
    assert steps_below("m", "m/0h") == (HARDENED,)
