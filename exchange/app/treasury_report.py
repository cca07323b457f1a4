"""The treasury on one page per asset, from the files of an installation alone: no node is asked, nothing is written.

Rules:
    * Works beside a running installation and on a stopped one: the custody database is opened read-only.
    * Where coins lie is what the watch recorded last, and the report says when that was.
    * With too little history to forecast, the default bands stand, and the report says so.

Example:
    for report in report_treasury(Home(Path(".mext")), Assumptions(), now_hour=500_000): ...
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.monitor.breaker import FileBreaker
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.store.database import open_reading
from custody.store.flows import HOUR_S, SqlFlows
from custody.store.refill_requests import read_refills
from custody.store.stock import SqlStock, StockSample
from custody.wallets.bands import Bands, Cap, judge_feasibility
from custody.wallets.demand import MIN_WEEKS, WEEK_H
from custody.wallets.refill_requests import RefillRequest
from custody.wallets.treasury import cold_share_ppm
from custody.wallets.treasury_moves import Stock, TreasuryPlan
from custody.withdrawals.policy_file import load_policy
from exchange.app.blueprint import load_blueprint
from exchange.app.home import Home
from exchange.app.treasury_planning import Assumptions, Setup, TreasuryPlanner
from exchange.app.wallet_kits import WARM

PICTURE_H = 14 * 24
"""How far back the picture goes."""


@dataclass(frozen=True, slots=True)
class AssetReport:
    """One asset.

    Attributes:
        asset: Which.
        history_h: Hours of flows that are known.
        basis: What the bands stand on, one sentence.
        bands: Levels of the hot wallet.
        feasibility: Whether service and the 98 % rule go together; one sentence.
        last: Where coins lay, and when; None if no watch ever recorded it.
        plan: What is to be done; None without `last`.
        samples: For the picture, oldest first.
    """

    asset: Asset
    history_h: int
    basis: str
    bands: Bands
    feasibility: str
    last: StockSample | None
    plan: TreasuryPlan | None
    samples: tuple[StockSample, ...]

    @property
    def cold_ppm(self) -> int | None:
        """Share of the holdings that is cold, ppm."""
        if self.last is None:
            return None
        outside = Amount(self.last.hot + self.last.warm, self.asset)
        return cold_share_ppm(Amount(self.last.cold, self.asset), outside)


def report_treasury(home: Home, assumptions: Assumptions, now_hour: int) -> tuple[AssetReport, ...]:
    """Report every asset that has a wallet.

    Args:
        home: The installation.
        assumptions: Lead time and the like.
        now_hour: The present hour, hours since 1970 UTC.

    Raises:
        NotFound: Nothing is provisioned there, or nothing ran yet.
        InvalidBlueprint: Its description is damaged.
    """
    blueprint = load_blueprint(home.blueprint)
    database = open_reading(home.folder / "custody.sqlite")
    stock, chains = SqlStock(database), {spec.chain for spec in blueprint.wallets}
    stops = FileBreaker(home.folder / "breaker.json").open_scopes
    warm = {spec.chain for spec in blueprint.wallets if spec.tier == WARM}
    fee_caps = load_policy(home.policy).fee_caps if home.policy.exists() else {}
    planner = TreasuryPlanner(Setup(SqlFlows(database), stock, stops, warm, fee_caps), assumptions)
    return tuple(
        _report(
            Asset(spec.symbol, spec.decimals, ChainId(spec.chain), spec.contract),
            stock.samples(spec.symbol, now_hour - PICTURE_H),
            planner,
            now_hour,
            assumptions.lead_h,
        )
        for spec in blueprint.assets
        if spec.chain in chains and spec.contract is None
    )


def report_refills(home: Home) -> tuple[tuple[Asset, RefillRequest], ...]:
    """Every refill request with its asset, oldest first.

    Raises:
        NotFound, InvalidBlueprint: As `report_treasury`.
    """
    assets = {
        spec.symbol: Asset(spec.symbol, spec.decimals, ChainId(spec.chain), spec.contract)
        for spec in load_blueprint(home.blueprint).assets
    }
    found = read_refills(open_reading(home.folder / "custody.sqlite"))
    return tuple((assets[request.symbol], request) for request in found if request.symbol in assets)


def _report(
    asset: Asset, samples: tuple[StockSample, ...], planner: TreasuryPlanner, now_hour: int, lead_h: int
) -> AssetReport:
    last = samples[-1] if samples else None
    cap = Cap(last.owed if last else 0)
    history, demand = planner.demand(asset.symbol, now_hour)
    basis = f"forecast from {history.hours} hours of flows, lead time {lead_h} h"
    feasibility = "unknown: no forecast"
    if demand is None:
        needed = MIN_WEEKS * WEEK_H
        basis = f"history too short ({history.hours} of {needed} hours): default shares of the liabilities"
    else:
        feasibility = judge_feasibility(demand, cap).text(lead_h)
    plan = None
    if last is not None:
        plan = planner.plan(asset, Stock(last.hot, last.warm, last.cold), last.owed, now_hour * HOUR_S)
    bands = planner.bands(asset.symbol, cap.liabilities, now_hour)
    return AssetReport(asset, history.hours, basis, bands, feasibility, last, plan, samples)
