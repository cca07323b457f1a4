"""The lease: a signer that is given one signs only while the monitor lives.

The monitor touches a file again and again; the signer looks how long ago. No lease, no signature.

Rules:
    * Looked at right before anything is signed, and again before a signature leaves: also one that is repeated.
    * A file that is missing, too old or of the future counts as lapsed; so does one that others may write. Where the
      clock is set, the lease lapses or goes on, and never lasts longer than it says once the clock stands again.
    * It guards against a monitor that died, not against a back office that lies: whoever runs as the monitor's user
      can touch the file. Against lies the signer has its own rules.

Example:
    lease = FileLease(Path("run/monitor.lease"))
    lease.require_held()
"""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from custody.primitives.errors import Refused

MAX_AGE_MS = 1_000
"""From the monitor's death to the last signature. The monitor renews four times as often."""
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class LeaseLapsed(Refused):
    """The monitor did not renew the signer's lease; it signs again once the monitor is back."""

    code = "lease_lapsed"
    transient = True


@dataclass(frozen=True, slots=True)
class FileLease:
    """A lease that is a file.

    Attributes:
        path: The file; its time of change is the renewal.
        now_ns: Reads the clock that file times are of, nanoseconds since 1970 UTC.
    """

    path: Path
    now_ns: Callable[[], int] = time.time_ns

    def require_held(self) -> None:
        """Pass while the lease is held.

        Raises:
            LeaseLapsed: It was not renewed for a second, or is not there.
        """
        try:
            found = self.path.lstat()
        except OSError as error:
            raise LeaseLapsed(f"no lease of the monitor: {self.path}: {type(error).__name__}") from error
        if not stat.S_ISREG(found.st_mode) or found.st_mode & _OTHERS:
            raise LeaseLapsed(f"no lease of the monitor: {self.path} is no file that only its owner writes")
        age_ms = (self.now_ns() - found.st_mtime_ns) // 1_000_000
        if not -MAX_AGE_MS <= age_ms <= MAX_AGE_MS:
            raise LeaseLapsed(f"the monitor renewed its lease {age_ms} ms ago, at most {MAX_AGE_MS} ms may pass")
