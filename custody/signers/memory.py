"""A signer's own memory: what it released, what it promised never to sign, how much its buckets hold.

Rules:
    * Written and synced to disk before a signature is handed out; a crash in between repeats the answer.
    * The same payload gets the same signatures. Another payload for a known withdrawal is signed only if
      it consumes the same conflict key for exactly the same intents: a fee bump, of which one can confirm.
    * A conflict key once signed for intents is never given to others, whatever a restored database
      believes; only a move that pays nobody may share it, which is how a stuck payment is cancelled.
    * A tombstoned withdrawal is never signed; a signed one cannot be tombstoned.

Example:
    memory = Memory(home / "memory.sqlite")  # `Memory.create` once, when the home is made
    signatures = memory.release(ask, rules, now_s, sign)
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from custody.keys.material import Signature
from custody.keys.private_files import write_new_private
from custody.keys.strict_json import Fields, parse_canonical
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import Conflict, NotFound, Refused
from custody.primitives.invariant import invariant
from custody.signers.ask import Ask, Made
from custody.signers.limiter import Level, take
from custody.signers.memory_schema import SCHEMA
from custody.signers.rules import Rules
from custody.signers.wire import MAX_SIGNATURES, decode_signature, encode_signature

_BUSY_TIMEOUT_S = 5
_MAX_ANSWER_BYTES = 4 << 20


class AlreadySigned(Refused):
    """This withdrawal was signed with another conflict key or among other intents."""

    code = "already_signed"


class ConflictKeyTaken(Refused):
    """The conflict key was signed for other intents."""

    code = "conflict_key_taken"


class Tombstoned(Refused):
    """The withdrawal was given up: it is never signed again."""

    code = "tombstoned"


class Frozen(Refused):
    """The signer is frozen."""

    code = "signer_frozen"


class Memory:
    """The signer's SQLite file; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Open the memory that `create` made.

        Raises:
            NotFound: It is gone. A signer without its memory could sign twice, so it does not start.
        """
        if not path.exists():
            raise NotFound(f"{path}: the signer's memory is gone; restore it before signing", path=str(path))
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")

    @classmethod
    def create(cls, path: Path) -> Memory:
        """Make an empty memory, once in the life of a signer.

        Raises:
            Conflict: Something exists there already.
        """
        write_new_private(path, b"")
        memory = cls(path)
        with memory.transaction() as db:
            for statement in SCHEMA:
                db.execute(statement)
        return memory

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the only writer's place; commits at the end, rolls back on any error."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:  # commits at the end, rolls back on any error
                yield self._db

    def highest_sequence(self) -> int:
        """Number of the last release, 0 if none: a restored back office compares it with its own."""
        row = self._row("SELECT MAX(sequence) FROM release")
        return int(str(row[0])) if row and row[0] is not None else 0

    def freeze(self, reason: str) -> None:
        """Sign nothing from now on; the first reason stays."""
        with self.transaction() as db:
            db.execute("INSERT OR IGNORE INTO state (name, value) VALUES ('frozen', ?)", (reason or "no reason given",))

    def thaw(self, now_s: int) -> None:
        """Lift the freeze, only by hand, at the signer's own machine; approvals given before now are void."""
        with self.transaction() as db:
            db.execute("DELETE FROM state WHERE name = 'frozen'")
            db.execute("INSERT OR REPLACE INTO state (name, value) VALUES ('thawed_at_s', ?)", (str(now_s),))

    def thawed_at_s(self) -> int:
        """When the last freeze was lifted, in seconds since 1970 UTC; 0 if there was none."""
        row = self._row("SELECT value FROM state WHERE name = 'thawed_at_s'")
        return int(str(row[0])) if row else 0

    def frozen(self) -> str:
        """Why the signer is frozen; "" if it is not."""
        row = self._row("SELECT value FROM state WHERE name = 'frozen'")
        return str(row[0]) if row else ""

    def tombstone(self, withdrawal_id: str, now_s: int) -> None:
        """Promise never to sign for a withdrawal; the same promise again changes nothing.

        Raises:
            Conflict: A signature for it was already released.
        """
        with self.transaction() as db:
            if self._row("SELECT 1 FROM release_intent WHERE withdrawal_id = ?", withdrawal_id):
                raise Conflict(f"withdrawal {withdrawal_id} was already signed", withdrawal=withdrawal_id)
            db.execute("INSERT OR IGNORE INTO tombstone (withdrawal_id, at_s) VALUES (?, ?)", (withdrawal_id, now_s))

    def repeat(self, ask: Ask) -> tuple[Signature, ...] | None:
        """Return what was released for this payload before; None if nothing was.

        Raises:
            Frozen: Nothing is handed out while frozen, not even an old answer.
            AlreadySigned: The payload was signed before, but among other intents.
        """
        self._require_thawed()
        row = self._row(
            "SELECT signatures, intents_digest, conflict_key FROM release"
            " WHERE wallet_id = ? AND role = ? AND payload_digest = ?",
            *(ask.wallet_id, ask.role.value, bytes(ask.payload_digest)),
        )
        if row is None:
            return None
        if row[1] != ask.intents_digest or row[2] != ask.conflict_key:
            raise AlreadySigned(f"wallet {ask.wallet_id}: this payload was signed for other intents")
        return _load_signatures(row[0])

    def release(
        self, ask: Ask, rules: Rules, now_s: int, sign: Callable[[sqlite3.Connection], Made]
    ) -> tuple[Signature, ...]:
        """Sign once, remember, and only then hand out.

        Args:
            ask: What is to be signed; already judged.
            rules: For the buckets.
            now_s: Now, in seconds since 1970 UTC.
            sign: Makes and verifies the signatures; called inside the transaction, so that it can log in it.

        Raises:
            Frozen, Tombstoned, AlreadySigned, ConflictKeyTaken: The memory says no.
            LimitExceeded: A bucket does not hold enough.
            Refused: No bucket is set for the asset.
        """
        with self.transaction() as db:
            earlier = self.repeat(ask)
            if earlier is not None:
                return earlier
            self._require_free(ask)
            self._charge(ask, rules, now_s)
            made = sign(db)
            invariant(bool(made.signatures), "a release holds at least one signature")
            self.remember_points(made.points)
            self._record(ask, now_s, made.signatures)
        return made.signatures

    def remember_points(self, points: Iterable[tuple[bytes, bytes]]) -> None:
        """Note which message each nonce point served; call inside a transaction.

        Raises:
            InvariantBroken: A point would serve a second message, which gives the key away.
        """
        for point, message in points:
            row = self._row("SELECT message FROM nonce_point WHERE point = ?", point)
            invariant(row is None or row[0] == message, "a nonce point never serves two messages", point=point.hex())
            self._db.execute("INSERT OR IGNORE INTO nonce_point (point, message) VALUES (?, ?)", (point, message))

    def _require_thawed(self) -> None:
        reason = self.frozen()
        if reason:
            raise Frozen(f"the signer is frozen: {reason}", reason=reason)

    def _require_free(self, ask: Ask) -> None:
        for withdrawal_id, _ in ask.intents:
            if self._row("SELECT 1 FROM tombstone WHERE withdrawal_id = ?", withdrawal_id):
                raise Tombstoned(f"withdrawal {withdrawal_id} was given up", withdrawal=withdrawal_id)
            for wallet_id, conflict_key, intents in self._db.execute(
                "SELECT r.wallet_id, r.conflict_key, r.intents_digest FROM release r JOIN release_intent i"
                " USING (sequence) WHERE i.withdrawal_id = ? AND r.role = ?",
                (withdrawal_id, ask.role.value),
            ):
                if (wallet_id, conflict_key, intents) != (ask.wallet_id, ask.conflict_key, ask.intents_digest):
                    raise AlreadySigned(
                        f"withdrawal {withdrawal_id} was signed for {conflict_key}, asked now for {ask.conflict_key}",
                        withdrawal=withdrawal_id,
                        conflict_key=conflict_key,
                    )
        # A move without intents pays nobody: it may cancel a payment, or be replaced by one, on the same key.
        empty = bytes(replace(ask, intents=()).intents_digest)
        taken = self._row(
            "SELECT 1 FROM release WHERE role = ?1 AND conflict_key = ?2"
            " AND (wallet_id != ?3 OR (?4 != ?5 AND intents_digest NOT IN (?4, ?5)))",
            *(ask.role.value, ask.conflict_key, ask.wallet_id, bytes(ask.intents_digest), empty),
        )
        if taken:
            raise ConflictKeyTaken(f"{ask.conflict_key} was signed for other intents", conflict_key=ask.conflict_key)

    def _charge(self, ask: Ask, rules: Rules, now_s: int) -> None:
        """Take value out of the buckets once per set of intents, and only the increase of the fee."""
        charges = dict(ask.charges)
        if ask.intents and self._row(
            "SELECT 1 FROM release WHERE wallet_id = ? AND intents_digest = ?",
            *(ask.wallet_id, bytes(ask.intents_digest)),
        ):
            charges = {}
        paid = self._db.execute(
            "SELECT fee_units FROM release WHERE wallet_id = ? AND role = ? AND conflict_key = ?",
            (ask.wallet_id, ask.role.value, ask.conflict_key),
        ).fetchall()
        fee_asset, fee_units = ask.fee
        increase = max(0, fee_units - max((int(row[0]) for row in paid), default=0))
        charges[fee_asset] = charges.get(fee_asset, 0) + increase
        for asset_key, units in charges.items():
            self._take(asset_key, units, rules, now_s)

    def _take(self, asset_key: str, units: int, rules: Rules, now_s: int) -> None:
        row = self._row("SELECT parts, at_s FROM bucket WHERE asset = ?", asset_key)
        level = take(Level(int(str(row[0])), int(str(row[1]))) if row else None, rules.bucket(asset_key), units, now_s)
        self._db.execute(
            "INSERT INTO bucket (asset, parts, at_s) VALUES (?, ?, ?)"
            " ON CONFLICT (asset) DO UPDATE SET parts = excluded.parts, at_s = excluded.at_s",
            (asset_key, str(level.parts), level.at_s),
        )

    def _record(self, ask: Ask, now_s: int, signatures: Sequence[Signature]) -> None:
        text = canonical_json({"signatures": [encode_signature(signature) for signature in signatures]})
        cursor = self._db.execute(
            "INSERT INTO release (wallet_id, role, payload_digest, conflict_key, intents_digest, fee_units, at_s,"
            " signatures) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(ask.wallet_id, ask.role.value, bytes(ask.payload_digest), ask.conflict_key),
                *(bytes(ask.intents_digest), str(ask.fee[1]), now_s, text),
            ),
        )
        self._db.executemany(
            "INSERT INTO release_intent (sequence, withdrawal_id, intent_hash) VALUES (?, ?, ?)",
            [(cursor.lastrowid, withdrawal_id, bytes(hashed)) for withdrawal_id, hashed in ask.intents],
        )

    def _row(self, sql: str, *values: str | bytes | int) -> tuple[object, ...] | None:
        with self._lock:
            row: tuple[object, ...] | None = self._db.execute(sql, values).fetchone()
        return row


def _load_signatures(text: object) -> tuple[Signature, ...]:
    raw = text if isinstance(text, bytes) else str(text).encode()
    fields = Fields(parse_canonical(raw, _MAX_ANSWER_BYTES, "stored release"), "stored release")
    return tuple(decode_signature(item) for item in fields.each("signatures", MAX_SIGNATURES))
