import pytest
from simulators.settlement_world import BTC, ETH, btc, btc_eth, eth

from custody.primitives.errors import InvalidAmount, InvalidInput, NotFound
from exchange.engine.codes import WINDOW_TICKS
from exchange.fees.schedule import DustMarket
from exchange.settlement.trading import MarketRow, OrderRefused, OrderRequest, TradingDesk, UnknownMarket

COIN = 10**18


@pytest.fixture
def desk(world):
    made = TradingDesk(world.core, [], session=7)
    made.set_market(btc_eth(), is_open=True)
    world.fund("alice", eth(1_000 * COIN))
    world.fund("bob", btc(10 * 10**8))
    return made


def ask(customer="alice", side="buy", price="30", quantity="0.5", tif="GTC", market="BTC/ETH"):
    return OrderRequest(customer, market, side, price, quantity, tif)


def reason_of(desk, request):
    with pytest.raises(OrderRefused) as refused:
        desk.place(request)
    return refused.value.facts["reason"]


# What never reaches the journal --------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"market": "DOGE/ETH"}, UnknownMarket),
        ({"market": ""}, UnknownMarket),
        ({"side": "BUY"}, InvalidInput),
        ({"side": ""}, InvalidInput),
        ({"tif": "GTD"}, InvalidInput),
        ({"price": "30.00005"}, InvalidAmount),
        ({"price": "0"}, InvalidAmount),
        ({"price": "-30"}, InvalidAmount),
        ({"price": "NaN"}, InvalidAmount),
        ({"quantity": "0.00005"}, InvalidAmount),
        ({"quantity": "0"}, InvalidAmount),
        ({"quantity": "1e1"}, InvalidAmount),
        ({"price": None, "tif": "POST_ONLY"}, InvalidInput),
        ({"price": None, "tif": "FOK"}, InvalidInput),
        ({"price": None}, OrderRefused),
    ],
)
def test_a_malformed_order_reaches_neither_the_journal_nor_the_directory(world, desk, changes, refusal):
    before = world.seq
    with pytest.raises(refusal):
        desk.place(ask(**({"customer": "newcomer"} | changes)))
    assert world.seq == before
    assert world.core.directory.find("newcomer") is None


def test_a_market_order_without_a_counterparty_is_refused(desk):
    assert reason_of(desk, ask(price=None)) == "empty"
    assert reason_of(desk, ask("bob", "sell", price=None)) == "empty"


# What the engine refuses ---------------------------------------------------------------


def test_the_reasons_of_the_engine_come_through(world, desk):
    assert reason_of(desk, ask("newcomer")) == "funds"
    assert reason_of(desk, ask(quantity="33.3334")) == "funds"
    assert reason_of(desk, ask(price="14.9999")) == "band"
    assert reason_of(desk, ask(price="999")) == "band"
    assert reason_of(desk, ask(price="9999999999", quantity="99999999")) == "band"
    desk.place(ask("bob", "sell", "30", "0.1"))
    assert reason_of(desk, ask(tif="POST_ONLY")) == "post_only"
    assert reason_of(desk, ask(tif="FOK")) == "fok"
    desk.set_market(btc_eth(), is_open=False)
    assert reason_of(desk, ask()) == "halted"
    assert world.units("alice", ETH) == (1_000 * COIN, 0)


def test_other_terms_for_a_market_number_are_refused_and_not_taken_over(desk):
    with pytest.raises(OrderRefused):
        desk.set_market(btc_eth(lot="0.001"), is_open=True)
    assert desk.market("BTC/ETH").lot == "0.0001"


@pytest.mark.parametrize("terms", [{"lowest": "0.1999"}, {"lot": "0.00000001", "tick": "10000", "lowest": "10000"}])
def test_a_market_whose_smallest_fill_would_pay_no_fee_is_refused_before_the_journal(world, desk, terms):
    before = world.seq
    with pytest.raises(DustMarket, match="rounds to nothing"):
        desk.set_market(btc_eth(number=1, **terms), is_open=True)
    assert world.seq == before


def test_the_lowest_price_whose_fill_pays_a_fee_is_enough(desk):
    desk.set_market(btc_eth(number=1, lowest="0.2"), is_open=True)
    assert desk.market("BTC/ETH").lowest == "0.2"


# Cancels -------------------------------------------------------------------------------


def test_nobody_cancels_an_order_of_somebody_else(world, desk):
    placed = desk.place(ask())
    for stranger in ("bob", "newcomer"):
        with pytest.raises(NotFound, match=f"no open order {placed.order_id}"):
            desk.cancel(stranger, placed.order_id)
    assert world.core.directory.find("newcomer") is None
    assert world.units("alice", ETH) == (985 * COIN, 15 * COIN)


def test_an_order_is_cancelled_once_and_its_money_is_free_again(world, desk):
    placed = desk.place(ask())
    desk.cancel("alice", placed.order_id)
    assert world.units("alice", ETH) == (1_000 * COIN, 0)
    with pytest.raises(NotFound):
        desk.cancel("alice", placed.order_id)


def test_a_cancel_takes_the_order_it_names_and_leaves_the_others(world, desk):
    first, second, third = (desk.place(ask(price=price, quantity="1")) for price in ("29", "30", "31"))
    desk.cancel("alice", second.order_id)
    assert world.units("alice", ETH) == (940 * COIN, 60 * COIN)
    account = world.core.directory.number_of("alice")
    left = world.core.read(lambda engine: engine.open_orders(account))
    assert {order.order for order in left} == {first.order_id, third.order_id}


def test_an_order_can_be_cancelled_in_a_halted_market_and_after_a_restart(world, desk):
    placed = desk.place(ask())
    desk.set_market(btc_eth(), is_open=False)
    world.reopen()
    again = TradingDesk(world.core, [btc_eth()], session=8)
    again.cancel("alice", placed.order_id)
    assert world.units("alice", ETH) == (1_000 * COIN, 0)


# Orders that trade ---------------------------------------------------------------------


def test_what_is_not_filled_stays_open_or_expires_as_asked(desk):
    desk.place(ask("bob", "sell", "30", "0.1"))
    partly = desk.place(ask(quantity="0.3", tif="IOC"))
    assert (partly.status, partly.executed) == ("partly filled", "0.10000000")
    assert desk.place(ask(tif="IOC")).status == "expired"
    assert desk.place(ask(price="20", quantity="0.1")).status == "open"


def test_a_fill_is_told_at_the_resting_price_and_booked_on_both_sides(world, desk):
    resting = desk.place(ask("bob", "sell", "29.5", "0.5"))
    assert (resting.status, resting.executed, resting.fills) == ("open", "0.00000000", ())
    answer = desk.place(ask(price="30"))
    (fill,) = answer.fills
    assert (answer.status, answer.executed) == ("filled", "0.50000000")
    assert (fill.price, fill.quantity) == ("29.500000000000000000", "0.50000000")
    assert answer.order_id > resting.order_id
    # 0.05 % of what each side receives.
    assert world.units("alice", ETH) == (1_000 * COIN - 14_750 * 10**15, 0)
    assert world.units("alice", BTC) == (5 * 10**7 - 25_000, 0)
    assert world.units("bob", ETH) == (14_750 * 10**15 * 9_995 // 10_000, 0)


def test_a_market_order_stops_at_its_protection_price(desk):
    for price in ("20", "20.9", "21.1"):
        desk.place(ask("bob", "sell", price, "1"))
    answer = desk.place(ask(price=None, quantity="3"))
    assert (answer.status, answer.executed) == ("partly filled", "2.00000000")
    assert [fill.price[:4] for fill in answer.fills] == ["20.0", "20.9"]


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_market_order_works_at_the_edge_of_the_price_window(desk, side):
    market = btc_eth()
    edge = market.ticks("15") if side == "sell" else market.ticks("15") + WINDOW_TICKS - 1
    maker, taker = ("alice", "bob") if side == "sell" else ("bob", "alice")
    desk.place(ask(maker, "buy" if side == "sell" else "sell", market.price_text(edge), "0.5"))
    answer = desk.place(ask(taker, side, None, "0.5"))
    assert (answer.status, [fill.price for fill in answer.fills]) == ("filled", [market.price_text(edge)])


# Rows ----------------------------------------------------------------------------------


def test_rows_show_what_the_engine_knows_and_nothing_else(world, desk):
    assert desk.rows({}) == [MarketRow("BTC/ETH", "open", None, None, 0)]
    desk.place(ask(price="29"))
    desk.place(ask("bob", "sell", "31", "1"))
    desk.set_market(btc_eth(), is_open=False)
    row = MarketRow("BTC/ETH", "halted", "29.000000000000000000", "31.000000000000000000", 5)
    assert desk.rows({0: 5, 3: 9}) == [row]
    assert TradingDesk(world.core, [], session=9).rows({}) == []


def test_an_unknown_market_names_the_known_ones(desk, world):
    with pytest.raises(UnknownMarket, match="'X/Y'; known: BTC/ETH"):
        desk.market("X/Y")
    with pytest.raises(UnknownMarket, match="known: none"):
        TradingDesk(world.core, [], session=9).market("X/Y")
    assert list(desk.markets) == ["BTC/ETH"]
