# What must hold after every batch, computed from the exported state alone.
from collections import Counter, defaultdict

from exchange.engine.codes import FeeMode, Side, TransferFlag, TransferResult
from exchange.engine.views import Depth, Level

NO_LIMIT = 4_000


def check_state(engine):
    state = engine.state_arrays()
    check_money(state)
    check_holds(state)
    check_books(engine, state)


def check_money(state):
    totals = Counter()
    for row in state["balances"].tolist():
        account, asset, available, order_hold, pending_out = row
        totals[asset] += available + order_hold + pending_out
        assert order_hold >= 0, row
        assert pending_out >= 0, row
        assert available >= 0 or account == 0, row  # only clearing, the mirror of custody, may owe
    assert not +totals, totals
    assert not -totals, totals


def check_holds(state):
    markets = {int(row["market"]): row for row in state["markets"]}
    held, pending = Counter(), Counter()
    for order in state["orders"]:
        market = markets[int(order["market"])]
        buys = order["side"] == Side.BUY
        held[int(order["account"]), int(market["quote" if buys else "base"])] += int(order["hold"])
        cost = int(order["price"]) * int(order["leaves"]) * int(market["multiplier"])
        rate = max(int(order["maker_ppm"]), int(order["taker_ppm"]))
        fee = cost * rate // 1_000_000 if market["fee_mode"] == FeeMode.ON_TOP else 0
        needed = cost + fee if buys else int(order["leaves"]) * int(market["lot"])
        assert order["hold"] >= needed, order
        assert order["leaves"] > 0, order
    for transfer, outcome in zip(state["transfers"], state["outcomes"], strict=True):
        is_pending = int(transfer["flags"]) & TransferFlag.PENDING and outcome["result"] == TransferResult.OK
        if is_pending and outcome["state"] == 1:
            pending[int(transfer["debit"]), int(transfer["ledger"])] += int(transfer["amount"])
    for account, asset, _, order_hold, pending_out in state["balances"].tolist():
        assert held.pop((account, asset), 0) == order_hold
        assert pending.pop((account, asset), 0) == pending_out
    assert not +held
    assert not +pending


def check_books(engine, state):
    for market in state["markets"]["market"].tolist():
        best = engine.best(market)
        assert best.bid is None or best.ask is None or best.bid < best.ask
        levels = {Side.BUY: defaultdict(list), Side.SELL: defaultdict(list)}
        for order in state["orders"]:
            if order["market"] == market:
                levels[Side(int(order["side"]))][int(order["price"])].append(int(order["leaves"]))
        expected = {
            side: tuple(
                Level(price, sum(lots), len(lots)) for price, lots in sorted(prices.items(), reverse=side == Side.BUY)
            )
            for side, prices in levels.items()
        }
        assert engine.depth(market, NO_LIMIT) == Depth(expected[Side.BUY], expected[Side.SELL])


def check_outputs(batch, outputs, first_seq, owners):
    answered = set(outputs.events["seq"].tolist())
    assert answered == set(range(first_seq, first_seq + len(batch)))  # every command has at least one event
    for fill in outputs.fills:
        buyer, seller = int(fill["buyer"]), int(fill["seller"])
        assert owners.get(buyer, buyer) != owners.get(seller, seller), fill
        assert int(fill["qty"]) > 0
