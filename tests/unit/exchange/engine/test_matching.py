import numpy as np
import pytest
from simulators.engine_pair import ALICE, BASE, BOB, CAROL, DAVE, QUOTE, RICH, EnginePair, handle_of, kinds_of

from exchange.engine import canonical
from exchange.engine.codes import (
    WINDOW_TICKS,
    Ending,
    EventKind,
    FeeMode,
    FillFlag,
    OrderFlag,
    Reject,
    Side,
    Stp,
    Tif,
)
from exchange.engine.commands import Cancel, CancelAll, NewOrder, SetFee, SetMarket, SetOwner, Tick, pack_commands
from exchange.engine.views import Depth, Level, MarketSpec

MARKET = OrderFlag.MARKET
AMOUNT = OrderFlag.MARKET | OrderFlag.QUOTE_QTY


def trades(outputs):
    return [(int(fill["maker"]), int(fill["price"]), int(fill["qty"])) for fill in outputs.fills]


def order_of(outputs):
    return int(outputs.events[0]["order"])


# Priority ---------------------------------------------------------------------------------


def test_takes_the_best_price_first_and_the_oldest_within_it(pair):
    second = order_of(pair.sell(ALICE, 101, 5))
    first = order_of(pair.sell(BOB, 100, 5))
    third = order_of(pair.sell(CAROL, 101, 5))
    outputs = pair.buy(DAVE, 102, 12)
    assert trades(outputs) == [(first, 100, 5), (second, 101, 5), (third, 101, 2)]
    assert outputs.fills["index"].tolist() == [0, 1, 2]
    assert outputs.fills["flags"].tolist() == [FillFlag.MAKER_DONE, FillFlag.MAKER_DONE, 0]


def test_a_partly_filled_order_keeps_its_place(pair):
    first = order_of(pair.buy(ALICE, 100, 5))
    second = order_of(pair.buy(BOB, 100, 5))
    pair.sell(CAROL, 100, 2)
    assert trades(pair.sell(CAROL, 100, 4)) == [(first, 100, 3), (second, 100, 1)]


def test_a_cancelled_order_leaves_its_neighbours_in_order(pair):
    orders = [pair.buy(account, 100, 1) for account in (ALICE, BOB, CAROL)]
    pair.commands(Cancel(0, BOB, handle_of(orders[1])))
    assert [maker for maker, _, _ in trades(pair.sell(DAVE, 100, 2))] == [order_of(orders[0]), order_of(orders[2])]


def test_trades_at_the_resting_price(pair):
    pair.buy(ALICE, 100, 1)
    assert trades(pair.sell(BOB, 90, 1))[0][1] == 100
    assert pair.core.markets()[0].last == 100


def test_does_not_trade_beyond_the_limit(pair):
    pair.sell(ALICE, 100, 1)
    pair.sell(ALICE, 101, 1)
    outputs = pair.buy(BOB, 100, 5)
    assert len(outputs.fills) == 1
    assert pair.core.best(0).bid == 100
    assert pair.core.best(0).ask == 101


@pytest.mark.parametrize("price", [1, 64, 65, 4096, 4097, WINDOW_TICKS])
def test_finds_prices_at_the_edges_of_the_bitmap(pair, price):
    pair.sell(ALICE, price, 1)
    assert pair.core.best(0).ask == price
    assert trades(pair.buy(BOB, WINDOW_TICKS, 1))[0][1] == price
    pair.buy(ALICE, price, 1)
    assert pair.core.best(0).bid == price
    assert trades(pair.sell(BOB, 1, 1))[0][1] == price
    assert pair.core.depth(0, 9) == Depth((), ())


def test_walks_over_wide_gaps(pair):
    prices = [1, 2, 63, 64, 65, 4_095, 4_096, 4_160, 70_000, WINDOW_TICKS - 1, WINDOW_TICKS]
    for price in reversed(prices):
        pair.sell(ALICE, price, 1)
    assert [price for _, price, _ in trades(pair.buy(BOB, WINDOW_TICKS, 50, tif=Tif.IOC))] == prices
    for price in prices:
        pair.buy(ALICE, price, 1)
    assert [price for _, price, _ in trades(pair.sell(BOB, 1, 50, tif=Tif.IOC))] == prices[::-1]


# Kinds of order ---------------------------------------------------------------------------


def test_immediate_or_cancel_reports_the_rest_as_expired(pair):
    pair.sell(ALICE, 100, 2)
    outputs = pair.buy(BOB, 100, 5, tif=Tif.IOC)
    assert kinds_of(outputs) == [EventKind.ACCEPTED, EventKind.EXPIRED]
    assert outputs.events["handle"].tolist() == [0, 0]
    assert (outputs.events[1]["lots"], outputs.events[1]["reason"]) == (3, Ending.IMMEDIATE)
    assert pair.core.best(0).bid is None
    assert pair.held(BOB, QUOTE) == 0


def test_a_market_order_never_rests_and_keeps_its_protection_price(pair):
    pair.sell(ALICE, 100, 2)
    pair.sell(ALICE, 111, 2)
    outputs = pair.buy(BOB, 110, 5, flags=MARKET)
    assert [price for _, price, _ in trades(outputs)] == [100]
    assert kinds_of(outputs) == [EventKind.ACCEPTED, EventKind.EXPIRED]
    assert pair.core.open_orders(BOB) == ()


def test_a_quote_amount_buys_whole_lots_only(pair):
    pair.sell(ALICE, 100, 2)
    pair.sell(ALICE, 150, 9)
    before = pair.available(BOB, QUOTE)
    outputs = pair.buy(BOB, 200, 649, flags=AMOUNT)
    assert [(price, qty) for _, price, qty in trades(outputs)] == [(100, 2), (150, 2)]
    assert before - pair.available(BOB, QUOTE) == 500
    assert outputs.events[-1]["kind"] == EventKind.EXPIRED


def test_a_quote_amount_too_small_for_a_lot_buys_nothing(pair):
    pair.sell(ALICE, 100, 2)
    outputs = pair.buy(BOB, 200, 99, flags=AMOUNT)
    assert not len(outputs.fills)
    assert kinds_of(outputs) == [EventKind.ACCEPTED, EventKind.EXPIRED]


def test_a_quote_amount_sells_for_at_most_that_amount(pair):
    pair.buy(ALICE, 100, 2)
    pair.buy(ALICE, 90, 9)
    assert [(price, qty) for _, price, qty in trades(pair.sell(BOB, 1, 399, flags=AMOUNT))] == [(100, 2), (90, 2)]


def test_a_filled_limit_order_has_no_handle(pair):
    pair.sell(ALICE, 100, 5)
    outputs = pair.buy(BOB, 100, 5)
    assert kinds_of(outputs) == [EventKind.ACCEPTED]
    assert handle_of(outputs) == 0


def test_cancel_all_takes_the_account_alone(pair):
    pair.market(1, base=2)
    pair.buy(ALICE, 100, 1)
    pair.buy(ALICE, 101, 1, market=1)
    pair.buy(BOB, 100, 1)
    outputs = pair.commands(CancelAll(ALICE, market=1))
    assert kinds_of(outputs) == [EventKind.CANCELED, EventKind.APPLIED]
    assert pair.commands(CancelAll(ALICE)).events[-1]["lots"] == 1
    assert pair.core.open_orders(ALICE) == ()
    assert len(pair.core.open_orders(BOB)) == 1
    assert pair.available(ALICE, QUOTE) == RICH


# Self-trade prevention ----------------------------------------------------------------------


@pytest.fixture
def owned(pair):
    """BOB and CAROL belong to one owner; BOB rests behind ALICE."""
    pair.commands(SetOwner(CAROL, BOB))
    pair.sell(ALICE, 100, 2)
    pair.sell(BOB, 100, 3)
    pair.sell(DAVE, 100, 4)
    return pair


@pytest.mark.parametrize(
    ("stp", "fills", "bob_left", "kinds"),
    [
        (Stp.EXPIRE_TAKER, [2], 3, [EventKind.ACCEPTED, EventKind.EXPIRED]),
        (Stp.EXPIRE_MAKER, [2, 4], 0, [EventKind.ACCEPTED, EventKind.CANCELED]),
        (Stp.EXPIRE_BOTH, [2], 0, [EventKind.ACCEPTED, EventKind.CANCELED, EventKind.EXPIRED]),
        (Stp.DECREMENT, [2, 4], 0, [EventKind.ACCEPTED, EventKind.DECREMENTED, EventKind.DECREMENTED]),
    ],
)
def test_accounts_of_one_owner_never_trade(owned, stp, fills, bob_left, kinds):
    outputs = owned.buy(CAROL, 100, 10, stp=stp)
    assert outputs.fills["qty"].tolist() == fills
    assert BOB not in outputs.fills["seller"]
    assert kinds_of(outputs) == kinds
    assert sum(order.leaves for order in owned.core.open_orders(BOB)) == bob_left
    assert owned.held(BOB, BASE) == bob_left


def test_decrement_takes_the_smaller_of_both_off_both(pair):
    resting = pair.buy(ALICE, 100, 10)
    outputs = pair.sell(ALICE, 100, 4, stp=Stp.DECREMENT)
    assert outputs.events["lots"].tolist() == [0, 4, 4]
    assert outputs.events["amount"].tolist() == [0, 400, 0]
    (order,) = pair.core.open_orders(ALICE)
    assert (order.leaves, order.hold, order.handle) == (6, 600, handle_of(resting))
    assert not len(outputs.fills)


@pytest.mark.parametrize("stp", Stp)
def test_a_market_order_with_own_orders_on_the_way_pays_only_what_it_fills(owned, stp):
    before = owned.available(CAROL, QUOTE)
    outputs = owned.buy(CAROL, 120, 10, stp=stp, flags=MARKET)
    assert before - owned.available(CAROL, QUOTE) == int(outputs.fills["quote"].sum())


# Windows, settings, clocks ------------------------------------------------------------------------


@pytest.mark.parametrize("low", [2, 64, 70, 90])
def test_moving_the_window_changes_no_order(pair, low):
    for price in (90, 95, 128, 4_096):
        pair.buy(ALICE, price, 1)
    for price in (5_000, 70_000, WINDOW_TICKS):
        pair.sell(ALICE, price, 1)
    before = pair.core.depth(0, 9)
    pair.market(low=low)
    assert pair.core.depth(0, 9) == before == pair.plain.depth(0, 9)
    pair.market(low=1)
    assert pair.core.depth(0, 9) == before
    assert len(pair.buy(BOB, WINDOW_TICKS, 3).fills) == 3
    assert len(pair.sell(BOB, 1, 4).fills) == 4


def test_an_order_keeps_the_rates_of_its_acceptance(pair):
    pair.commands(SetFee(0, 1_000, 2_000))
    pair.sell(ALICE, 1_000, 1_000)
    pair.commands(SetFee(ALICE, 100_000, 100_000), SetFee(BOB, 0, 30_000))
    (fill,) = pair.buy(BOB, 1_000, 1_000).fills
    assert (fill["fee_seller"], fill["fee_buyer"]) == (1_000, 30)


def test_the_clock_is_remembered(bare):
    tick = pack_commands([Tick()])
    tick["ts"] = 77
    assert kinds_of(bare.records(tick)) == [EventKind.APPLIED]
    assert bare.core.state_arrays()["counters"].tolist() == [1, 77]


# Output space -----------------------------------------------------------------------------------


def test_a_sweep_larger_than_the_output_buffers_is_one_command(monkeypatch):
    monkeypatch.setattr(canonical, "OUTPUT_EVENTS", 8)
    monkeypatch.setattr(canonical, "OUTPUT_FILLS", 4)
    engines = EnginePair()
    engines.market()
    engines.fund_all(ALICE, BOB, CAROL)
    resting = [NewOrder(0, (ALICE, BOB)[n % 2], Side.SELL, 100 + n, 1) for n in range(40)]
    engines.commands(*resting)
    sweep = NewOrder(0, CAROL, Side.BUY, 500, 30, cmd_id=9)
    own = NewOrder(0, BOB, Side.BUY, 500, 9, stp=Stp.EXPIRE_MAKER)
    outputs = engines.commands(sweep, own, CancelAll(ALICE))
    assert len(outputs.fills) == 30 + 5
    assert [int(fill["index"]) for fill in outputs.fills[:30]] == list(range(30))
    engines.same_state()


# Fees, worked by hand ----------------------------------------------------------------------------


def fee_pair(mode):
    engines = EnginePair()
    engines.commands(SetMarket(MarketSpec(0, BASE, QUOTE, multiplier=10, lot=1_000, fee_mode=mode)))
    engines.commands(SetFee(0, 200, 500))
    engines.fund(ALICE, BASE, 7_000)
    engines.fund(BOB, QUOTE, 8_000_000)
    return engines


def test_fee_in_the_asset_received():
    # 7 lots at 100,003 ticks: cost 7 * 100,003 * 10 = 7,000,210; base 7,000
    # taker buys: 500 ppm of 7,000 = 3.5 -> 3 base; maker sells: 200 ppm of 7,000,210 = 1,400.042 -> 1,400 quote
    engines = fee_pair(FeeMode.RECEIVED)
    engines.sell(ALICE, 100_003, 7)
    (fill,) = engines.buy(BOB, 100_010, 7).fills
    assert (fill["quote"], fill["fee_buyer"], fill["fee_seller"]) == (7_000_210, 3, 1_400)
    assert engines.available(BOB, BASE) == 6_997
    assert engines.available(BOB, QUOTE) == 8_000_000 - 7_000_210
    assert engines.available(ALICE, QUOTE) == 7_000_210 - 1_400
    assert [engines.available(1, asset) for asset in (BASE, QUOTE)] == [3, 1_260]
    assert [engines.available(3, asset) for asset in (BASE, QUOTE)] == [0, 140]
    engines.same_state()


def test_fee_on_top():
    # taker buys: 500 ppm of 7,000,210 = 3,500.105 -> 3,500 quote on top; a tenth of each fee goes to the fund
    engines = fee_pair(FeeMode.ON_TOP)
    engines.sell(ALICE, 100_003, 7)
    (fill,) = engines.buy(BOB, 100_010, 7).fills
    assert (fill["fee_buyer"], fill["fee_seller"]) == (3_500, 1_400)
    assert fill["flags"] == FillFlag.BUYER_FEE_IN_QUOTE | FillFlag.MAKER_DONE
    assert engines.available(BOB, BASE) == 7_000
    assert engines.available(BOB, QUOTE) == 8_000_000 - 7_000_210 - 3_500
    assert engines.available(1, QUOTE) == 3_150 + 1_260
    assert engines.available(3, QUOTE) == 350 + 140
    engines.same_state()


def test_the_hold_of_a_buy_covers_cost_and_the_higher_fee_to_the_last_unit():
    engines = fee_pair(FeeMode.ON_TOP)
    outputs = engines.buy(BOB, 100_003, 7)
    assert engines.held(BOB, QUOTE) == outputs.events[0]["amount"] == 7_000_210 + 3_500
    for _ in range(7):
        engines.sell(ALICE, 100_003, 1)
    # maker buys: seven fills of 200 ppm of 1,000,030 = 200.006 -> 200 each; what was held too much is back
    assert engines.held(BOB, QUOTE) == 0
    assert engines.available(BOB, QUOTE) == 8_000_000 - 7_000_210 - 7 * 200
    engines.same_state()


def test_a_full_balance_order_is_accepted_where_the_fee_is_in_the_asset_received(pair):
    pair.fund(20, QUOTE, 1_000)
    assert handle_of(pair.buy(20, 10, 100))


def test_fees_of_small_fills_never_add_up_to_more_than_the_fee_of_the_whole(bare):
    bare.market(multiplier=7, lot=13, fee_mode=FeeMode.ON_TOP)
    bare.commands(SetFee(0, 99_999, 99_999))
    bare.fund(ALICE, QUOTE, 700 * 33 + 700 * 33 * 99_999 // 1_000_000)
    bare.fund(BOB, BASE, 13 * 33)
    bare.buy(ALICE, 100, 33)
    for qty in (1, 2, 3, 4, 5, 6, 7, 5):
        bare.sell(BOB, 100, qty)
    assert bare.held(ALICE, QUOTE) == 0
    assert bare.available(ALICE, QUOTE) >= 0


# Bounds of int64 -----------------------------------------------------------------------------------


def test_amounts_at_the_cap_trade_exactly(bare):
    cap = 1 << 62
    bare.market(multiplier=1, lot=1)
    bare.fund(ALICE, BASE, cap)
    bare.fund(BOB, QUOTE, cap)
    bare.commands(SetFee(0, 0, 100_000))
    price, lots = 1 << 17, (cap * 10 // 11) >> 17
    bare.sell(ALICE, price, lots)
    (fill,) = bare.buy(BOB, price, lots).fills
    assert int(fill["quote"]) == price * lots
    assert int(fill["fee_buyer"]) == lots * 100_000 // 1_000_000
    totals = [sum(row[2] + row[3] for row in bare.core.balances() if row[1] == asset) for asset in (BASE, QUOTE)]
    assert totals == [0, 0]


def test_a_quote_amount_over_a_book_of_tiny_prices_does_not_overflow(bare):
    # lots * lot would pass int64 here: what a seller would need is compared by division
    cap = 1 << 62
    bare.market(multiplier=1, lot=1 << 20)
    bare.fund(ALICE, QUOTE, cap)
    bare.fund(BOB, BASE, 1 << 40)
    for _ in range(4):
        bare.buy(ALICE, 1, 1 << 41)
    outputs = bare.sell(BOB, 1, cap, flags=AMOUNT)
    assert [Reject(int(reason)) for reason in outputs.events["reason"]] == [Reject.FUNDS]


def test_command_ids_of_64_bits_come_back(pair):
    outputs = pair.buy(ALICE, 100, 1, cmd_id=(1 << 64) - 1)
    assert outputs.events["cmd_id"].dtype == np.uint64
    assert int(outputs.events[0]["cmd_id"]) == (1 << 64) - 1


def test_depth_shows_levels_from_the_best_on(pair):
    for price, qty in ((100, 1), (100, 2), (98, 5), (97, 1)):
        pair.buy(ALICE, price, qty)
    pair.sell(BOB, 103, 4)
    assert pair.core.depth(0, 2) == Depth((Level(100, 3, 2), Level(98, 5, 1)), (Level(103, 4, 1),))
    assert pair.core.depth(0, 0) == pair.core.depth(0, -1) == Depth((), ())
