import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from simulators.chain import COIN, SIM
from simulators.chain import chain as sim_chain
from simulators.settlement_world import SettlementWorld, btc, btc_eth, eth
from simulators.withdrawal_house import House, roster_of

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.store.database import open_database
from custody.store.deposits import SqlDepositStore
from custody.store.refill_requests import SqlRefillStore, create_refill_table
from custody.wallets.cases import CaseDesk
from custody.withdrawals.look_alike_desk import LookAlikeDesk
from custody.withdrawals.reviewing import ReviewDesk
from exchange.api import faults
from exchange.api.private import private_router
from exchange.api.public import public_router
from exchange.settlement.refilling import RefillDesk, RefillParts
from exchange.settlement.rooms import ChainStatus, Rooms, WalletRow
from exchange.settlement.scale import AssetScale, ScaleBook
from exchange.settlement.trading import TradingDesk
from exchange.settlement.treasury import Tiers, TreasuryDesk

TOKEN = "a-token-of-the-tests-0123456789"


class SimBoard:
    """A simulated status board."""

    def chains(self):
        return [ChainStatus("simchain", "simulator", 7, 0, "ok", "")]

    def problems(self):
        return {"fees": "the house holds less"}


@pytest.fixture
def world(tmp_path):
    made = SettlementWorld(tmp_path)
    made.fund("alice", eth(10**21))
    made.fund("bob", btc(10**9))
    yield made
    made.close()


@pytest.fixture
def house(tmp_path):
    return House(url=f"sqlite:///{tmp_path}/house.sqlite")


@pytest.fixture
def rooms(tmp_path, world, house):
    trading = TradingDesk(world.core, [], session=1)
    trading.set_market(btc_eth(), is_open=True)
    deposits = SqlDepositStore(open_database(f"sqlite:///{tmp_path}/deposits.sqlite"), AssetBook([COIN]))
    tiers = Tiers(Address(SIM, house.cold), lambda: Amount(900_000, COIN), lambda: Amount(0, COIN), lambda: 0)
    requests = open_database(f"sqlite:///{tmp_path}/refills.sqlite")
    create_refill_table(requests)
    treasury = TreasuryDesk({"SIM": tiers}, ScaleBook([AssetScale(COIN, 3, 0)]), lambda _: 0, house.service)
    return Rooms(
        label="simulated",
        token=TOKEN,
        now_ms=lambda: house.now_s * 1000,
        token_places={},
        memo_desks={},
        address_desks={},
        deposits=deposits,
        reviews=ReviewDesk(house.store, house.parts.lanes, house),
        look_alikes=LookAlikeDesk(house.store, house.trusted, house.places, house),
        places=house.places,
        cases=CaseDesk(deposits, [sim_chain()], lambda: roster_of("ann", "bob", "cid"), "house"),
        withdrawals=house.service,
        withdrawal_store=house.store,
        trading=trading,
        accounts=world.accounts,
        treasury=treasury,
        refills=RefillDesk(RefillParts(SqlRefillStore(requests), house.service, None, treasury, {}, None, None)),
        listings=None,  # not asked by these tests
        reserves=None,
        status=SimBoard(),
        wallets=(WalletRow("SIM", "hot", "2 of 3", "sim1hot"),),
        trades=dict,
    )


@pytest.fixture
def client(rooms):
    app = FastAPI()
    faults.install(app)
    app.include_router(public_router(rooms))
    app.include_router(private_router(rooms))
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def auth():
    return {"Authorization": f"Bearer {TOKEN}"}
