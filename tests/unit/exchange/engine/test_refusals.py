# Every reject code, and which one wins where several apply.
import pytest
from simulators.engine_pair import (
    ALICE,
    BASE,
    BOB,
    CAROL,
    QUOTE,
    RICH,
    EnginePair,
    command_kind,
    handle_of,
    raw_command,
    reject_of,
)

from exchange.engine.codes import (
    AMOUNT_CAP,
    WINDOW_TICKS,
    FeeMode,
    Kind,
    OrderFlag,
    Reject,
    Side,
    Tif,
)
from exchange.engine.commands import Cancel, CancelAll, SetFee, SetMarket, SetOwner
from exchange.engine.state import EngineConfig
from exchange.engine.views import MarketSpec

POOR = 40

UNKNOWN_ORDERS = {
    "a market never set up": {"market": 1},
    "a market beyond the capacity": {"market": 65_535},
    "clearing as trader": {"account": 0},
    "the last system account as trader": {"account": 15},
    "an account beyond the capacity": {"account": 64},
    "the highest account number": {"account": 0xFFFF_FFFF},
    "side 2": {"side": 2},
    "tif 4": {"tif": 4},
    "self-trade mode 4": {"stp": 4},
    "an iceberg": {"flags": OrderFlag.ICEBERG},
    "a stop-loss": {"flags": OrderFlag.STOP_LOSS},
    "a take-profit": {"flags": OrderFlag.TAKE_PROFIT},
    "reduce-only": {"flags": OrderFlag.REDUCE_ONLY},
    "all flags": {"flags": 0xFFFF},
    "a quote amount without market": {"flags": OrderFlag.QUOTE_QTY},
    "a post-only market order": {"flags": OrderFlag.MARKET, "tif": Tif.POST_ONLY},
    "a fill-or-kill quote amount": {"flags": OrderFlag.MARKET | OrderFlag.QUOTE_QTY, "tif": Tif.FOK},
    "a reference": {"ref": 1},
    "a peak": {"aux": 1},
}


@pytest.mark.parametrize("fields", UNKNOWN_ORDERS.values(), ids=UNKNOWN_ORDERS.keys())
def test_refuses_as_unknown(pair, fields):
    assert reject_of(pair.records(raw_command(**fields))) == Reject.UNKNOWN


@pytest.mark.parametrize("kind", [0, 4, 9, 10, 11, 12, 13, 255])
def test_refuses_kinds_it_does_not_know(pair, kind):
    record = raw_command()
    record["kind"] = kind
    assert reject_of(pair.records(record)) == Reject.UNKNOWN


def test_refuses_orders_in_a_halted_market_but_cancels_there(pair):
    handle = handle_of(pair.buy(ALICE, 100, 1))
    pair.market(open=False)
    assert reject_of(pair.buy(ALICE, 100, 1)) == Reject.HALTED
    pair.commands(Cancel(0, ALICE, handle))
    assert pair.held(ALICE, QUOTE) == 0


@pytest.mark.parametrize("price", [-(1 << 63), -1, 0, WINDOW_TICKS + 1, (1 << 63) - 1])
def test_refuses_prices_outside_the_window(pair, price):
    assert reject_of(pair.buy(ALICE, price, 1)) == Reject.BAND


@pytest.mark.parametrize("qty", [-(1 << 63), -1, 0, AMOUNT_CAP, (1 << 63) - 1])
def test_refuses_quantities_out_of_range(pair, qty):
    assert reject_of(pair.buy(ALICE, 100, qty)) == Reject.INVALID


def test_refuses_a_cost_whose_fee_would_pass_the_cap(pair):
    # 10 % is the highest fee: cost alone may be at most 2**62 / 1.1
    fits = AMOUNT_CAP * 10 // 11 // 100
    assert reject_of(pair.buy(ALICE, 100, fits + 1)) == Reject.INVALID
    assert reject_of(pair.buy(ALICE, 100, fits)) == Reject.FUNDS


def test_refuses_a_base_amount_beyond_the_cap(bare):
    bare.market(lot=1 << 61)
    bare.fund_all(ALICE)
    assert reject_of(bare.sell(ALICE, 1, 3)) == Reject.INVALID
    assert reject_of(bare.sell(ALICE, 1, 2)) == Reject.FUNDS


def test_refuses_when_no_order_slot_is_free():
    full = EnginePair(EngineConfig(max_accounts=32, max_assets=2, max_orders=2, max_markets=1))
    full.market()
    full.fund_all(ALICE, BOB)
    handle = handle_of(full.buy(ALICE, 100, 1))
    full.buy(ALICE, 101, 1)
    assert reject_of(full.buy(ALICE, 102, 1)) == Reject.CAPACITY
    assert len(full.sell(BOB, 101, 1, tif=Tif.IOC).fills) == 1  # an order that cannot rest needs no slot
    full.buy(ALICE, 101, 1)
    full.commands(Cancel(0, ALICE, handle))
    assert handle_of(full.buy(ALICE, 99, 1)) != handle
    full.same_state()


def test_refuses_what_the_account_cannot_pay(pair):
    pair.fund(POOR, QUOTE, 999)
    pair.fund(POOR, BASE, 4)
    assert reject_of(pair.buy(POOR, 100, 10)) == Reject.FUNDS
    assert reject_of(pair.sell(POOR, 100, 5)) == Reject.FUNDS
    pair.buy(POOR, 90, 10)
    assert reject_of(pair.buy(POOR, 100, 1)) == Reject.FUNDS  # 900 of 999 are held


def test_refuses_a_market_order_for_what_it_would_fill_now(pair):
    pair.fund(POOR, QUOTE, 199)
    pair.sell(ALICE, 100, 2)
    assert reject_of(pair.buy(POOR, 150, 2, flags=OrderFlag.MARKET)) == Reject.FUNDS
    pair.fund(POOR, QUOTE, 1)
    assert len(pair.buy(POOR, 150, 3, flags=OrderFlag.MARKET).fills) == 1


def test_refuses_post_only_that_would_trade_even_with_itself(pair):
    pair.sell(ALICE, 100, 1)
    assert reject_of(pair.buy(BOB, 100, 1, tif=Tif.POST_ONLY)) == Reject.POST_ONLY
    assert reject_of(pair.buy(ALICE, 100, 1, tif=Tif.POST_ONLY)) == Reject.POST_ONLY
    assert handle_of(pair.buy(BOB, 99, 1, tif=Tif.POST_ONLY))


def test_refuses_fill_or_kill_short_of_one_lot(pair):
    pair.sell(ALICE, 100, 5)
    pair.sell(ALICE, 101, 5)
    assert reject_of(pair.buy(BOB, 101, 11, tif=Tif.FOK)) == Reject.FOK
    assert reject_of(pair.buy(BOB, 100, 6, tif=Tif.FOK)) == Reject.FOK
    assert len(pair.buy(BOB, 101, 10, tif=Tif.FOK).fills) == 2


@pytest.mark.parametrize("stp", range(4))
def test_refuses_fill_or_kill_with_an_own_order_in_the_way(pair, stp):
    pair.sell(BOB, 100, 1)
    pair.sell(ALICE, 101, 50)
    assert reject_of(pair.buy(BOB, 101, 2, tif=Tif.FOK, stp=stp)) == Reject.FOK


def test_refuses_cancels_of_handles_that_are_not_live(pair):
    handle = handle_of(pair.buy(ALICE, 100, 1))
    for ref in (0, -1, 1 << 62, handle + 1, handle | 1 << 32, -(1 << 63), (1 << 63) - 1):
        assert reject_of(pair.commands(Cancel(0, ALICE, ref))) == Reject.UNKNOWN
    pair.commands(Cancel(0, ALICE, handle))
    assert reject_of(pair.commands(Cancel(0, ALICE, handle))) == Reject.UNKNOWN


def test_a_stale_handle_does_not_cancel_the_next_order_in_its_slot(pair):
    stale = handle_of(pair.buy(ALICE, 100, 1))
    pair.commands(Cancel(0, ALICE, stale))
    fresh = handle_of(pair.buy(ALICE, 100, 1))
    assert stale & 0xFFFF_FFFF == fresh & 0xFFFF_FFFF
    assert reject_of(pair.commands(Cancel(0, ALICE, stale))) == Reject.UNKNOWN
    assert [order.handle for order in pair.core.open_orders(ALICE)] == [fresh]


def test_refuses_to_cancel_a_strangers_order(pair):
    handle = handle_of(pair.buy(ALICE, 100, 1))
    assert reject_of(pair.commands(Cancel(0, BOB, handle))) == Reject.NOT_OWNER
    pair.commands(SetOwner(BOB, ALICE))  # one owner, but still another account
    assert reject_of(pair.commands(Cancel(0, BOB, handle))) == Reject.NOT_OWNER


def test_refuses_to_cancel_under_another_market(pair):
    pair.market(1, base=2)
    handle = handle_of(pair.buy(ALICE, 100, 1))
    assert reject_of(pair.commands(Cancel(1, ALICE, handle))) == Reject.UNKNOWN


@pytest.mark.parametrize("fields", [{"account": 15}, {"account": 64}, {"market": 1}, {"flags": 1}, {"flags": 65}])
def test_refuses_a_malformed_cancel_all(pair, fields):
    record = command_kind(Kind.CANCEL_ALL, **({"account": ALICE} | fields))
    assert reject_of(pair.records(record)) == Reject.UNKNOWN


# Settings -------------------------------------------------------------------------------


def market_spec(**terms):
    return MarketSpec(**({"market": 1, "base": 0, "quote": 1, "multiplier": 1} | terms))


@pytest.mark.parametrize("fields", [{"market": 3}, {"account": 1}, {"side": 2}, {"tif": 2}])
def test_refuses_a_market_that_is_none_of_its_business(pair, fields):
    record = command_kind(Kind.SET_MARKET, market=1, side=1, price=1, qty=1, ref=1, aux=1)
    for name, value in fields.items():
        record[name] = value
    assert reject_of(pair.records(record)) == Reject.UNKNOWN


@pytest.mark.parametrize(
    "terms",
    [
        *({"base": 1, "quote": 1}, {"base": 4}, {"quote": 4}, {"multiplier": 0}, {"multiplier": -1}, {"lot": 0}),
        *({"low": 0}, {"low": AMOUNT_CAP}, {"multiplier": AMOUNT_CAP}, {"multiplier": AMOUNT_CAP + 1}, {"base": -1}),
    ],
)
def test_refuses_market_terms_out_of_range(pair, terms):
    assert reject_of(pair.commands(SetMarket(market_spec(**terms)))) == Reject.INVALID


@pytest.mark.parametrize(
    "terms", [{"base": 2}, {"quote": 2}, {"multiplier": 2}, {"lot": 2}, {"fee_mode": FeeMode.ON_TOP}]
)
def test_refuses_other_terms_for_a_known_market(pair, terms):
    pair.commands(SetMarket(market_spec()))
    assert reject_of(pair.commands(SetMarket(market_spec(**terms)))) == Reject.INVALID


def test_refuses_to_move_the_window_away_from_a_resting_order(pair):
    pair.buy(ALICE, 100, 1)
    pair.sell(ALICE, WINDOW_TICKS, 1)
    assert reject_of(pair.market(low=101, open=False)) == Reject.BAND
    assert pair.core.markets()[0].open  # refused as a whole
    pair.commands(CancelAll(ALICE))
    pair.buy(ALICE, 100, 1)
    assert reject_of(pair.market(low=101)) == Reject.BAND
    pair.market(low=100)
    assert pair.core.best(0).bid == 100


@pytest.mark.parametrize("account", [1, 15, 64])
def test_refuses_rates_for_accounts_that_do_not_pay(pair, account):
    assert reject_of(pair.commands(SetFee(account, 1, 1))) == Reject.UNKNOWN


@pytest.mark.parametrize("rates", [(-1, 1), (1, -1), (100_001, 1), (1, 100_001)])
def test_refuses_rates_out_of_range(pair, rates):
    assert reject_of(pair.commands(SetFee(ALICE, *rates))) == Reject.INVALID


@pytest.mark.parametrize(("account", "owner"), [(15, 16), (16, 15), (64, 16), (16, 64), (16, -1), (16, 1 << 40)])
def test_refuses_owners_that_are_not_customers(pair, account, owner):
    assert reject_of(pair.commands(SetOwner(account, owner))) == Reject.UNKNOWN


# Precedence -------------------------------------------------------------------------------


def test_the_first_reason_of_the_fixed_order_is_given():
    # One order against which everything speaks; the reasons are cleared one after the other.
    full = EnginePair(EngineConfig(max_accounts=64, max_assets=2, max_orders=2, max_markets=1))
    full.market()
    full.fund_all(ALICE, BOB)
    full.sell(ALICE, 100, 1)
    slot = handle_of(full.sell(ALICE, 200, 1))
    full.market(open=False)
    wrong = {"account": CAROL, "price": 0, "qty": 0, "tif": Tif.POST_ONLY, "side": Side.BUY}
    answers = []

    def attempt(**cleared):
        wrong.update(cleared)
        answers.append(reject_of(full.records(raw_command(**wrong))))

    attempt(market=1)
    attempt(market=0)
    full.market(open=True)
    attempt()
    attempt(price=100)
    attempt(qty=5)
    full.commands(Cancel(0, ALICE, slot))
    attempt()
    full.fund(CAROL, QUOTE, RICH)
    attempt()
    attempt(tif=Tif.FOK)
    expected = ["UNKNOWN", "HALTED", "BAND", "INVALID", "CAPACITY", "FUNDS", "POST_ONLY", "FOK"]
    assert [answer.name for answer in answers] == expected
    full.same_state()
