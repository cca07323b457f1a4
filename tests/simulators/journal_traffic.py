# Seeded traffic for journal, sequencer and projection: orders, cancels, self-trades, transfers, notes.
import numpy as np

from custody.primitives.ids import CustomerId
from exchange.engine.codes import FeeMode, Kind, Stp, Tif
from exchange.engine.commands import SetMarket, Transfer, pack_commands, pack_transfers
from exchange.engine.engine import Engine
from exchange.engine.records import CMD
from exchange.engine.state import EngineConfig
from exchange.engine.views import MarketSpec
from exchange.journal.journal import JournalSettings
from exchange.sequencer.sequencer import Sequencer, SequencerSettings

CONFIG = EngineConfig(max_accounts=64, max_assets=4, max_orders=4096, max_markets=2)
SETTINGS = SequencerSettings(JournalSettings(segment_bytes=1 << 16), accounts=64)
CUSTOMERS = 6


def new_engine():
    return Engine(CONFIG)


class StepClock:
    """Nanoseconds that go on by one with every reading, so that runs are repeatable."""

    def __init__(self, at_ns=1_700_000_000_000_000_000):
        self.at_ns = at_ns

    def __call__(self):
        self.at_ns += 1
        return self.at_ns


class Recorder:
    """A listener that keeps what it was told."""

    def __init__(self, offset=0):
        self.kept = offset
        self.heard = []

    def offset(self):
        return self.kept

    def on_outputs(self, publication):
        self.heard.append(publication)


def open_sequencer(folder, *, listeners=(), clock=None, settings=SETTINGS):
    return Sequencer.open(folder, new_engine(), now_ns=clock or StepClock(), listeners=listeners, settings=settings)


def fund(sequencer):
    """Two markets over assets 0/1 and 2/1, six customers with money in all three."""
    specs = (
        MarketSpec(0, base=0, quote=1, multiplier=1),
        MarketSpec(1, base=2, quote=1, multiplier=2, fee_mode=FeeMode.ON_TOP),
    )
    sequencer.submit_commands(pack_commands([SetMarket(spec) for spec in specs]))
    accounts = [sequencer.open_account(CustomerId(f"customer-{n}")) for n in range(CUSTOMERS)]
    deposits = [
        Transfer(id=1000 + 10 * account + asset, debit=0, credit=account, ledger=asset, amount=10**10)
        for account in accounts
        for asset in range(3)
    ]
    codes = sequencer.submit_transfers(pack_transfers(deposits), b'{"kind":"deposits"}')
    assert not codes.any()
    return accounts


def order_batches(accounts, *, seed, batches, size, session=1, first_id=1):
    """CMD records that cross often, in all time-in-force and self-trade modes, with cancels of everything."""
    rng = np.random.default_rng(seed)
    cmd_id = first_id
    for _ in range(batches):
        batch = np.zeros(size, CMD)
        batch["kind"] = np.where(rng.random(size) < 0.05, Kind.CANCEL_ALL, Kind.NEW)
        is_new = batch["kind"] == Kind.NEW
        batch["session"] = session
        batch["cmd_id"] = np.arange(cmd_id, cmd_id + size)
        batch["account"] = rng.choice(accounts, size)
        batch["side"] = np.where(is_new, rng.integers(0, 2, size), 0)
        batch["tif"] = np.where(is_new, rng.choice(list(Tif), size), 0)
        batch["stp"] = np.where(is_new, rng.choice(list(Stp), size), 0)
        batch["market"] = np.where(is_new, rng.integers(0, 2, size), 0)
        batch["price"] = np.where(is_new, 1000 + rng.integers(-8, 9, size), 0)
        batch["qty"] = np.where(is_new, rng.integers(1, 500, size), 0)
        cmd_id += size
        yield batch


def withdrawal(account, number, amount=1000):
    """A pending transfer to the account of withdrawals in flight, and its note."""
    note = b'{"kind":"withdrawal","number":%d}' % number
    return pack_transfers(
        [Transfer(id=1 << 64 | number, debit=account, credit=2, ledger=1, amount=amount, flags=2)]
    ), note


def outputs_of(outputs):
    return outputs.events.tobytes(), outputs.fills.tobytes()
