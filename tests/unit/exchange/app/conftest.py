# A real ledger and real stores; chain, wallet and signers are simulated.
from types import SimpleNamespace

import pytest
from simulators.blocks import BENT_COIN
from simulators.chain import COIN as SIM_COIN
from simulators.settlement_world import CONFIG, StepClock

from custody.primitives.asset import AssetBook
from custody.store.database import open_database
from custody.store.sweeps import SqlSweepStore
from exchange.app.core import Core
from exchange.app.home import Home
from exchange.settlement.accounts import AccountDesk
from exchange.settlement.ledger import HoldRecords, SettlementLedger
from exchange.settlement.scale import AssetScale, ScaleBook

BENT_SCALE = AssetScale(BENT_COIN, 1, 2)


@pytest.fixture
def books(tmp_path):
    """A ledger that counts SIM in base units and BENT in hundreds of them."""
    core = Core.open(Home(tmp_path), StepClock(), CONFIG)
    scales = ScaleBook([AssetScale(SIM_COIN, 0, 0), BENT_SCALE])
    ledger = SettlementLedger(core, scales, HoldRecords(list, {}.__getitem__))
    yield SimpleNamespace(ledger=ledger, accounts=AccountDesk(core, scales), core=core)
    core.close()


@pytest.fixture
def database(tmp_path):
    return open_database(f"sqlite:///{tmp_path}/custody.db")


@pytest.fixture
def sweeps(database):
    return SqlSweepStore(database, AssetBook([BENT_COIN, SIM_COIN]))
