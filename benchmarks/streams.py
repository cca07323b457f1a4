"""Seeded command streams for the engine benchmarks.

A stream is half passive limits (exponential distance from a random-walk mid), 40 % cancels (one in twenty of an order
that is already filled) and one tenth limits three ticks through the best price, of 1,000 accounts.

    shallow  mean distance 25 ticks, 10,000 passive orders to warm up: about 1,000 stay live
    deep     mean distance 400 ticks, 150,000 to warm up: about 200,000 stay live

Buyers have even and sellers odd account numbers: no account meets itself, so engines without self-trade prevention
do the same work. A cancel names its order by position in the stream; each engine brings its own ids.

Example:
    >>> stream = make_stream(SHALLOW, commands=1_000, seed=1)
    >>> len(stream.kind), stream.warm_up
    (11000, 10000)
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

ACCOUNTS = 1_000
NEW, CANCEL = 0, 1
BUY, SELL = 0, 1
MAX_LOTS = 100
START_MID = 130_000
"""Ticks; the middle of a price window of 2**18."""


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """How a stream is made: mean distance from the mid in ticks, passive orders before the measured part."""

    name: str
    mean_distance: int
    warm_up: int


SHALLOW = StreamSpec("shallow", mean_distance=25, warm_up=10_000)
DEEP = StreamSpec("deep", mean_distance=400, warm_up=150_000)


@dataclass(frozen=True, slots=True)
class Stream:
    """Columns of equal length; the first `warm_up` rows are not measured."""

    name: str
    warm_up: int
    kind: npt.NDArray[np.int64]  # NEW or CANCEL
    side: npt.NDArray[np.int64]
    price: npt.NDArray[np.int64]  # ticks
    qty: npt.NDArray[np.int64]  # lots
    account: npt.NDArray[np.int64]  # 0 .. ACCOUNTS - 1
    target: npt.NDArray[np.int64]  # position of the order a CANCEL names; -1 in NEW


@dataclass(slots=True)
class _Tracker:
    """Just enough of an order book to know which orders are live."""

    queues: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    heaps: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    leaves: dict[int, int] = field(default_factory=dict)
    live: list[int] = field(default_factory=list)
    place: dict[int, int] = field(default_factory=dict)
    filled: list[int] = field(default_factory=list)

    def best(self, side: int) -> int | None:
        heap = self.heaps[side]
        while heap:
            price = -heap[0] if side == BUY else heap[0]
            queue = self.queues.get((side, price), [])
            while queue and queue[0] not in self.leaves:
                queue.pop(0)
            if queue:
                return price
            heapq.heappop(heap)
            self.queues.pop((side, price), None)
        return None

    def rest(self, position: int, side: int, price: int, qty: int) -> None:
        if (side, price) not in self.queues:
            self.queues[side, price] = []
            heapq.heappush(self.heaps[side], -price if side == BUY else price)
        self.queues[side, price].append(position)
        self.leaves[position] = qty
        self.place[position] = len(self.live)
        self.live.append(position)

    def drop(self, position: int) -> None:
        del self.leaves[position]
        at, last = self.place.pop(position), self.live.pop()
        if last != position:
            self.live[at] = last
            self.place[last] = at

    def take(self, side: int, limit: int, qty: int) -> int:
        """Trade against one side up to a limit; return what is left."""
        while qty and (best := self.best(side)) is not None and (best <= limit if side == SELL else best >= limit):
            maker = self.queues[side, best][0]
            lots = min(qty, self.leaves[maker])
            qty -= lots
            self.leaves[maker] -= lots
            if not self.leaves[maker]:
                self.drop(maker)
                self.filled.append(maker)
        return qty


def make_stream(spec: StreamSpec, commands: int, seed: int) -> Stream:
    """Make a stream of warm-up and so many measured commands; the same seed gives the same stream."""
    rng = random.Random(seed)
    tracker = _Tracker()
    rows: list[tuple[int, int, int, int, int, int]] = []
    mid = START_MID
    for position in range(spec.warm_up + commands):
        mid += rng.choice((-1, 0, 0, 1)) if position % 8 == 0 else 0
        draw = rng.random()
        is_warm = position >= spec.warm_up
        if is_warm and draw < 0.4 and tracker.live:
            if tracker.filled and rng.random() < 0.05:
                target = tracker.filled[rng.randrange(len(tracker.filled))]
            else:
                target = tracker.live[rng.randrange(len(tracker.live))]
                tracker.drop(target)
            rows.append((CANCEL, 0, 0, 0, rows[target][4], target))
            continue
        side, qty = rng.randrange(2), rng.randrange(1, MAX_LOTS + 1)
        best = tracker.best(1 - side)
        if is_warm and draw > 0.9 and best is not None:
            price = best + 3 if side == BUY else best - 3
        else:
            price = _passive(side, mid, 1 + int(rng.expovariate(1 / spec.mean_distance)), best)
        left = tracker.take(1 - side, price, qty)
        if left:
            tracker.rest(position, side, price, left)
        rows.append((NEW, side, price, qty, 2 * rng.randrange(ACCOUNTS // 2) + side, -1))
    columns = np.array(rows, np.int64).T
    return Stream(spec.name, spec.warm_up, *(np.ascontiguousarray(column) for column in columns))


def _passive(side: int, mid: int, distance: int, best: int | None) -> int:
    """A price at this distance from the mid, but never at or through the best opposite price."""
    if side == BUY:
        return min(mid - distance, best - 1) if best is not None else mid - distance
    return max(mid + distance, best + 1) if best is not None else mid + distance
