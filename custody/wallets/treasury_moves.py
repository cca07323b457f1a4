"""What to move between the tiers now: sweep, refill, throttle.

Rules:
    * Money goes up one step at a time, cold -> warm -> hot, and down to cold from either; every other edge is
      refused when the move is made, not when it is signed.
    * Hot, warm and in flight never plan to exceed the cap; what exceeds it goes to cold whatever the fee.
    * A move for comfort needs a fee below the cost of not moving; a move at a hard limit does not.
    * A refill is a request to people: rounded, and jittered from a seed so that a watcher of the chain does
      not read the level of the hot wallet from its size.
    * While the breaker is open for the asset nothing is refilled (attack E01); sweeps to cold still are planned.

Example:
    plan = plan_moves(Stock(hot=10, warm=0, cold=990, in_flight=0), setting, seed=b"BTC 488901")
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from custody.primitives.encoding import digest
from custody.primitives.errors import InvalidInput, Refused
from custody.wallets.bands import Bands, Cap
from custody.wallets.treasury import PPM
from custody.withdrawals.facts import DestinationKind, Kind, Tier
from custody.withdrawals.rules import EDGES

JITTER_PPM = 50_000
"""A refill is made up to 5 % larger."""
THROTTLE_SHARE = 10
"""While throttled, a withdrawal above a tenth of the hot stock waits."""
SEED_TAG = "mext/treasury-jitter/1"


class EdgeRefused(Refused):
    """Money does not go this way between tiers."""

    code = "edge_refused"


class Purpose(StrEnum):
    """Why something moves."""

    SWEEP = "sweep"
    REFILL = "refill"


@dataclass(frozen=True, slots=True)
class TierMove:
    """One move between tiers.

    Attributes:
        purpose: Sweep or refill.
        source, destination: The tiers.
        units: How much, base units, above zero.
        reason: For people.
    """

    purpose: Purpose
    source: Tier
    destination: Tier
    units: int
    reason: str

    def __post_init__(self) -> None:
        verify_edge(self.source, self.destination)
        if self.units <= 0:
            raise InvalidInput(f"{self.purpose}: {self.units} base units are nothing to move")


@dataclass(frozen=True, slots=True)
class Stock:
    """Where an asset lies, base units.

    Attributes:
        hot, warm, cold: In the tiers.
        in_flight: On its way between them, in neither.
        to_hot, to_warm: The parts of it that are on their way up to these tiers.
    """

    hot: int
    warm: int
    cold: int
    in_flight: int = 0
    to_hot: int = 0
    to_warm: int = 0

    def __post_init__(self) -> None:
        parts = (self.hot, self.warm, self.cold, self.in_flight, self.to_hot, self.to_warm)
        if min(parts) < 0 or self.to_hot + self.to_warm > self.in_flight:
            raise InvalidInput("stock: a tier with less than nothing, or more arriving than in flight")

    @property
    def outside_cold(self) -> int:
        """What counts against the 98 % rule."""
        return self.hot + self.warm + self.in_flight


@dataclass(frozen=True, slots=True)
class Setting:
    """What a plan is made under.

    Attributes:
        bands: Levels of the hot wallet.
        cap: By the liabilities.
        fee: Of one move, base units.
        breach_ppm: What it costs to leave a level breached: parts per million of the missing or exceeding units.
        min_move: Smaller moves are not worth anybody's time, base units.
        is_stopped: The breaker is open for the asset.
        has_warm: There is a warm wallet; without one nothing can be refilled, since cold never goes to hot.
    """

    bands: Bands
    cap: Cap
    fee: int
    breach_ppm: int
    min_move: int
    is_stopped: bool = False
    has_warm: bool = True


@dataclass(frozen=True, slots=True)
class TreasuryPlan:
    """What is to be done.

    Attributes:
        moves: In order.
        throttle_above: Withdrawals above this wait, base units; None while all flow.
        notes: What was considered and left, for people.
    """

    moves: tuple[TierMove, ...]
    throttle_above: int | None
    notes: tuple[str, ...]


def verify_edge(source: Tier, destination: Tier) -> None:
    """Demand that the treasury may move from one tier to another.

    Raises:
        EdgeRefused: It may not; cold, for one, never goes straight to hot.
    """
    if (Kind.TREASURY, source, DestinationKind(destination.value)) not in EDGES:
        raise EdgeRefused(
            f"treasury money does not go from {source} to {destination}", source=source, destination=destination
        )


def plan_moves(stock: Stock, setting: Setting, seed: bytes) -> TreasuryPlan:
    """Decide what to move now.

    Args:
        stock: Where the asset lies.
        setting: Bands, cap, fee.
        seed: Fixes the jitter; the asset and the hour will do.
    """
    throttled = stock.hot < setting.bands.throttle
    throttle_above = stock.hot // THROTTLE_SHARE if throttled else None
    if stock.hot > setting.bands.high or stock.outside_cold > setting.cap.planned:
        moves, notes = _sweep(stock, setting)
    else:
        moves, notes = _refill(stock, setting, seed)
    return TreasuryPlan(moves, throttle_above, notes)


_Planned = tuple[tuple[TierMove, ...], tuple[str, ...]]


def _sweep(stock: Stock, setting: Setting) -> _Planned:
    bands, excess = setting.bands, stock.outside_cold - setting.cap.planned
    above = stock.hot - bands.high
    if excess <= 0 and not _is_worth(above, setting):
        return (), (f"hot is {above} base units above high; the fee of {setting.fee} costs more than leaving it",)
    excess = max(excess, 0)
    spare = max(0, stock.hot - bands.target)
    from_hot = spare if above > 0 else min(spare, excess)
    from_warm = min(stock.warm, max(0, excess - from_hot))
    # What is in flight cannot be called back: at the cap even the target of hot gives way.
    from_hot = min(stock.hot, max(from_hot, excess - from_warm))
    gap = max(0, bands.warm_target - stock.warm - stock.to_warm) if setting.has_warm else 0
    to_warm = min(gap, max(0, from_hot - excess))
    reason = "above the cap" if excess > 0 else "above the high level"
    to_cold = ((Tier.HOT, Tier.COLD, from_hot - to_warm), (Tier.WARM, Tier.COLD, from_warm))
    return _moves(Purpose.SWEEP, ((Tier.HOT, Tier.WARM, to_warm), *to_cold), reason), ()


def _refill(stock: Stock, setting: Setting, seed: bytes) -> _Planned:
    bands = setting.bands
    missing = max(0, bands.target - stock.hot - stock.to_hot) if stock.hot + stock.to_hot < bands.low else 0
    warm_missing = bands.warm_target + missing - stock.warm - stock.to_warm
    if not setting.has_warm or warm_missing <= bands.warm_target - bands.warm_low:
        warm_missing = 0
    lack = missing + warm_missing
    if not lack:
        return (), ()
    if not setting.has_warm:
        return (), (f"hot is {missing} base units below its target; without a warm wallet no edge leads there",)
    if setting.is_stopped:
        return (), (f"{lack} base units are missing; the breaker is open, nothing is refilled",)
    if stock.hot >= bands.throttle and not _is_worth(lack, setting):
        return (), (f"{lack} base units are missing; the fee of {setting.fee} costs more than waiting",)
    below_high = bands.high - stock.hot - stock.to_hot  # more would be swept away again
    # Where a wallet pays its own fee, all it holds cannot leave it.
    from_warm = min(_jittered(missing, seed), below_high, max(0, stock.warm - setting.fee))
    # What lies warm counts against the cap already: only what comes up from cold needs room.
    room = max(0, setting.cap.planned - stock.outside_cold)
    from_cold = min(_jittered(warm_missing, seed), room, stock.cold)
    legs = ((Tier.WARM, Tier.HOT, from_warm), (Tier.COLD, Tier.WARM, from_cold))
    large = tuple(leg for leg in legs if leg[2] >= setting.min_move)
    tiny = (leg for leg in legs if 0 < leg[2] < setting.min_move)
    small = tuple(f"{units} base units from {source} are below the least move" for source, _, units in tiny)
    return _moves(Purpose.REFILL, large, "below the low level"), small


def _moves(purpose: Purpose, legs: tuple[tuple[Tier, Tier, int], ...], reason: str) -> tuple[TierMove, ...]:
    return tuple(TierMove(purpose, source, to, units, reason) for source, to, units in legs if units)


def _is_worth(units: int, setting: Setting) -> bool:
    return setting.fee < units * setting.breach_ppm // PPM


def _jittered(units: int, seed: bytes) -> int:
    """Round up to two leading digits, then add up to 5 %, again in round steps; nothing stays nothing."""
    step = int(10 ** max(0, len(str(units)) - 2))
    rounded = -(-units // step) * step
    share = int.from_bytes(digest(SEED_TAG, seed, units)[:8], "big") % (JITTER_PPM + 1)
    small = max(1, step // 10)
    return rounded + rounded * share // PPM // small * small
