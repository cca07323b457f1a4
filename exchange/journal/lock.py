"""One writer per journal folder, held by the kernel: a dead process holds nothing.

Example:
    lock = FolderLock.take(folder)
    ...
    lock.release()
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from exchange.journal.errors import JournalLocked

LOCK_NAME = "lock"


class FolderLock:
    """An exclusive lock on a folder, until released or until the process ends."""

    def __init__(self, descriptor: int) -> None:
        """Hold an open, locked descriptor; use `take`."""
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path) -> FolderLock:
        """Lock the folder.

        Raises:
            JournalLocked: Someone else holds it.
        """
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise JournalLocked(f"{folder}: another process writes to this journal", folder=str(folder)) from error
        return cls(descriptor)

    def release(self) -> None:
        """Give the folder free; releasing twice is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
