import pytest
from simulators.settlement_world import BTC, BTC_SCALE, ETH_SCALE, btc_eth

from custody.primitives.errors import InvalidAmount, InvalidInput, LimitExceeded
from exchange.settlement.scale import AssetScale


@pytest.mark.parametrize(
    "terms",
    [
        {"tick": "0.00000001", "lot": "0.00000001"},  # 1e-16 quote quanta
        {"tick": "0.0001", "lot": "0.00001"},  # a tenth of a quantum
        {"tick": "0.00015", "lot": "0.0001"},  # one and a half quanta
    ],
)
def test_refuses_terms_under_which_a_fill_would_not_be_whole_quote_quanta(terms):
    with pytest.raises(InvalidInput, match="not whole quote quanta"):
        btc_eth(**terms)


@pytest.mark.parametrize("terms", [{"tick": "0"}, {"lot": "0"}, {"tick": "-0.1"}, {"lot": "NaN"}, {"tick": "1e-4"}])
def test_refuses_ticks_and_lots_that_are_no_positive_decimals(terms):
    with pytest.raises(InvalidInput):
        btc_eth(**terms)


def test_refuses_a_tick_or_lot_finer_than_the_quantum():
    with pytest.raises(InvalidAmount, match="steps of"):
        btc_eth(tick="0.000000000000000001", lot="1")
    with pytest.raises(InvalidAmount, match="steps of"):
        btc_eth(base=AssetScale(BTC, 0, 4), lot="0.00000001")


@pytest.mark.parametrize("lowest", ["0", "15.00001", "-1", "NaN"])
def test_refuses_a_lowest_price_that_is_no_whole_tick(lowest):
    with pytest.raises(InvalidAmount):
        btc_eth(lowest=lowest).spec(is_open=True)


@pytest.mark.parametrize("text", ["0", "-1", "NaN", "inf", "1e3", "", " 1", "1.", ".5", "+1", "１", "0x1", "1_000"])
def test_refuses_prices_and_quantities_that_are_no_positive_decimals(text):
    for convert in (btc_eth().ticks, btc_eth().lots):
        with pytest.raises(InvalidAmount):
            convert(text)


def test_refuses_what_lies_between_two_ticks_or_lots_and_rounds_nothing():
    market = btc_eth()
    with pytest.raises(InvalidAmount, match=r"BTC/ETH: price 30\.50005 is not a whole number of tick 0\.0001"):
        market.ticks("30.50005")
    with pytest.raises(InvalidAmount, match=r"quantity 0\.00005 is not a whole number of lot 0\.0001"):
        market.lots("0.00005")


def test_refuses_more_decimals_than_the_asset_has():
    with pytest.raises(InvalidAmount, match="9 decimals, BTC has 8"):
        btc_eth().lots("0.000000001")
    with pytest.raises(InvalidAmount, match="19 decimals, ETH has 18"):
        btc_eth().ticks("30.0000000000000000001")


def test_refuses_prices_and_quantities_beyond_the_engine():
    with pytest.raises(LimitExceeded):
        btc_eth().ticks("9" * 20)
    with pytest.raises(LimitExceeded):
        btc_eth().lots("9" * 12)
    with pytest.raises(InvalidAmount):
        btc_eth().lots("9" * 200)


def test_text_to_ticks_and_lots_and_back_is_exact():
    market = btc_eth()
    assert (market.multiplier, market.ticks("30.5"), market.lots("0.25")) == (1, 305_000, 2_500)
    assert market.ticks(market.price_text(305_001)) == 305_001
    assert market.lots(market.quantity_text(1)) == 1
    assert market.price_text(305_001) == "30.500100000000000000"


def test_the_engine_gets_the_terms_in_its_own_units():
    spec = btc_eth(tick="0.01", lot="0.001", number=2).spec(is_open=False)
    assert (spec.market, spec.base, spec.quote) == (2, BTC_SCALE.number, ETH_SCALE.number)
    # 0.01 ETH is 10**6 quanta a coin; a lot is a thousandth of a coin.
    assert (spec.multiplier, spec.lot, spec.low, spec.open) == (1_000, 100_000, 1_500, False)
