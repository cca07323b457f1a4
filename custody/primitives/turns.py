"""Waiting in line for something that only one may hold: first come, first served.

A plain lock wakes whoever is lucky; with many who want it again at once, one of them may wait for ever.

Example:
    >>> turns = Turns()
    >>> turns.take(timeout_s=1.0), turns.take(timeout_s=0.0)
    (True, False)
    >>> turns.give_back()
    >>> turns.take(timeout_s=0.0)
    True
"""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """One holder at a time; the others in the order they came."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._is_held = False
        self._line: deque[threading.Event] = deque()

    def take(self, timeout_s: float) -> bool:
        """Wait for the turn; False if it did not come in time. Who got it has to give it back."""
        with self._guard:
            if not self._is_held:
                self._is_held = True
                return True
            called = threading.Event()
            self._line.append(called)
        if called.wait(timeout_s):
            return True
        with self._guard:
            if called.is_set():  # between the end of the wait and here
                return True
            self._line.remove(called)
            return False

    def give_back(self) -> None:
        """Let the next one go on."""
        with self._guard:
            if self._line:
                self._line.popleft().set()
            else:
                self._is_held = False
