# Seeded streams that use every command, tight enough in money, slots and prices to meet every refusal.
import numpy as np

from exchange.engine.codes import FeeMode, Kind, OrderFlag, TransferFlag
from exchange.engine.records import CMD, TRANSFER
from exchange.engine.state import EngineConfig

CONFIG = EngineConfig(max_accounts=40, max_assets=3, max_orders=120, max_markets=3)
ACCOUNTS = (15, 41)  # reaches one beyond the customers on both sides
MODES = (FeeMode.RECEIVED, FeeMode.ON_TOP)
KINDS = [
    *[Kind.NEW] * 70,
    *[Kind.CANCEL] * 22,
    Kind.CANCEL_ALL,
    *[Kind.SET_FEE] * 2,
    Kind.SET_OWNER,
    *[Kind.SET_MARKET] * 2,
]
FLAGS = [0, 0, 0, 0, 0, 0, OrderFlag.MARKET, OrderFlag.MARKET | OrderFlag.QUOTE_QTY, OrderFlag.ICEBERG]
TIFS = [0, 0, 0, 0, 1, 2, 3, 3, 4]


class Stream:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.handles = [0]
        self.next_id = 1
        self.mid = 100
        self.made = {}

    def learn(self, outputs):
        events = outputs.events
        self.handles = [*self.handles, *events["handle"][events["handle"] > 0].tolist()][-200:]

    def markets(self):
        batch = np.zeros(2, CMD)
        for market in (0, 1):
            batch[market] = self._market(market)
        return batch

    def commands(self, count):
        batch = np.zeros(count, CMD)
        self.mid = max(20, self.mid + int(self.rng.integers(-3, 4)))
        for at in range(count):
            batch[at] = self._command()
        return batch

    def transfers(self, count, flags=(0, 0, 0, 1, 2, 2, 3, 4, 8, 5, 16)):
        rng, batch = self.rng, np.zeros(count, TRANSFER)
        for at in range(count):
            row = batch[at]
            known = self.made.get(int(rng.integers(1, self.next_id + 1)))
            if known is not None and rng.random() < 0.1:
                batch[at] = known
                row["ts"] = 1
                continue
            is_new = rng.random() < 0.95
            self.next_id += is_new
            row["id_lo"] = self.next_id if is_new else rng.integers(1, self.next_id + 1)
            row["flags"] = rng.choice(flags)
            incoming = rng.random() < 0.5
            row["debit"], row["credit"] = rng.integers(*ACCOUNTS), rng.integers(*ACCOUNTS)
            if incoming:
                row["debit"] = 0
            row["ledger"] = rng.integers(0, 4) if rng.random() < 0.05 else rng.integers(0, 3)
            row["amount"] = rng.integers(0, 30_000)
            if int(row["flags"]) & (TransferFlag.POST | TransferFlag.VOID):
                self._end_something(row)
        return batch

    # Private ---------------------------------------------------------------------------

    def _end_something(self, row):
        row["pending_lo"] = self.rng.integers(1, self.next_id + 1)
        row["amount"] = self.rng.choice([0, 0, 0, 50])
        target = self.made.get(int(row["pending_lo"]))
        if target is not None:
            for field in ("debit", "credit", "ledger"):
                row[field] = target[field]

    def remember(self, batch):
        for row in batch:
            self.made.setdefault(int(row["id_lo"]), row.copy())

    def _command(self):
        rng, row = self.rng, np.zeros((), CMD)
        row["kind"] = rng.choice(KINDS)
        row["market"] = rng.integers(0, 3) if rng.random() < 0.02 else rng.integers(0, 2)
        row["account"] = rng.integers(*ACCOUNTS) if rng.random() < 0.03 else rng.integers(16, 28)
        row["cmd_id"] = rng.integers(0, 1 << 63)
        if row["kind"] == Kind.NEW:
            self._order(row)
        elif row["kind"] == Kind.CANCEL:
            row["ref"] = rng.choice(self.handles)
        elif row["kind"] == Kind.CANCEL_ALL:
            row["flags"] = OrderFlag.ONE_MARKET if rng.random() < 0.5 else 0
        elif row["kind"] == Kind.SET_FEE:
            row["account"] = rng.choice([0, 16, 17, 18])
            row["price"], row["qty"] = rng.integers(0, 3_000, 2)
        elif row["kind"] == Kind.SET_OWNER:
            row["account"], row["ref"] = rng.integers(16, 28, 2)
        else:
            row = self._market(int(row["market"]) % 2)
        return row

    def _order(self, row):
        rng = self.rng
        row["side"] = rng.integers(0, 2)
        row["price"] = self.mid + rng.integers(-12, 13)
        row["qty"] = rng.integers(0, 80)
        row["tif"], row["stp"] = rng.choice(TIFS), rng.integers(0, 4)
        row["flags"] = rng.choice(FLAGS)
        if row["flags"] & OrderFlag.QUOTE_QTY:
            row["qty"] *= 200

    def _market(self, market):
        row = np.zeros((), CMD)
        row["kind"], row["market"], row["side"] = Kind.SET_MARKET, market, self.rng.random() < 0.9
        row["tif"], row["price"], row["qty"] = MODES[market], (7, 3)[market], (1, 2)[market]
        row["ref"], row["aux"] = (0 << 32 | 1, 2 << 32 | 1)[market], self.rng.choice([1, 1, 1, 2, 64, 90])
        return row
