import pytest
from simulators.settlement_world import BTC, BTC_SCALE, ETH, ETH_SCALE, btc, eth, scale_book

from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidAmount, InvalidInput, LimitExceeded, UnknownAsset
from exchange.settlement.scale import AMOUNT_CAP_QUANTA, AssetScale, ScaleBook


@pytest.mark.parametrize("exponent", [-1, 19])
def test_refuses_a_quantum_below_one_base_unit_or_above_one_coin(exponent):
    with pytest.raises(InvalidInput, match="quantum"):
        AssetScale(ETH, 1, exponent)


@pytest.mark.parametrize("convert", [ETH_SCALE.split, ETH_SCALE.exact])
def test_refuses_another_asset_even_one_of_the_same_name(convert):
    with pytest.raises(InvalidInput):
        convert(btc(1))
    elsewhere = Asset("ETH", 18, ChainId("ethereum"))
    with pytest.raises(InvalidInput, match="ethereum/native is not ethereum-local/native"):
        convert(Amount(10**18, elsewhere))


@pytest.mark.parametrize("units", [-1, -(10**10), -(10**18)])
@pytest.mark.parametrize("convert", [ETH_SCALE.split, ETH_SCALE.exact])
def test_refuses_amounts_below_zero(convert, units):
    with pytest.raises(InvalidAmount, match="below zero"):
        convert(eth(units))


def test_refuses_one_quantum_more_than_the_engine_can_hold():
    most = ETH_SCALE.amount(AMOUNT_CAP_QUANTA)
    assert ETH_SCALE.exact(most) == AMOUNT_CAP_QUANTA
    with pytest.raises(LimitExceeded):
        ETH_SCALE.split(most + ETH_SCALE.amount(1))
    with pytest.raises(LimitExceeded):
        ETH_SCALE.exact(most + ETH_SCALE.amount(1))


def test_the_way_out_refuses_every_remainder_and_says_the_step():
    for units in (1, 10**10 - 1, 10**10 + 1):
        with pytest.raises(InvalidAmount, match=r"steps of 0\.000000010000000000"):
            ETH_SCALE.exact(eth(units))
    assert ETH_SCALE.exact(eth(3 * 10**10)) == 3


def test_the_way_in_rounds_down_and_tells_the_rest():
    assert ETH_SCALE.split(eth(10**10 - 1)) == (0, 10**10 - 1)
    assert ETH_SCALE.split(eth(10**18 + 7)) == (10**8, 7)
    assert BTC_SCALE.split(btc(12_345)) == (12_345, 0)
    assert (ETH_SCALE.decimals, BTC_SCALE.decimals) == (8, 8)


def test_a_book_refuses_what_it_does_not_know_and_names_what_it_knows():
    with pytest.raises(UnknownAsset, match="'DOGE'; known: BTC, ETH"):
        scale_book().of("DOGE")
    with pytest.raises(UnknownAsset):
        scale_book().of("btc")
    with pytest.raises(UnknownAsset, match="number 9"):
        scale_book().numbered(9)


@pytest.mark.parametrize(
    "other", [AssetScale(BTC, 5, 0), AssetScale(BTC, 0, 1), AssetScale(Asset("LTC", 8, ChainId("l")), 0, 0)]
)
def test_a_book_refuses_a_second_meaning_of_a_symbol_or_a_number(other):
    book = scale_book()
    with pytest.raises(InvalidInput, match="is taken"):
        book.add(other)
    assert [scale.asset.symbol for scale in book] == ["BTC", "ETH"]


def test_a_book_takes_the_same_again_and_lists_by_number():
    book = ScaleBook([ETH_SCALE, BTC_SCALE])
    book.add(BTC_SCALE)
    assert [scale.number for scale in book] == [0, 1]
    assert book.of("ETH") is book.numbered(1)
