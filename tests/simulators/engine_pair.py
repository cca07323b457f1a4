# The compiled engine and its plain twin side by side: every batch goes to both, every answer and state must be equal.
import numpy as np

from exchange.engine.codes import EventKind, Kind, Reject, Side
from exchange.engine.commands import NewOrder, SetMarket, Transfer, pack_commands, pack_transfers
from exchange.engine.engine import Engine
from exchange.engine.reference import ReferenceEngine
from exchange.engine.state import EngineConfig
from exchange.engine.views import MarketSpec

SMALL = EngineConfig(max_accounts=64, max_assets=4, max_orders=64, max_markets=3)
ALICE, BOB, CAROL, DAVE = 16, 17, 18, 19
BASE, QUOTE = 0, 1
RICH = 1_000_000_000


class EnginePair:
    def __init__(self, config=SMALL):
        self.config = config
        self.core = Engine(config)
        self.plain = ReferenceEngine(config)
        self.next_seq = 1
        self.next_id = 1

    def commands(self, *commands):
        return self.records(pack_commands(commands))

    def records(self, batch):
        fast, slow = (engine.apply_commands(batch, self.next_seq) for engine in (self.core, self.plain))
        self.next_seq += len(batch)
        np.testing.assert_array_equal(fast.events, slow.events)
        np.testing.assert_array_equal(fast.fills, slow.fills)
        return fast

    def transfers(self, *transfers):
        return self.transfer_records(pack_transfers(transfers))

    def transfer_records(self, batch):
        fast, slow = (engine.apply_transfers(batch, self.next_seq) for engine in (self.core, self.plain))
        self.next_seq += len(batch)
        assert fast.tolist() == slow.tolist()
        return fast.tolist()

    def same_state(self):
        fast, slow = self.core.state_arrays(), self.plain.state_arrays()
        for name, rows in fast.items():
            np.testing.assert_array_equal(rows, slow[name], err_msg=name)
        assert self.core.state_hash() == self.plain.state_hash()
        return self.core.state_hash()

    # Shorthands ------------------------------------------------------------------------

    def market(self, number=0, **terms):
        terms = {"base": BASE, "quote": QUOTE, "multiplier": 1, "lot": 1} | terms
        return self.commands(SetMarket(MarketSpec(number, **terms)))

    def fund(self, account, asset, amount):
        self.next_id += 1
        assert self.transfers(Transfer(self.next_id, 0, account, asset, amount)) == [0]

    def fund_all(self, *accounts, amount=RICH):
        for account in accounts:
            for asset in (BASE, QUOTE):
                self.fund(account, asset, amount)

    def order(self, account, side, price, qty, **more):
        return self.commands(NewOrder(more.pop("market", 0), account, side, price, qty, **more))

    def buy(self, account, price, qty, **more):
        return self.order(account, Side.BUY, price, qty, **more)

    def sell(self, account, price, qty, **more):
        return self.order(account, Side.SELL, price, qty, **more)

    def available(self, account, asset):
        return self.core.balance(account, asset).available

    def held(self, account, asset):
        return self.core.balance(account, asset).order_hold


def reject_of(outputs):
    (event,) = outputs.events
    assert event["kind"] == EventKind.REJECTED
    assert not len(outputs.fills)
    return Reject(int(event["reason"]))


def handle_of(outputs):
    return int(outputs.events[0]["handle"])


def raw_command(**fields):
    record = pack_commands([NewOrder(0, ALICE, Side.BUY, 100, 1)])
    for name, value in fields.items():
        record[name] = value
    return record


def kinds_of(outputs):
    return [EventKind(int(kind)) for kind in outputs.events["kind"]]


def command_kind(kind, **fields):
    record = np.zeros(1, pack_commands([]).dtype)
    record["kind"] = Kind(kind)
    for name, value in fields.items():
        record[name] = value
    return record
