import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.primitives.amount import MAX_UNITS, Amount, Rounding
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import AssetMismatch, InvalidAmount

BTC = Asset("BTC", 8, ChainId("bitcoin"))
ETH = Asset("ETH", 18, ChainId("ethereum"))
WHOLE = Asset("SHARE", 0, ChainId("ethereum"), "0xabc")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1 ",
        " 1",
        "+1",
        "-1",
        "1e8",
        "1E8",
        "NaN",
        "Infinity",
        "0x10",
        "1.",
        ".5",
        "01",
        "1_000",
        "1,5",
        "１",
        "1\n",
        "1.0.0",
        "9" * 200,
    ],
)
def test_refuses_text_that_is_not_a_plain_decimal(text):
    with pytest.raises(InvalidAmount):
        Amount.parse(text, BTC)


def test_refuses_more_decimals_than_the_asset_has_and_says_so():
    with pytest.raises(InvalidAmount, match=r"9 decimals, BTC has 8"):
        Amount.parse("0.123456789", BTC)
    with pytest.raises(InvalidAmount, match=r"1 decimals, SHARE has 0"):
        Amount.parse("1.5", WHOLE)


def test_refuses_more_than_256_bits():
    with pytest.raises(InvalidAmount):
        Amount.parse(str(MAX_UNITS + 1), WHOLE)
    with pytest.raises(InvalidAmount):
        Amount(MAX_UNITS, WHOLE) + Amount(1, WHOLE)


@pytest.mark.parametrize("units", [True, 1.0, "1", None])
def test_refuses_units_that_are_not_an_int(units):
    with pytest.raises(InvalidAmount):
        Amount(units, BTC)


def test_refuses_to_mix_assets():
    with pytest.raises(AssetMismatch):
        Amount(1, BTC) + Amount(1, ETH)
    with pytest.raises(AssetMismatch):
        Amount(1, BTC) - Amount(1, ETH)
    with pytest.raises(AssetMismatch):
        _ = Amount(1, BTC) < Amount(1, ETH)


def test_refuses_zero_and_less_where_value_moves():
    for units in (0, -1):
        with pytest.raises(InvalidAmount):
            Amount(units, BTC).positive()


def test_has_no_multiplication_or_division():
    for operator in ("__mul__", "__truediv__", "__floordiv__", "__float__"):
        assert not hasattr(Amount(1, BTC), operator)


def test_exact_division_refuses_a_remainder():
    with pytest.raises(InvalidAmount):
        Amount(10, BTC).mul_div(1, 3, Rounding.EXACT)
    with pytest.raises(InvalidAmount):
        Amount(10, BTC).mul_div(1, 0, Rounding.DOWN)


@given(st.integers(-(10**30), 10**30), st.integers(0, 10**9), st.integers(1, 10**9))
def test_rounding_directions_bracket_the_exact_value(units, num, den):
    down = Amount(units, BTC).mul_div(num, den, Rounding.DOWN).units
    up = Amount(units, BTC).mul_div(num, den, Rounding.UP).units
    assert down * den <= units * num <= up * den
    assert up - down == (0 if units * num % den == 0 else 1)


@given(st.integers(0, MAX_UNITS), st.sampled_from([BTC, ETH, WHOLE]))
def test_text_and_parse_are_inverse(units, asset):
    amount = Amount(units, asset)
    assert Amount.parse(amount.text(), asset) == amount


def test_text_shows_all_decimals_and_survives_copying():
    assert Amount(1, BTC).text() == "0.00000001"
    assert Amount(-150000000, BTC).text() == "-1.50000000"
    assert str(Amount(5, WHOLE)) == "5 SHARE"
    assert pickle.loads(pickle.dumps(Amount(7, ETH))) == Amount(7, ETH)
