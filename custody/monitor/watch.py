"""The watch: readings in, alarms out, and the breaker opened for those that must stop signing.

Rules:
    * An imbalance must be seen twice, half a second apart: books and chain cannot be read in one instant, and
      what was between two steps is gone by then. Everything else acts at once.
    * From a violated invariant to the open breaker: one interval of the loop plus that half second.
    * The watch only opens. What it opened stays open when the reading is good again.

Example:
    watch = Watch(breaker)
    watch.judge(reading, now_ms)    # call it again and again
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from custody.monitor.rules import (
    ASSET_RULES,
    CHAIN_RULES,
    LANE_RULES,
    Alarm,
    AssetReading,
    ChainReading,
    LaneReading,
    unbalanced,
)

CONFIRM_MS = 500
"""How long an imbalance must last."""


R = TypeVar("R")


class Opens(Protocol):
    """The one thing the watch does to the breaker."""

    def open(self, scope: str, reason: str) -> None: ...  # noqa: D102


class Watch:
    """Judges the readings of one subject."""

    def __init__(self, breaker: Opens) -> None:
        self._breaker = breaker
        self._since_ms: int | None = None

    def judge(self, reading: AssetReading | LaneReading | ChainReading, now_ms: int) -> tuple[Alarm, ...]:
        """Apply every rule of this kind of reading; open the breaker where one says so.

        Args:
            reading: What was read.
            now_ms: When, milliseconds of a clock that never runs backwards.

        Returns:
            The alarms that hold now.
        """
        found = _alarms(reading)
        imbalance = next((alarm for alarm in found if alarm.rule == unbalanced.__name__), None)
        if imbalance is None:
            self._since_ms = None
        elif self._since_ms is None:
            self._since_ms = now_ms
        if imbalance and self._since_ms is not None and now_ms - self._since_ms < CONFIRM_MS:
            found.remove(imbalance)
        for alarm in found:
            if alarm.stops:
                self._breaker.open(alarm.scope, f"{alarm.rule}: {alarm.reason}")
        return tuple(found)


class OutflowMeter:
    """How much left within a sliding window, from a total that only grows."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._marks: deque[tuple[int, int]] = deque()

    def left(self, spent: int, now_ms: int) -> int:
        """Note the total spent so far and return what left within the window; both in base units.

        Args:
            spent: Everything that ever left: deposits ever seen less what is there. A dip counts as no change,
                it comes from a deposit that the balance shows before the scanner does.
            now_ms: Milliseconds of a clock that never runs backwards.
        """
        highest = max(spent, self._marks[-1][1]) if self._marks else spent
        if not self._marks or highest > self._marks[-1][1]:
            self._marks.append((now_ms, highest))
        # The last mark before the window is where the window starts from.
        while len(self._marks) > 1 and self._marks[1][0] <= now_ms - self._window_ms:
            self._marks.popleft()
        return highest - self._marks[0][1]


def _alarms(reading: AssetReading | LaneReading | ChainReading) -> list[Alarm]:
    if isinstance(reading, AssetReading):
        return _present(ASSET_RULES, reading)
    if isinstance(reading, LaneReading):
        return _present(LANE_RULES, reading)
    return _present(CHAIN_RULES, reading)


def _present(rules: Sequence[Callable[[R], Alarm | None]], reading: R) -> list[Alarm]:
    return [alarm for alarm in (rule(reading) for rule in rules) if alarm is not None]
