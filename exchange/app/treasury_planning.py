"""Bands and plans of an installation: what the report shows is what the service acts on.

Rules:
    * Stock and flows are read from custody's database; no node is asked.
    * An hour's forecast is kept for the hour: it stands on whole hours.
    * Where a wallet pays its own fee, the fee of a move is taken to be the most that the policy lets it cost.

Example:
    planner = TreasuryPlanner(Setup(flows, stock, breaker.open_scopes, warm_chains, policy.fee_caps))
    planner.plan(asset, Stock(hot, warm, cold), owed, now_s).moves
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import dataclass

from custody.chains.registry import chain_row
from custody.monitor.breaker import FileBreaker
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId, Family
from custody.store.flows import HOUR_S, SqlFlows
from custody.store.stock import SqlStock
from custody.wallets.bands import Bands, Cap, plan_bands
from custody.wallets.demand import Demand, FlowHistory, HistoryTooShort, Horizon, forecast
from custody.wallets.treasury import PPM
from custody.wallets.treasury_moves import Setting, Stock, TreasuryPlan, plan_moves
from custody.withdrawals.rules import Policy

PAY_THEMSELVES = frozenset({Family.UTXO, Family.TRON, Family.XRPL})
"""Families whose wallets pay their own fees; elsewhere a float pays that is no reserve."""
LATEST_H = 1
"""A stock that nobody recorded in this hour or the one before says nothing about now."""


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
class Setup:
    """What a plan stands on besides the numbers of the day.

    Attributes:
        flows, stock: What is recorded.
        stops: Scopes whose breaker is open now.
        warm_chains: Chains with a warm wallet.
        fee_caps: Most a move may cost by chain, base units of its native coin.
    """

    flows: SqlFlows
    stock: SqlStock
    stops: Callable[[], Container[str]]
    warm_chains: Collection[str]
    fee_caps: Mapping[ChainId, int]


class TreasuryPlanner:
    """Plans over the recorded flows of every asset."""

    def __init__(self, setup: Setup, assumptions: Assumptions | None = None) -> None:
        """Bind the planner; None assumes what is assumed where nothing is said."""
        self._setup = setup
        self._given = assumptions or Assumptions()
        self._known: dict[str, tuple[int, FlowHistory, Demand | None]] = {}
        self._large: dict[str, tuple[int, int | None]] = {}

    def demand(self, symbol: str, now_hour: int) -> tuple[FlowHistory, Demand | None]:
        """The flows of an asset and the forecast from them; None while the history is too short.

        Args:
            symbol: The asset.
            now_hour: The present hour, hours since 1970 UTC.
        """
        known = self._known.get(symbol)
        if known is None or known[0] != now_hour:
            history = self._setup.flows.hourly(symbol, now_hour)
            known = (now_hour, history, _forecast(history, self._given, symbol))
            self._known[symbol] = known
        return known[1], known[2]

    def bands(self, symbol: str, owed: int, now_hour: int) -> Bands:
        """The levels of an asset by its liabilities, base units."""
        cap = Cap(owed)
        return plan_bands(self.demand(symbol, now_hour)[1], cap, owed * self._given.automatic_ppm // PPM)

    def plan(self, asset: Asset, stock: Stock, owed: int, now_s: int) -> TreasuryPlan:
        """What should move by this stock and these liabilities.

        Args:
            asset: Which.
            stock: Where it lies.
            owed: Liabilities, base units.
            now_s: Now, seconds since 1970 UTC.
        """
        now_hour, stops = now_s // HOUR_S, self._setup.stops()
        setting = Setting(
            self.bands(asset.symbol, owed, now_hour),
            Cap(owed),
            fee=self._fee(asset),
            breach_ppm=PPM,
            min_move=max(1, owed * self._given.min_move_ppm // PPM),
            is_stopped=any(scope in stops for scope in ("all", f"asset:{asset.symbol}", f"chain:{asset.chain}")),
            has_warm=asset.chain in self._setup.warm_chains,
        )
        return plan_moves(stock, setting, f"{asset.symbol} {now_hour}".encode())

    def large_from(self, asset: Asset, now_s: int) -> int | None:
        """Above how many base units a withdrawal is large while hot is below its throttle level; None while it is not.

        Looked up once a second: the record is no younger.
        """
        known = self._large.get(asset.key)
        if known is None or known[0] != now_s:
            plan = self.recorded(asset, now_s)
            known = (now_s, None if plan is None else plan.throttle_above)
            self._large[asset.key] = known
        return known[1]

    def _fee(self, asset: Asset) -> int:
        pays_itself = chain_row(asset.chain).family in PAY_THEMSELVES
        return self._setup.fee_caps.get(asset.chain, 0) if pays_itself else 0

    def recorded(self, asset: Asset, now_s: int) -> TreasuryPlan | None:
        """What should move by the stock that was recorded last; None if that is not of now."""
        samples = self._setup.stock.samples(asset.symbol, now_s // HOUR_S - LATEST_H)
        if not samples:
            return None
        last = samples[-1]
        return self.plan(asset, Stock(last.hot, last.warm, last.cold), last.owed, now_s)


def open_planner(
    flows: SqlFlows, stock: SqlStock, breaker: FileBreaker, warm_chains: Collection[str], policy: Policy
) -> TreasuryPlanner:
    """Plan as the service acts: under the policy in force and the breaker as it stands."""
    return TreasuryPlanner(Setup(flows, stock, breaker.open_scopes, warm_chains, policy.fee_caps))


def _forecast(history: FlowHistory, given: Assumptions, symbol: str) -> Demand | None:
    try:
        return forecast(history, Horizon(given.lead_h, given.sweep_h), symbol.encode())
    except HistoryTooShort:
        return None
