"""The monitor's end of the signers' lease: renewed as long as every watch is alive.

Rules:
    * A watch that stopped, by a broken invariant or an error nobody foresaw, takes the lease with it: what nobody
      watches, nobody signs. A watch that says an alarm, or waits for a node, is alive.
    * Nothing else renews it. Whoever kills the monitor stops all signatures within a second.

Example:
    keeper = LeaseKeeper(Path("run/monitor.lease"), lambda: stopped_watches())
    keeper.renew()    # every quarter of a second
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from custody.primitives.errors import Conflict

RENEW_INTERVAL_S = 0.25
"""Four times within the second that a lease lasts."""


class WatchStopped(Conflict):
    """A watch of the monitor ended: the lease is not renewed until the service was looked at and started again."""

    code = "watch_stopped"


class LeaseKeeper:
    """Renews one lease, a file."""

    def __init__(self, path: Path, stopped: Callable[[], Sequence[str]]) -> None:
        """Bind it.

        Args:
            path: The file, in a folder that only its owner may enter.
            stopped: Names the watches that ended.
        """
        self._path, self._stopped = path, stopped

    def renew(self) -> None:
        """Renew the lease.

        Raises:
            WatchStopped: A watch ended; the lease lapses.
        """
        ended = self._stopped()
        if ended:
            raise WatchStopped(f"the signers' lease lapses: {', '.join(ended)} stopped")
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.utime(descriptor)  # now, by the clock that the signers read
        finally:
            os.close(descriptor)
