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
from custody.store.flows import SqlFlows
from custody.store.stock import SqlStock, StockSample
from custody.wallets.bands import Bands, Cap, judge_feasibility, plan_bands
from custody.wallets.demand import MIN_WEEKS, WEEK_H, Demand, FlowHistory, HistoryTooShort, Horizon, forecast
from custody.wallets.treasury import PPM, cold_share_ppm
from custody.wallets.treasury_moves import Setting, Stock, TreasuryPlan, plan_moves
from exchange.app.blueprint import AssetSpec, Blueprint, load_blueprint
from exchange.app.home import Home

PICTURE_H = 14 * 24
"""How far back the picture goes."""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What the files do not say.

    Attributes:
        lead_h: Hours from a refill request to coins in the hot wallet.
        sweep_h: Hours between two sweeps.
        automatic_ppm: Largest withdrawal paid without people, parts per million of the liabilities.
        min_move_ppm: Least move, parts per million of the liabilities.
    """

    lead_h: int = 8
    sweep_h: int = 6
    automatic_ppm: int = 500
    min_move_ppm: int = 100


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
        return cold_share_ppm(Amount(self.last.cold, self.asset), Amount(self.last.hot, self.asset))


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
    stops = FileBreaker(home.folder / "breaker.json").open_scopes()
    flows, stock, chains = SqlFlows(database), SqlStock(database), {spec.chain for spec in blueprint.wallets}
    reports = []
    for spec in blueprint.assets:
        if spec.chain in chains and spec.contract is None:
            samples = stock.samples(spec.symbol, now_hour - PICTURE_H)
            stopped = bool({"all", f"asset:{spec.symbol}", f"chain:{spec.chain}"} & stops.keys())
            setting = (assumptions, now_hour, stopped, _has_warm(blueprint, spec.chain))
            reports.append(_report(spec, flows.hourly(spec.symbol, now_hour), samples, setting))
    return tuple(reports)


def _report(
    spec: AssetSpec,
    history: FlowHistory,
    samples: tuple[StockSample, ...],
    given: tuple[Assumptions, int, bool, bool],
) -> AssetReport:
    assumptions, now_hour, stopped, has_warm = given
    last = samples[-1] if samples else None
    cap = Cap(last.owed if last else 0)
    demand, basis = _demand(history, assumptions, spec.symbol)
    bands = plan_bands(demand, cap, cap.liabilities * assumptions.automatic_ppm // PPM)
    feasibility = "unknown: no forecast"
    if demand is not None:
        feasibility = judge_feasibility(demand, cap).text(assumptions.lead_h)
    plan = None
    if last is not None:
        least = max(1, cap.liabilities * assumptions.min_move_ppm // PPM)
        # Fees are known when a move is made, not here: none is assumed.
        setting = Setting(bands, cap, 0, PPM, least, is_stopped=stopped, has_warm=has_warm)
        plan = plan_moves(Stock(last.hot, 0, last.cold), setting, f"{spec.symbol} {now_hour}".encode())
    asset = Asset(spec.symbol, spec.decimals, ChainId(spec.chain), spec.contract)
    return AssetReport(asset, history.hours, basis, bands, feasibility, last, plan, samples)


def _demand(history: FlowHistory, assumptions: Assumptions, symbol: str) -> tuple[Demand | None, str]:
    try:
        found = forecast(history, Horizon(assumptions.lead_h, assumptions.sweep_h), symbol.encode())
    except HistoryTooShort:
        needed = MIN_WEEKS * WEEK_H
        return None, f"history too short ({history.hours} of {needed} hours): default shares of the liabilities"
    return found, f"forecast from {history.hours} hours of flows, lead time {assumptions.lead_h} h"


def _has_warm(blueprint: Blueprint, chain: str) -> bool:
    return any(wallet.tier == "warm" and wallet.chain == chain for wallet in blueprint.wallets)
