"""The log of statements: an RFC 6962 tree, so that no statement is ever changed, dropped or told twice.

Rules:
    * leaf = SHA-256(0x00 || entry), node = SHA-256(0x01 || left || right), split at the largest power of two below n.
    * index < size is checked first: a proof for a leaf outside the tree proves nothing.
    * Append only; the log in memory is a list of entries, persisted by its owner as files.

Proven by a consistency proof: the old log is the beginning of the new one. Not proven: that there is only one log;
that is why checkpoints are kept, compared and witnessed.

Example:
    log = StatementLog([entry_0, entry_1])
    verify_log_inclusion(LogPlace(1, 2), leaf_hash_of(entry_1), log.inclusion_proof(1), log.root())

Spec: RFC 6962 section 2.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from custody.primitives.errors import InvalidInput, RootMismatch, VerificationFailed
from custody.primitives.ids import Digest

MAX_LOG_SIZE = 1 << 63
HASH_BYTES = 32
EMPTY_ROOT = Digest(hashlib.sha256(b"").digest())
"""Root of a log without entries."""


class LogProofMalformed(VerificationFailed):
    """Index outside the tree, or not as many hashes as the sizes demand."""

    code = "log_proof_malformed"


class LogFork(VerificationFailed):
    """Two different roots of one size: the log tells two stories, and both notes together prove it."""

    code = "log_fork"


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Position of an entry, from 0, in a log of so many entries."""

    index: int
    size: int


@dataclass(frozen=True, slots=True)
class LogHead:
    """Size and root of the log at one time."""

    size: int
    root: Digest


def entry_hash(entry: bytes) -> Digest:
    """Leaf hash of an entry: a statement in canonical JSON."""
    return Digest(hashlib.sha256(b"\x00" + entry).digest())


class StatementLog:
    """All entries; a statement a day for a century is 36,500, so every proof is computed afresh."""

    def __init__(self, entries: Iterable[bytes] = ()) -> None:
        self._entries = list(entries)
        self._leaves = [entry_hash(entry) for entry in self._entries]

    def append(self, entry: bytes) -> int:
        """Add an entry; returns its index.

        Raises:
            InvalidInput: The same bytes are in the log already.
        """
        leaf = entry_hash(entry)
        if leaf in self._leaves:
            raise InvalidInput("this entry is in the log already", leaf=leaf.hex())
        self._entries.append(bytes(entry))
        self._leaves.append(leaf)
        return len(self._leaves) - 1

    @property
    def size(self) -> int:
        """Number of entries."""
        return len(self._entries)

    def entry(self, index: int) -> bytes:
        """The bytes of an entry.

        Raises:
            InvalidInput: No such entry.
        """
        self._require(0 <= index < self.size, f"no entry {index} in a log of {self.size}")
        return self._entries[index]

    def root(self, size: int | None = None) -> Digest:
        """Root of the first `size` entries, of all by default."""
        wanted = self.size if size is None else size
        self._require(0 <= wanted <= self.size, f"no root at size {wanted} in a log of {self.size}")
        return _root(self._leaves[:wanted])

    def head(self, size: int | None = None) -> LogHead:
        """Size and root; of all entries by default."""
        return LogHead(self.size if size is None else size, self.root(size))

    def inclusion_proof(self, index: int, size: int | None = None) -> tuple[Digest, ...]:
        """Hashes that lead from an entry to the root at a size, leaf side first.

        Raises:
            InvalidInput: No such entry, or no such size.
        """
        wanted = self.size if size is None else size
        self._require(0 <= index < wanted <= self.size, f"no entry {index} at size {wanted}")
        return _inclusion(index, self._leaves[:wanted])

    def consistency_proof(self, old_size: int, new_size: int | None = None) -> tuple[Digest, ...]:
        """Hashes that show the log of `old_size` is the beginning of the log of `new_size`.

        Raises:
            InvalidInput: Sizes outside 1 <= old <= new <= size.
        """
        wanted = self.size if new_size is None else new_size
        self._require(1 <= old_size <= wanted <= self.size, f"no proof from size {old_size} to {wanted}")
        return _consistency(old_size, self._leaves[:wanted], whole=True)

    def _require(self, holds: bool, message: str) -> None:  # noqa: FBT001 - private
        if not holds:
            raise InvalidInput(message)


def root_from_log_inclusion(place: LogPlace, leaf: Digest, proof: Sequence[Digest]) -> Digest:
    """Compute the root that this inclusion proof leads to; does not judge.

    Args:
        place: Requires 0 <= index < size.
        leaf: Leaf hash, 32 bytes.
        proof: From the leaf upwards.

    Raises:
        LogProofMalformed: Index outside the log, a proof of the wrong length, or a hash of the wrong length.

    Spec: RFC 9162 section 2.1.3.2, same tree as RFC 6962.
    """
    if not 0 <= place.index < place.size <= MAX_LOG_SIZE:
        raise LogProofMalformed(f"entry {place.index} outside a log of {place.size}", index=place.index)
    _require_hashes(leaf, *proof)
    node, last, current = place.index, place.size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise LogProofMalformed("inclusion proof is too long")
        if node & 1 or node == last:
            current = _node(sibling, current)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            current = _node(current, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise LogProofMalformed("inclusion proof is too short")
    return current


def verify_log_inclusion(place: LogPlace, leaf: Digest, proof: Sequence[Digest], root: Digest) -> None:
    """Check that an entry stands in the log.

    Raises:
        LogProofMalformed: As `root_from_log_inclusion`.
        RootMismatch: The proof leads elsewhere.
    """
    _require_root(root_from_log_inclusion(place, leaf, proof), root, "inclusion proof")


def verify_consistency(old: LogHead, new: LogHead, proof: Sequence[Digest]) -> None:
    """Check that the old log is the beginning of the new one.

    Raises:
        LogFork: Same size, two roots.
        LogProofMalformed: The log shrank, the old one is empty, or the proof has the wrong length.
        RootMismatch: Some old entry was rewritten.

    Spec: RFC 9162 section 2.1.4.2.
    """
    if not 0 < old.size <= new.size <= MAX_LOG_SIZE:
        raise LogProofMalformed(f"no consistency from size {old.size} to {new.size}", old=old.size, new=new.size)
    _require_hashes(old.root, new.root, *proof)
    if old.size == new.size:
        if old.root != new.root:
            raise LogFork(f"two roots of size {old.size}: {old.root.hex()}, {new.root.hex()}", size=old.size)
        if proof:
            raise LogProofMalformed("equal sizes need no proof")
        return
    old_root, new_root = _roots_from_consistency(old, new, proof)
    _require_root(old_root, old.root, "consistency proof, old log")
    _require_root(new_root, new.root, "consistency proof, new log")


def _roots_from_consistency(old: LogHead, new: LogHead, proof: Sequence[Digest]) -> tuple[Digest, Digest]:
    if not proof:
        raise LogProofMalformed("consistency proof is empty")
    # A complete old tree is itself the first node of the path, and is left out of the proof.
    hashes = [old.root, *proof] if old.size & (old.size - 1) == 0 else list(proof)
    node, last = old.size - 1, new.size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_root = new_root = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise LogProofMalformed("consistency proof is too long")
        if node & 1 or node == last:
            old_root, new_root = _node(sibling, old_root), _node(sibling, new_root)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new_root = _node(new_root, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise LogProofMalformed("consistency proof is too short")
    return old_root, new_root


def _require_hashes(*hashes: bytes) -> None:
    if any(len(item) != HASH_BYTES for item in hashes):
        raise LogProofMalformed(f"a root or a hash of the proof is not {HASH_BYTES} bytes")


def _require_root(computed: Digest, expected: Digest, what: str) -> None:
    if computed != expected:
        raise RootMismatch(
            f"{what} leads to {computed.hex()}, expected {expected.hex()}",
            computed=computed.hex(),
            expected=expected.hex(),
        )


def _node(left: Digest, right: Digest) -> Digest:
    return Digest(hashlib.sha256(b"\x01" + left + right).digest())


def _split(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1  # largest power of two below count


def _root(leaves: Sequence[Digest]) -> Digest:
    if not leaves:
        return EMPTY_ROOT
    level = list(leaves)
    while len(level) > 1:  # pairing up and carrying a lone last node equals the recursive split of the RFC
        paired = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def _inclusion(index: int, leaves: Sequence[Digest]) -> tuple[Digest, ...]:
    if len(leaves) == 1:
        return ()
    split = _split(len(leaves))
    if index < split:
        return (*_inclusion(index, leaves[:split]), _root(leaves[split:]))
    return (*_inclusion(index - split, leaves[split:]), _root(leaves[:split]))


def _consistency(old_size: int, leaves: Sequence[Digest], *, whole: bool) -> tuple[Digest, ...]:
    if old_size == len(leaves):
        return () if whole else (_root(leaves),)
    split = _split(len(leaves))
    if old_size <= split:
        return (*_consistency(old_size, leaves[:split], whole=whole), _root(leaves[split:]))
    return (*_consistency(old_size - split, leaves[split:], whole=False), _root(leaves[:split]))
