"""What can be wrong with a journal.

A damaged journal is never repaired in silence: the first place that does not verify is named, and
nothing on disk changes. Only a torn tail, which no answer ever depended on, is cut off.
"""

from __future__ import annotations

from custody.primitives.errors import Conflict, Unavailable, VerificationFailed


class JournalDamaged(VerificationFailed):
    """Bytes that were durable once do not verify; facts: segment, offset."""

    code = "journal_damaged"

    def hint(self) -> str:
        """Say where intact frames can come from."""
        return "restore the journal folder from its replica or a backup; nothing was changed on disk"


class SnapshotDamaged(VerificationFailed):
    """A snapshot file does not match its own digest or format; facts: file."""

    code = "snapshot_damaged"


class JournalLocked(Conflict):
    """Another process writes to this folder; facts: folder."""

    code = "journal_locked"

    def hint(self) -> str:
        """Say what to look for."""
        return "stop the other process; two writers would give two truths"


class JournalStopped(Unavailable):
    """A write or sync failed: what is durable is unknown, so this process may not go on."""

    code = "journal_stopped"
    transient = False

    def hint(self) -> str:
        """Say what makes it usable again."""
        return "check the disk, then start again: recovery reads what is really there"
