"""What a signer tells of its memory: the releases after a position, for a back office that was restored.

Rules:
    * Only what was released is told, never a signature: who asks has them already, or has to ask for them.
    * Told also while frozen; telling changes nothing.

Example:
    releases_after(memory, after=0)
"""

from __future__ import annotations

from custody.keys.material import MAX_RELEASES, Release, SigningRole
from custody.signers.memory import Memory


def releases_after(memory: Memory, after: int) -> tuple[Release, ...]:
    """Return the releases after a sequence number, oldest first, at most `MAX_RELEASES`."""
    with memory.transaction() as db:
        found = db.execute(
            "SELECT sequence, wallet_id, role, payload_digest, conflict_key FROM release"
            " WHERE sequence > ? ORDER BY sequence LIMIT ?",
            (after, MAX_RELEASES),
        ).fetchall()
        paid: dict[int, list[str]] = {row[0]: [] for row in found}
        for sequence, withdrawal_id in db.execute(
            "SELECT sequence, withdrawal_id FROM release_intent WHERE sequence > ? AND sequence <= ?"
            " ORDER BY sequence, withdrawal_id",
            (after, max(paid, default=after)),
        ):
            paid[sequence].append(withdrawal_id)
    return tuple(
        Release(number, wallet_id, SigningRole(role), payload_digest, conflict_key, tuple(paid[number]))
        for number, wallet_id, role, payload_digest, conflict_key in found
    )
