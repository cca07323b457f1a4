# The seam over a real engine and a real sequencer in a folder, and what tests need to look at it.
# `SettlementWorld` stands on `Core`; `SequencerPort` on any engine, so that the plain twin can take its place.
from simulators.journal_traffic import StepClock

from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef, ChainId
from custody.primitives.ids import CustomerId
from custody.wallets.deposit import Deposit, DepositState
from exchange.app.core import Core
from exchange.app.home import Home
from exchange.engine.state import EngineConfig
from exchange.journal.journal import JournalSettings
from exchange.projection.reading import open_hold_notes
from exchange.sequencer.sequencer import Sequencer, SequencerSettings
from exchange.settlement.accounts import AccountDesk
from exchange.settlement.ledger import HoldRecords, SettlementLedger
from exchange.settlement.market import Market
from exchange.settlement.scale import AssetScale, ScaleBook

CONFIG = EngineConfig(max_accounts=32, max_assets=8, max_orders=64, max_markets=4)
BTC = Asset("BTC", 8, ChainId("bitcoin-regtest"))
ETH = Asset("ETH", 18, ChainId("ethereum-local"))
BTC_SCALE = AssetScale(BTC, number=0, exponent=0)
ETH_SCALE = AssetScale(ETH, number=1, exponent=10)
GWEI_10 = 10**10
"""One quantum of ETH in wei."""
NOTE = b'{"kind":"withdrawal"}'


def scale_book():
    return ScaleBook([BTC_SCALE, ETH_SCALE])


def btc_eth(**changes):
    terms = {"number": 0, "base": BTC_SCALE, "quote": ETH_SCALE, "tick": "0.0001", "lot": "0.0001", "lowest": "15"}
    return Market("BTC/ETH", **(terms | changes))


def deposit_of(customer, amount, txid="tx-1", generation=0):
    block = BlockRef(amount.asset.chain, 5, "b5", "b4")
    return Deposit(txid, 0, CustomerId(customer), amount, block, DepositState.CREDITING, generation)


class SequencerPort:
    """What `Core` offers settlement, without the SQL view, over any engine."""

    def __init__(self, folder, make_engine, clock):
        self.engine = make_engine(CONFIG)
        settings = SequencerSettings(JournalSettings(segment_bytes=1 << 16), accounts=CONFIG.max_accounts)
        self.sequencer = Sequencer.open(folder, self.engine, now_ns=clock, settings=settings)

    @property
    def directory(self):
        return self.sequencer.directory

    def open_account(self, customer):
        return self.sequencer.open_account(customer)

    def submit_transfers(self, transfers, note=None):
        return self.sequencer.submit_transfers(transfers, note)

    def submit_commands(self, commands):
        return self.sequencer.submit_commands(commands)

    def read(self, view):
        with self.sequencer.quiet():
            return view(self.engine)

    def state_hash(self):
        return self.sequencer.state_hash()

    def recovered_hash(self):
        return self.sequencer.recovery.state_hash

    def close(self):
        self.sequencer.close()


class SettlementWorld:
    """Core, ledger and account desk below one folder; `reopen` is a restart."""

    def __init__(self, folder):
        self.home = Home(folder)
        self.clock = StepClock()
        self.charged = {}
        self.scales = scale_book()
        self.open()

    def open(self):
        self.core = Core.open(self.home, self.clock, CONFIG)
        records = HoldRecords(self._open_notes, self.charged.__getitem__)
        self.ledger = SettlementLedger(self.core, self.scales, records)
        self.accounts = AccountDesk(self.core, self.scales)

    def reopen(self):
        self.close()
        self.open()

    def close(self):
        self.core.close()
        self.core.database.dispose()

    def _open_notes(self):
        self.core.worker.drain()
        return open_hold_notes(self.core.database)

    def fund(self, customer, amount, txid=None):
        deposit = deposit_of(customer, amount, txid or f"funding-{self.clock()}")
        self.ledger.credit(deposit)
        return deposit

    def hold(self, withdrawal_id, customer, amount, note=NOTE):
        self.charged.setdefault(withdrawal_id, (CustomerId(customer), amount))
        self.ledger.hold(withdrawal_id, CustomerId(customer), amount, note)

    def units(self, customer, asset=BTC):
        """(available, held) in base units; (0, 0) without an account."""
        if self.core.directory.find(CustomerId(customer)) is None:
            return 0, 0
        view = self.accounts.balances(CustomerId(customer)).get(asset.symbol)
        return (0, 0) if view is None else (view.available.units, view.held.units)

    def owed(self):
        """All liabilities as (name, asset number, quanta)."""
        return sorted(self.accounts.liabilities(lambda: "head").rows)

    @property
    def seq(self):
        """Records in the journal so far."""
        return self.core.sequencer.head.seq

    def sums(self):
        """Sum of all balances by asset number: zero, always."""
        found = {}
        for _, asset, free, held in self.core.read(lambda engine: list(engine.balances())):
            found[asset] = found.get(asset, 0) + free + held
        return found


def btc(units):
    return Amount(units, BTC)


def eth(units):
    return Amount(units, ETH)
