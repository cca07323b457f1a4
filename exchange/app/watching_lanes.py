"""The monitor's slower half: counters, nodes against each other, and the hot wallet over a day.

Rules:
    * Read at most once a block and once a second: what it looks for lasts longer than a block.
    * One loop a chain, apart from the balance: a search through events delays no reconciliation.
    * A reading that fails hides no other one: all are tried, and alarms go before errors.
    * Coins that are missing from a day must be missing in two blocks: chain and records cannot be read in one instant.
    * An alarm lasts on the status page until a later block is read without it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from custody.monitor.breaker import FileBreaker
from custody.monitor.reconcile import Margins
from custody.monitor.rules import Alarm, AssetReading, ChainReading, LaneReading, refill_leaks
from custody.monitor.watch import Watch
from custody.primitives.chain import BlockRef
from custody.primitives.errors import InvariantBroken, ToolkitError
from custody.wallets.agreeing import AgreeingSource
from exchange.app.chain_parts import ChainParts
from exchange.app.custody_room import CustodyRoom
from exchange.app.hot_day import HotDay
from exchange.app.watching import AlarmRaised
from exchange.app.worker import Loop

LANES_INTERVAL_S = 1.0
_NOTHING = Margins(0, 0, 0, 0)

Reading = AssetReading | LaneReading | ChainReading
Read = Callable[[], Reading | None]


class BlockWatch:
    """Reads and judges once a block."""

    def __init__(self, tip: Callable[[], BlockRef], readings: Sequence[Read], breaker: FileBreaker) -> None:
        """Bind the watch.

        Args:
            tip: The newest block, asked every time.
            readings: What is read when it is another one; None where nothing can be said now.
            breaker: Opened by the rules that say so.
        """
        self._tip, self._readings, self._watch = tip, readings, Watch(breaker)
        self._judged: BlockRef | None = None
        self._alarms: tuple[Alarm, ...] = ()

    def step(self) -> None:
        """Read and judge, if a block came.

        Raises:
            AlarmRaised: A rule does not hold, or did not at this block.
            Unavailable: Something could not be read; it is tried again.
        """
        tip = self._tip()
        if tip != self._judged:
            errors = self._judge()
            if errors and not self._alarms:
                raise errors[0]
            self._judged = None if errors else tip
        if self._alarms:
            first = self._alarms[0]
            raise AlarmRaised("; ".join(each.reason for each in self._alarms), rule=first.rule, scope=first.scope)

    def _judge(self) -> list[ToolkitError]:
        now_ms = time.monotonic_ns() // 1_000_000
        errors, alarms = list[ToolkitError](), list[Alarm]()
        for read in self._readings:
            try:
                reading = read()
            except InvariantBroken:
                raise
            except ToolkitError as error:
                errors.append(error)
                continue
            if reading is not None:
                alarms += self._watch.judge(reading, now_ms)
        self._alarms = tuple(alarms)
        return errors


def nodes_of(part: ChainParts) -> Read | None:
    """Make the reading of what every node of a chain calls its newest common final block; None for one node."""
    readers = (part.lane.reader, *part.lane.witnesses)
    if len(readers) == 1:
        return None
    agreed = part.source.names if isinstance(part.source, AgreeingSource) else ()
    names = agreed if len(agreed) == len(readers) else tuple(f"node {n}" for n in range(1, len(readers) + 1))

    def read() -> ChainReading:
        lowest = min(reader.tip().height for reader in readers)
        height = max(0, lowest - part.chain.final_depth + 1)
        hashes = {name: reader.block_at(height).hash for name, reader in zip(names, readers, strict=True)}
        return ChainReading(part.chain.id, height, hashes)

    return read


def day_of(part: ChainParts, custody: CustodyRoom) -> Read:
    """Make the reading of a chain's hot wallet over a day."""
    day = HotDay(part, custody.stores)
    was_short = False

    def read() -> AssetReading | None:
        nonlocal was_short
        found = day.read(time.time_ns() // 1_000_000)
        if found is None:
            return None
        # The balance has its own watch: what this reading leaves open, no rule judges.
        reading = AssetReading(part.native.symbol, _NOTHING, 0, 0, found)
        is_short = refill_leaks(reading) is not None
        is_confirmed, was_short = was_short, is_short
        return None if is_short and not is_confirmed else reading

    return read


def stopped_watches(problems: Mapping[str, str]) -> Sequence[str]:
    """Names the watches that ended and will not look again, from the problems of the background work."""
    return sorted(name for name, text in problems.items() if name.startswith("watch ") and text.startswith("stopped: "))


def lane_loops(custody: CustodyRoom, folder: Path) -> Iterator[Loop]:
    """The background work: one loop a chain.

    Args:
        custody: What is watched.
        folder: Where the breaker lies.
    """
    breaker = FileBreaker(folder / "breaker.json")
    for part in custody.parts:
        nodes = nodes_of(part)
        readings: list[Read] = [*part.counters, *([nodes] if nodes else []), day_of(part, custody)]
        watch = BlockWatch(part.lane.reader.tip, readings, breaker)
        yield Loop(f"watch lanes {part.chain.id}", LANES_INTERVAL_S, watch.step)
