"""What the monitor looks for: one rule, one function, one line in a table.

    rule                    looks at    scope it stops
    unbalanced              an asset    asset, for missing coins; a surplus is an alarm only: anybody can send us dust
    outflow_too_fast        an asset    asset
    refill_leaks            an asset    asset
    key_used_outside        a lane      lane
    sequence_gap            a lane      none: alarm only, the lane fills it
    submission_uncertain    a lane      none: alarm only, nothing is signed while a payment is open
    nodes_disagree          a chain     chain

Rules:
    * Pure: a reading comes in, an alarm or None goes out. Whoever reads also says when.
    * A rule that cannot judge its reading says nothing; that nothing could be read is an error of the reader.

Example:
    alarm = next(filter(None, (rule(reading) for rule in ASSET_RULES)), None)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from custody.monitor.reconcile import Margins

MAX_UNCERTAIN_S = 600
"""A submission that neither a node nor a block knows for so long wants people."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something is wrong.

    Attributes:
        rule: Which rule says so.
        scope: What it is about, in the breaker's words.
        reason: For people.
        stops: Open the breaker for the scope.
    """

    rule: str
    scope: str
    reason: str
    stops: bool = True


@dataclass(frozen=True, slots=True)
class DayOfHot:
    """The hot wallet of an asset over 24 hours, base units.

    Attributes:
        at_start, now: What it held then and holds now.
        came: Credited deposits and refills.
        left: Settled withdrawals, fees and sweeps to cold.
        open: What is on its way and may or may not be counted.
    """

    at_start: int
    now: int
    came: int
    left: int
    open: int


@dataclass(frozen=True, slots=True)
class AssetReading:
    """One asset at one moment.

    Attributes:
        symbol: Its symbol.
        margins: Chain against books.
        left_in_window, most_in_window: What left our wallets lately, and the most that may; base units.
        day: Hot wallet over a day; None where it is not known.
    """

    symbol: str
    margins: Margins
    left_in_window: int
    most_in_window: int
    day: DayOfHot | None = None


@dataclass(frozen=True, slots=True)
class LaneReading:
    """One lane at one moment.

    Attributes:
        wallet_id: The lane.
        uncertain_s: Age of the oldest submission without an answer, seconds; 0 for none.
        next_on_chain: Counter that the chain expects next from the lane's key; None where there is none.
        used: Counters that our payments hold or held: none outside this is ours.
        waiting: Counters of signed payments that wait for their block.
    """

    wallet_id: str
    uncertain_s: int
    next_on_chain: int | None = None
    used: frozenset[int] = frozenset()
    waiting: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ChainReading:
    """One chain at one final height: what each source calls the block there."""

    chain: str
    height: int
    hashes: Mapping[str, str]


def unbalanced(reading: AssetReading) -> Alarm | None:
    """Chain and books differ by more than what is on its way."""
    gap = reading.margins.unexplained
    if gap == 0:
        return None
    what = "missing on chain" if gap < 0 else "on chain and not booked"
    text = f"{reading.symbol}: {abs(gap)} base units {what}"
    return Alarm("unbalanced", f"asset:{reading.symbol}", text, stops=gap < 0)


def outflow_too_fast(reading: AssetReading) -> Alarm | None:
    """More left than the bucket of the window allows (attack E01)."""
    if reading.left_in_window <= reading.most_in_window:
        return None
    text = f"{reading.left_in_window} base units left, at most {reading.most_in_window} may"
    return Alarm("outflow_too_fast", f"asset:{reading.symbol}", f"{reading.symbol}: {text}")


def refill_leaks(reading: AssetReading) -> Alarm | None:
    """Hot holds less than its refills and deposits less its payments: it leaks while it is refilled (attack E02)."""
    day = reading.day
    if day is None:
        return None
    missing = day.at_start + day.came - day.left - day.open - day.now
    if missing <= 0:
        return None
    text = f"the hot wallet lost {missing} base units in a day that nobody was paid"
    return Alarm("refill_leaks", f"asset:{reading.symbol}", f"{reading.symbol}: {text}")


def key_used_outside(reading: LaneReading) -> Alarm | None:
    """The chain consumed a counter that no payment of ours holds (attack E05)."""
    if reading.next_on_chain is None or not reading.used:
        return None
    strange = sorted(set(range(min(reading.used), reading.next_on_chain)) - reading.used)
    if not strange:
        return None
    text = f"counter {strange[0]} was used and no payment holds it"
    return Alarm("key_used_outside", f"lane:{reading.wallet_id}", f"{reading.wallet_id}: {text}")


def sequence_gap(reading: LaneReading) -> Alarm | None:
    """A signed payment waits behind a counter that nobody uses: it never confirms until that is filled."""
    if reading.next_on_chain is None or not reading.waiting:
        return None
    gap = sorted(set(range(reading.next_on_chain, max(reading.waiting))) - reading.used)
    if not gap:
        return None
    text = f"counter {gap[0]} is free below a waiting payment"
    return Alarm("sequence_gap", f"lane:{reading.wallet_id}", f"{reading.wallet_id}: {text}", stops=False)


def submission_uncertain(reading: LaneReading) -> Alarm | None:
    """Something was sent and nobody answered for ten minutes."""
    if reading.uncertain_s <= MAX_UNCERTAIN_S:
        return None
    text = f"sent {reading.uncertain_s} s ago, no answer"
    return Alarm("submission_uncertain", f"lane:{reading.wallet_id}", f"{reading.wallet_id}: {text}", stops=False)


def nodes_disagree(reading: ChainReading) -> Alarm | None:
    """Two sources have different final blocks."""
    if len(set(reading.hashes.values())) <= 1:
        return None
    told = ", ".join(f"{source} says {block[:16]}" for source, block in sorted(reading.hashes.items()))
    return Alarm("nodes_disagree", f"chain:{reading.chain}", f"{reading.chain} block {reading.height}: {told}")


ASSET_RULES: tuple[Callable[[AssetReading], Alarm | None], ...] = (unbalanced, outflow_too_fast, refill_leaks)
LANE_RULES: tuple[Callable[[LaneReading], Alarm | None], ...] = (key_used_outside, sequence_gap, submission_uncertain)
CHAIN_RULES: tuple[Callable[[ChainReading], Alarm | None], ...] = (nodes_disagree,)
