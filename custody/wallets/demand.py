"""How much of an asset customers may take out before a refill can arrive: a forecast from hourly flows.

The mean of each hour of the week, newer weeks counting more, plus blocks of past surprises drawn at random
(a bootstrap); the quantiles of the sums are what the bands are made of.

Rules:
    * Whole base units come in and go out; in between, numbers are floats of numpy: a forecast is a guess,
      never an amount that is booked or paid.
    * The draw is seeded by hashing, so the same history and seed give the same forecast on every machine.
    * Blocks are drawn near the same hour of the day, and a wild last day makes them larger, never smaller.
    * A run is taken to go on: last hours far from the rhythm shift the whole forecast.
    * A history that is too short is refused: `bands` then falls back to stated defaults.

Example:
    demand = forecast(history, Horizon(lead_h=8, sweep_h=6), seed=b"BTC")
    demand.lead_q95     # base units
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from custody.primitives.encoding import digest
from custody.primitives.errors import InvalidInput, Refused

WEEK_H = 168
DAY_H = 24
MIN_WEEKS = 4
"""Below this an hour of the week was seen too rarely to say anything about it."""
MAX_WEEKS = 26
PATHS = 2_000
"""Drawn futures: the 99.9 % quantile then stands on two of them, the 99 % quantile on twenty."""
BLOCK_H = 8
"""Surprises come in runs; a block keeps them together."""
SHIFT_H = 2
"""A block may come from this many hours earlier or later in the day."""
NEWER_WEEK = 0.85
"""What a week weighs beside the week after it."""
MAX_SURGE = 4.0
"""A wild last day stretches the surprises by at most this factor."""
RECENT_H = 3
UNUSUAL = 3.0
"""The last three hours are taken to go on if their mean is this many usual deviations from the rhythm: a run."""
SEED_TAG = "mext/treasury-demand/1"

Floats = NDArray[np.float64]


class HistoryTooShort(Refused):
    """Too few hours of flows are known to forecast anything."""

    code = "history_too_short"


@dataclass(frozen=True, slots=True)
class FlowHistory:
    """What came and went, hour by hour, without gaps.

    Attributes:
        first_hour: The first of them, in hours since 1970 UTC.
        outflow: Paid to customers in each hour, base units.
        inflow: Credited deposits in each hour, base units; as many as outflow.
    """

    first_hour: int
    outflow: tuple[int, ...]
    inflow: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.outflow) != len(self.inflow):
            raise InvalidInput(f"flows: {len(self.outflow)} hours of outflow, {len(self.inflow)} of inflow")
        if any(units < 0 for units in (*self.outflow, *self.inflow)):
            raise InvalidInput("flows: an hour with less than nothing")

    @property
    def hours(self) -> int:
        """How many hours are known."""
        return len(self.outflow)


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far to look.

    Attributes:
        lead_h: Hours from a refill request to coins in the hot wallet.
        sweep_h: Hours between two sweeps.
    """

    lead_h: int
    sweep_h: int

    def __post_init__(self) -> None:
        if not (1 <= self.lead_h <= WEEK_H and 1 <= self.sweep_h <= WEEK_H):
            raise InvalidInput(f"horizon: lead {self.lead_h} h and sweep {self.sweep_h} h must be 1 to {WEEK_H}")


@dataclass(frozen=True, slots=True)
class Demand:
    """The forecast, all in base units, never below zero.

    Attributes:
        hour_q50: Median net outflow of the next hour.
        lead_q95, lead_q99, lead_q999: Quantiles of the net outflow over the lead time.
        sweep_inflow_q50: Median of what comes in until the next sweep.
    """

    hour_q50: int
    lead_q95: int
    lead_q99: int
    lead_q999: int
    sweep_inflow_q50: int


def forecast(history: FlowHistory, horizon: Horizon, seed: bytes) -> Demand:
    """Forecast the hours that follow the history.

    Args:
        history: At least four weeks; of more than 26 the newest 26 count.
        horizon: How far.
        seed: Any bytes; with the end of the history they fix every draw.

    Raises:
        HistoryTooShort: Less than four whole weeks.
    """
    weeks = min(history.hours // WEEK_H, MAX_WEEKS)
    if weeks < MIN_WEEKS:
        raise HistoryTooShort(
            f"{history.hours} hours of flows are known, {MIN_WEEKS * WEEK_H} are needed", hours=history.hours
        )
    kept = weeks * WEEK_H
    flows = np.array([history.outflow[-kept:], history.inflow[-kept:]], dtype=np.float64)
    end = history.first_hour + history.hours
    drawing = Generator(PCG64(int.from_bytes(digest(SEED_TAG, seed, end)[:16], "big")))
    paths = _paths(flows, max(horizon.lead_h, horizon.sweep_h), drawing)
    net = paths[0] - paths[1]
    lead = net[:, : horizon.lead_h].sum(axis=1)
    coming = np.maximum(paths[1], 0.0)[:, : horizon.sweep_h].sum(axis=1)
    return Demand(
        hour_q50=_units(net[:, 0], 0.5),
        lead_q95=_units(lead, 0.95),
        lead_q99=_units(lead, 0.99),
        lead_q999=_units(lead, 0.999),
        sweep_inflow_q50=_units(coming, 0.5),
    )


def _paths(flows: Floats, hours: int, drawing: Generator) -> Floats:
    """Draw futures.

    Args:
        flows: (2, weeks * 168): outflow and inflow; the hour after the last has the place of the first.
        hours: How many to draw.
        drawing: Seeded source of draws.

    Returns:
        (2, PATHS, hours), outflow and inflow of the same past hours together.
    """
    weeks = flows.shape[1] // WEEK_H
    weight = NEWER_WEEK ** np.arange(weeks - 1, -1, -1, dtype=np.float64)
    weight /= weight.sum()
    profile = np.einsum("w,fwh->fh", weight, flows.reshape(2, weeks, WEEK_H))
    surprise = flows - np.tile(profile, weeks)
    level = _level(surprise)
    surprise *= _surge(surprise[0] - surprise[1])
    days = weeks * 7
    day_weight = np.repeat(weight / 7, 7)
    steps = np.arange(BLOCK_H)
    blocks = []
    for first in range(0, hours, BLOCK_H):
        day = drawing.choice(days, size=PATHS, p=day_weight)
        shift = drawing.integers(-SHIFT_H, SHIFT_H + 1, size=PATHS)
        start = np.clip(day * DAY_H + first % DAY_H + shift, 0, flows.shape[1] - BLOCK_H)
        usual = profile[:, (first + steps) % WEEK_H] + level[:, None]
        blocks.append(usual[:, None, :] + surprise[:, start[:, None] + steps])
    drawn: Floats = np.concatenate(blocks, axis=2)[:, :, :hours]
    return drawn


def _level(surprise: Floats) -> Floats:
    """What goes on after the last hours, per flow: their mean surprise if it is far from usual, else nothing."""
    recent = surprise[:, -RECENT_H:].mean(axis=1)
    usual = surprise[:, :-RECENT_H].std(axis=1) / np.sqrt(RECENT_H)
    found: Floats = np.where(np.abs(recent) > UNUSUAL * usual, recent, 0.0)
    return found


def _surge(surprise: Floats) -> float:
    """How much wilder the last day was than the hours before it, from 1 to `MAX_SURGE`."""
    usual, lately = np.abs(surprise[:-DAY_H]).mean(), np.abs(surprise[-DAY_H:]).mean()
    return MAX_SURGE if usual == 0 and lately > 0 else min(max(lately / max(usual, 1.0), 1.0), MAX_SURGE)


def _units(samples: Floats, share: float) -> int:
    """A quantile as base units: rounded up, not below zero."""
    return max(0, int(np.ceil(np.quantile(samples, share))))
