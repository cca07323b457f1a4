"""The signer's audit log: every decision, refusals too, in a chain of hashes.

Rules:
    * An entry holds what was asked and what was answered, never a secret and never a signature.
    * Each hash covers the one before: a cut, an edit or a swap shows at verification, unless the tail
      is missing, which is why `head` is printed by `health` and kept elsewhere.

Example:
    append(connection, {"op": "sign", "result": "ok"})
    verify_chain(connection)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from custody.primitives.encoding import Json, canonical_json, digest
from custody.primitives.errors import VerificationFailed
from custody.primitives.ids import Digest

AUDIT_TAG = "mext/signer-audit/1"
_START = Digest(bytes(32))


class AuditChainBroken(VerificationFailed):
    """An entry of the audit log was changed, moved or removed."""

    code = "audit_chain_broken"


def append(db: sqlite3.Connection, entry: Mapping[str, Json]) -> None:
    """Add one entry; call inside a transaction."""
    number, previous = head(db)
    raw = canonical_json(entry)
    hashed = digest(AUDIT_TAG, previous, number + 1, raw)
    db.execute("INSERT INTO audit (number, entry, hash) VALUES (?, ?, ?)", (number + 1, raw, bytes(hashed)))


def head(db: sqlite3.Connection) -> tuple[int, Digest]:
    """Return number and hash of the last entry; 0 and zeros for an empty log."""
    row = db.execute("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    return (int(row[0]), Digest(row[1])) if row else (0, _START)


def verify_chain(db: sqlite3.Connection) -> int:
    """Check the whole log.

    Returns:
        Number of entries.

    Raises:
        AuditChainBroken: An entry does not fit the chain.
    """
    count, previous = 0, _START
    for number, entry, hashed in db.execute("SELECT number, entry, hash FROM audit ORDER BY number"):
        count += 1
        if number != count or digest(AUDIT_TAG, previous, number, entry) != hashed:
            raise AuditChainBroken(f"audit entry {number} does not fit the chain", number=number)
        previous = hashed
    return count


def require_entry(db: sqlite3.Connection, number: int, hashed: str) -> None:
    """Check that the log still holds a head that was kept elsewhere; hex.

    Raises:
        AuditChainBroken: That entry is gone, or is another one.
    """
    row = db.execute("SELECT hash FROM audit WHERE number = ?", (number,)).fetchone()
    if number and (row is None or bytes(row[0]).hex() != hashed):
        what = "is missing" if row is None else "is not the one that was kept elsewhere"
        raise AuditChainBroken(f"audit entry {number} {what}", number=number)
