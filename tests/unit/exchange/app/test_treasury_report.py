# Over the real files of a home that is not running; flows are written straight into the tables.
import json
from dataclasses import asdict
from importlib import resources

import pytest
from simulators.gates import SEALS
from sqlmodel import Session

from custody.monitor.breaker import FileBreaker
from custody.primitives.asset import AssetBook
from custody.primitives.errors import NotFound
from custody.store.database import open_database
from custody.store.deposit_rows import CreditTimeRow, DepositRow
from custody.store.deposits import SqlDepositStore
from custody.store.flows import HOUR_S
from custody.store.refill_requests import SqlRefillStore, create_refill_table
from custody.store.stock import SqlStock, StockSample, create_stock_table
from custody.store.withdrawals import SqlWithdrawalStore
from custody.wallets.refill_requests import RefillRequest, RefillState
from custody.withdrawals.facts import Tier
from exchange.app.blueprint import AssetSpec, Blueprint, ChainSpec, MemberSpec, WalletSpec, save_blueprint
from exchange.app.home import Home
from exchange.app.treasury_planning import Assumptions
from exchange.app.treasury_report import report_refills, report_treasury

HOUR = 500_000
COIN = 10**8


def provision(home, tiers=("hot", "cold")):
    member = MemberSpec("signer-a", "m/0h", "00")
    save_blueprint(
        home.blueprint,
        Blueprint(
            label="test", exchange="e", signers=(), sender="s", solana_deposits=0, staff=(),
            chains=(ChainSpec("bitcoin-regtest", "simulator", "http://127.0.0.1:1"),),
            wallets=tuple(WalletSpec(f"{tier}-btc", tier, "bitcoin-regtest", 2, (member,)) for tier in tiers),
            assets=(
                AssetSpec("BTC", 8, "bitcoin-regtest", None, 0, 0),
                AssetSpec("LTC", 8, "litecoin-regtest", None, 1, 0),
            ),
            markets=(),
        ),
    )  # fmt: skip


def run_once(home, hot=3 * COIN, cold=97 * COIN):
    database = open_database(home.database("custody"))
    SqlWithdrawalStore(database, AssetBook([]), SEALS)
    SqlDepositStore(database, AssetBook([]))
    create_stock_table(database)
    SqlStock(database).record(StockSample("BTC", HOUR - 1, hot, cold, hot + cold))
    return database


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def report(home, **assumed):
    (found,) = report_treasury(home, Assumptions(**assumed), HOUR)
    return found


def test_a_home_where_nothing_is_or_nothing_ran_is_said_so_and_left_as_it_is(home):
    with pytest.raises(NotFound, match="nothing is provisioned here"):
        report(home)
    provision(home)
    with pytest.raises(NotFound, match="nothing ran in this folder yet"):
        report(home)
    assert [path.name for path in home.folder.iterdir()] == ["blueprint.json"]


def test_too_little_history_says_so_and_stands_on_the_default_shares(home):
    provision(home)
    run_once(home)
    found = report(home)
    assert found.basis.startswith("history too short (0 of 672 hours)")
    assert (found.bands.is_modelled, found.bands.low, found.bands.target) == (False, COIN // 2, COIN)
    assert found.feasibility == "unknown: no forecast"
    (move,) = found.plan.moves
    assert (move.source, move.destination, move.units) == ("hot", "cold", 2 * COIN)
    assert found.cold_ppm == 970_000


def test_without_a_warm_wallet_a_refill_is_no_plan_and_the_note_says_why(home):
    provision(home)
    run_once(home, hot=0)
    assert report(home).plan.moves == ()
    assert "without a warm wallet" in report(home).plan.notes[0]


def test_with_a_warm_wallet_cold_refills_it_unless_the_breaker_is_open(home):
    provision(home, ("hot", "warm", "cold"))
    run_once(home, hot=0)
    assert {(move.source.value, move.destination.value) for move in report(home).plan.moves} == {("cold", "warm")}
    FileBreaker(home.folder / "breaker.json").open("asset:BTC", "because")
    assert report(home).plan.moves == ()


def test_what_lies_warm_counts_and_is_never_planned_to_leave_without_its_fee(home):
    provision(home, ("hot", "warm", "cold"))
    database = run_once(home)
    SqlStock(database).record(StockSample("BTC", HOUR, 0, 99 * COIN, 100 * COIN, warm=COIN))
    home.policy.write_text(resources.files("exchange.app").joinpath("policy.yaml").read_text())
    found = report(home)
    assert found.cold_ppm == 990_000
    assert [move.units for move in found.plan.moves if move.source == "warm"] == [COIN - 200_000]


def test_refill_requests_are_read_beside_a_running_service_and_none_where_there_never_were_any(home):
    provision(home)
    database = run_once(home)
    assert report_refills(home) == ()
    create_refill_table(database)
    request = RefillRequest(
        "refill-BTC-hot-1", "BTC", Tier.WARM, Tier.HOT, 5, 2, "why", RefillState.OPEN, 1, 1, level=0
    )
    SqlRefillStore(database).add(request)
    assert [(asset.symbol, found) for asset, found in report_refills(home)] == [("BTC", request)]


def test_a_month_of_flows_makes_a_forecast(home):
    provision(home)
    with Session(run_once(home)) as session:
        for hour in range(HOUR - 700, HOUR):
            key = f"k{hour}"
            session.add(CreditTimeRow(key=key, at_s=hour * HOUR_S))
            session.add(
                DepositRow(
                    key=key, chain="bitcoin-regtest", txid=key, position=0, customer="a", asset="BTC", units=1_000,
                    height=1, block_hash="b", block_parent="a", state="final", generation=0,
                    to="a", memo="", senders="[]", reason="", not_before_s=0, is_released=False, refund_to="",
                )
            )  # fmt: skip
        session.commit()
    found = report(home, automatic_ppm=1_000)
    assert found.basis == "forecast from 700 hours of flows, lead time 8 h"
    assert (found.bands.is_modelled, found.bands.low) == (True, 0)  # deposits only: nothing is needed
    assert found.bands.target == 100 * COIN // 1_000
    assert found.feasibility.startswith("feasible")
    json.dumps(asdict(found.bands))
