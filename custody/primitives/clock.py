"""Time comes in from outside: the core never reads a clock.

Example:
    >>> FixedClock(1_700_000_000).now_s()
    1700000000
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Where the edge gets its time from."""

    def now_s(self) -> int:
        """Seconds since 1970-01-01 UTC."""
        ...


class SystemClock:
    """The machine's clock; only the edge holds one."""

    def now_s(self) -> int:
        """Seconds since 1970-01-01 UTC."""
        return int(time.time())


@dataclass(slots=True)
class FixedClock:
    """A clock that stands until it is moved: for tests and replays."""

    at_s: int

    def now_s(self) -> int:
        """Seconds since 1970-01-01 UTC."""
        return self.at_s
