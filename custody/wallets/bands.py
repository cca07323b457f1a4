"""Between which levels the hot wallet of an asset is kept, and whether that is possible at all.

    low     s = q95(D_L)                                   below it: refill to the target
    target  T = q99(D_L) + largest automatic withdrawal
    high    S = min(T + q50 inflow until the next sweep, 2 % of liabilities - warm)
    throttle    q50(D_1h)                                  below it: large withdrawals wait
    warm    W = min(2 q99.9(D_L), what the cap leaves beside S); below three quarters of it: refill from cold

D_L is the net outflow over the refill lead time.

Rules:
    * The 2 % cap is hard: where it is below the target, the target gives way and the report says so.
    * Where the cap is too small for both, warm gives way to hot: coins that lie warm cannot pay anybody.
    * Plans stop a tenth short of the cap: the deposits of the next hours must not break the 98 % rule.
    * Without a forecast the bands are stated shares of the liabilities, and are marked as such.
    * Whole base units in and out.

Example:
    >>> plan_bands(Demand(100, 5_000, 7_000, 9_000, 2_000), Cap(liabilities=1_000_000), largest_automatic=1_000)
    Bands(throttle=100, low=5000, target=8000, high=10000, warm_low=6000, warm_target=8000, is_modelled=True)
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.primitives.errors import InvalidInput
from custody.wallets.demand import Demand
from custody.wallets.treasury import PPM

CAP_PPM = 20_000
"""Hot, warm and in flight together: at most 2 % of the liabilities."""
PLAN_PPM = 18_000
"""What plans fill up to: the rest is room for the deposits of the hours that a sweep takes."""
WARM_TIMES = 2
"""Warm covers a bad lead time while the refill for the next one is under way."""
DEFAULT_THROTTLE_PPM = 2_000
DEFAULT_LOW_PPM = 5_000
DEFAULT_TARGET_PPM = 10_000
DEFAULT_HIGH_PPM = 14_000
DEFAULT_WARM_PPM = 5_000
"""Shares of the liabilities while too little is known to forecast."""


@dataclass(frozen=True, slots=True)
class Cap:
    """How much may lie outside cold.

    Attributes:
        liabilities: What is owed, base units.
    """

    liabilities: int

    def __post_init__(self) -> None:
        if self.liabilities < 0:
            raise InvalidInput(f"treasury: liabilities of {self.liabilities} are not possible")

    @property
    def hard(self) -> int:
        """The most that may lie hot, warm and in flight together, base units, rounded down."""
        return self.liabilities * CAP_PPM // PPM

    @property
    def planned(self) -> int:
        """The most that a plan leaves outside cold."""
        return self.liabilities * PLAN_PPM // PPM


@dataclass(frozen=True, slots=True)
class Bands:
    """Levels of the hot wallet of an asset, base units, each at most the next, and of the warm one behind it.

    Attributes:
        throttle: Below it large withdrawals wait.
        low: Below it a refill is asked for.
        target: What a refill fills up to, and a sweep leaves.
        high: Above it the excess leaves: to warm up to its target, the rest to cold.
        warm_low: Below it cold is asked to refill warm.
        warm_target: What that fills up to.
        is_modelled: False where these are the defaults for want of history.
    """

    throttle: int
    low: int
    target: int
    high: int
    warm_low: int
    warm_target: int
    is_modelled: bool


@dataclass(frozen=True, slots=True)
class Feasibility:
    """Whether the service target and the 98 % rule can both be held.

    Attributes:
        needed: q99.9 of the net outflow over the lead time, base units.
        cap: 2 % of the liabilities, base units.
    """

    needed: int
    cap: int

    @property
    def is_feasible(self) -> bool:
        """Tell whether the cap covers what is needed."""
        return self.needed <= self.cap

    def text(self, lead_h: int) -> str:
        """One sentence for people."""
        if self.is_feasible:
            return f"feasible: {self.needed} base units needed over {lead_h} h, the 2 % cap is {self.cap}"
        return (
            f"NOT feasible: customers may take {self.needed} base units within {lead_h} h, the 2 % cap is {self.cap}; "
            "shorten the refill lead time or expect withdrawals to wait"
        )


def plan_bands(demand: Demand | None, cap: Cap, largest_automatic: int) -> Bands:
    """Compute the levels.

    Args:
        demand: The forecast; None while the history is too short.
        cap: By the liabilities.
        largest_automatic: Largest withdrawal that is paid without people, base units.
    """
    if demand is None:
        shares = (DEFAULT_THROTTLE_PPM, DEFAULT_LOW_PPM, DEFAULT_TARGET_PPM, DEFAULT_HIGH_PPM, DEFAULT_WARM_PPM)
        throttle, low, target, high, warm = (cap.liabilities * ppm // PPM for ppm in shares)
    else:
        throttle, low = demand.hour_q50, demand.lead_q95
        target = demand.lead_q99 + largest_automatic
        high = target + demand.sweep_inflow_q50
        warm = WARM_TIMES * demand.lead_q999
    high = min(high, cap.planned)
    target = min(target, high)
    low = min(low, target)
    warm = min(warm, cap.planned - high)
    return Bands(min(throttle, low), low, target, high, warm * 3 // 4, warm, is_modelled=demand is not None)


def judge_feasibility(demand: Demand, cap: Cap) -> Feasibility:
    """Compare what customers may need with what the 98 % rule leaves."""
    return Feasibility(demand.lead_q999, cap.hard)
