"""A bell that rings when the records of a chain changed, so that nobody has to look again and again.

Rules:
    * It tells that something changed, never what: whoever hears it reads the records.
    * It rings in this process only. Work that must be done looks by itself now and then, too.

Example:
    bell = Bell()
    bell.listen(lambda chain: wake(chain))
    bell.ring(ChainId("bitcoin-regtest"))
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable

from custody.primitives.chain import ChainId


class Bell:
    """Counts changes per chain, and tells the listeners. Safe to share between threads."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[ChainId], None]] = []
        self._rung: Counter[ChainId] = Counter()
        self._lock = threading.Lock()

    def listen(self, listener: Callable[[ChainId], None]) -> None:
        """Call this with the chain at every ring, in the thread that rang; it must be quick and never fail."""
        self._listeners.append(listener)

    def ring(self, chains: Iterable[ChainId]) -> None:
        """Say that records of these chains changed; call it behind the commit."""
        for chain in sorted(set(chains)):
            with self._lock:
                self._rung[chain] += 1
            for listener in self._listeners:
                listener(chain)

    def rung(self, chain: ChainId) -> int:
        """How often it rang for a chain; two equal answers mean that nothing changed between them."""
        with self._lock:
            return self._rung[chain]
