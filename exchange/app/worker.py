"""Background work: scan blocks, move withdrawals, sweep, book fees, follow votes.

Rules:
    * Each loop has its own thread: a silent node of one chain delays nothing of the others.
    * An error of ours is noted and the loop goes on; a broken invariant, or an error nobody foresaw, ends
      the loop and stays visible.
    * Stopping waits for the step at work: a step is a durable transition, never half of one.
    * At rest a loop looks now and then; records that changed, and a step that wants to go on, call it earlier.

Example:
    worker = Worker([Loop("bitcoin-regtest", 0.3, scanner.step)])
    worker.start()
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from custody.primitives.chain import ChainId
from custody.primitives.errors import InvariantBroken, ToolkitError

LOG = logging.getLogger("mext.worker")


@dataclass(frozen=True, slots=True)
class Loop:
    """One thing done again and again.

    Attributes:
        name: For the status page and the log.
        interval_s: Shortest pause between two steps, in seconds.
        step: Does it once; returns True if there is more to do and the next step should follow soon.
        chains: Whose changed records end a pause early.
        rest_s: Longest pause, in seconds; as `interval_s` if 0.
    """

    name: str
    interval_s: float
    step: Callable[[], object]
    chains: frozenset[ChainId] = frozenset()
    rest_s: float = 0


class Worker:
    """Runs loops until it is stopped."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        self._problems: dict[str, str] = {}
        self._stopping = threading.Event()
        self._called: list[threading.Event] = []
        self._calls: dict[ChainId, list[threading.Event]] = {}
        self._threads = []
        for loop in loops:
            called = threading.Event()
            self._called.append(called)
            for chain in loop.chains:
                self._calls.setdefault(chain, []).append(called)
            self._threads.append(threading.Thread(target=self._run, args=(loop, called), name=loop.name, daemon=True))

    def start(self) -> None:
        """Start all loops."""
        for thread in self._threads:
            thread.start()

    def call(self, chain: ChainId) -> None:
        """Say that records of a chain changed: its loops look as soon as their shortest pause is over."""
        for called in self._calls.get(chain, ()):
            called.set()

    def stop(self) -> None:
        """Ask all loops to end and wait for those that were started."""
        self._stopping.set()
        for called in self._called:
            called.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def problems(self) -> Mapping[str, str]:
        """Loop -> last problem; empty while all is well."""
        return dict(self._problems)

    def _run(self, loop: Loop, called: threading.Event) -> None:
        while not self._stopping.is_set():
            called.clear()  # before the step: what changes during it calls again
            goes_on: object = False
            try:
                goes_on = loop.step()
            except InvariantBroken as error:
                self._problems[loop.name] = f"stopped: {error.message}"
                LOG.critical("%s stopped: %s", loop.name, error.message)
                return
            except ToolkitError as error:
                if self._problems.get(loop.name) != error.message:
                    LOG.warning("%s: %s [%s]", loop.name, error.message, error.code)
                self._problems[loop.name] = error.message
            except BaseException as error:
                self._problems[loop.name] = f"stopped: {type(error).__name__}"
                LOG.critical("%s stopped", loop.name, exc_info=True)
                raise
            else:
                self._problems.pop(loop.name, None)
            self._stopping.wait(loop.interval_s)
            if loop.rest_s > loop.interval_s and goes_on is not True and not self._stopping.is_set():
                called.wait(loop.rest_s - loop.interval_s)
