"""ReserveRegistry, typed: where reserve statements are published so that nobody can change them later.

Rules:
    * Publishing the same entry again is no second entry and no error: after a lost answer, ask again.
    * The same number with another content, a gap, an earlier cut-off: refused, here or by the contract.
    * What a reader believes comes from the contract's storage, not from an event.

Example:
    publish(sender, deployment, Entry(1, statement_digest, log_root, 1, cutoff_s, "https://..."))
    verify_published(web3, deployment, statement_digest)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from web3 import Web3

from custody.primitives.errors import Conflict, InvalidInput, NotFound, VerificationFailed
from custody.primitives.ids import Digest
from custody.primitives.invariant import invariant
from governance.contracts.deployment import Deployment
from governance.contracts.refusals import node_answers
from governance.contracts.sending import Sender, contract_at

CONTRACT = "ReserveRegistry"
DIGEST_BYTES = 32
URI_LIMIT_BYTES = 256


class NotPublished(VerificationFailed):
    """The registry does not hold this statement."""

    code = "reserve_statement_not_published"


class StatementConflict(Conflict):
    """The number or the digest is taken by another entry; nothing published is ever changed."""

    code = "reserve_statement_conflict"


@dataclass(frozen=True, slots=True)
class Entry:
    """A statement to publish.

    Attributes:
        seq: Its number: the last one plus one, from 1.
        statement_digest: Digest of the statement, 32 bytes.
        log_root: RFC 6962 root of the statement log that contains it, 32 bytes.
        log_size: Entries in that log.
        cutoff_s: Time the balances belong to, seconds since 1970 UTC.
        uri: Where the bundle can be fetched, 1 to 256 bytes.
    """

    seq: int
    statement_digest: Digest
    log_root: Digest
    log_size: int
    cutoff_s: int
    uri: str

    def __post_init__(self) -> None:
        for name, value in (("statement_digest", self.statement_digest), ("log_root", self.log_root)):
            if len(value) != DIGEST_BYTES or not any(value):
                raise InvalidInput(f"{name} has {DIGEST_BYTES} bytes, not all zero")
        for name, number in (("seq", self.seq), ("log_size", self.log_size), ("cutoff_s", self.cutoff_s)):
            if not 0 < number < 1 << 64:
                raise InvalidInput(f"{name} is {number}, outside 1 to 2**64 - 1")
        if not 0 < len(self.uri.encode()) <= URI_LIMIT_BYTES:
            raise InvalidInput(f"the uri has 1 to {URI_LIMIT_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class PublishedEntry:
    """An entry as the registry holds it; times in seconds since 1970 UTC."""

    seq: int
    statement_digest: Digest
    log_root: Digest
    log_size: int
    cutoff_s: int
    published_at_s: int


def publish(sender: Sender, deployment: Deployment, entry: Entry) -> PublishedEntry:
    """Publish a statement, once.

    Raises:
        StatementConflict: Its digest stands under another number, or its number holds another statement.
        CallReverted: The contract refuses: a gap, an earlier cut-off, a shorter log, no right to publish.
        FeeTooHigh, NodeUnavailable, OutcomeUnknown: As `Sender.send`.
    """
    contract = _contract(sender.web3, deployment)
    if entry.seq > _last_seq(contract):
        arguments = (entry.seq, entry.statement_digest, entry.log_root, entry.log_size, entry.cutoff_s, entry.uri)
        sender.send(contract.functions.publish(*arguments))
    stored = entry_of(sender.web3, deployment, entry.seq)
    if not _is_same(stored, entry):
        raise StatementConflict(f"number {entry.seq} holds another statement", seq=entry.seq)
    return stored


def latest(web3: Web3, deployment: Deployment) -> PublishedEntry | None:
    """The newest entry; None before the first.

    Raises:
        NodeUnavailable: The node does not answer.
    """
    seq = _last_seq(_contract(web3, deployment))
    return None if seq == 0 else entry_of(web3, deployment, seq)


def entry_of(web3: Web3, deployment: Deployment, seq: int) -> PublishedEntry:
    """An entry by its number.

    Raises:
        NotFound: There is none.
        NodeUnavailable: The node does not answer.
    """
    contract = _contract(web3, deployment)
    if not 0 < seq <= _last_seq(contract):
        raise NotFound(f"no reserve statement {seq}", seq=seq)
    with node_answers("entryOf"):
        digest, root, size, cutoff, at = contract.functions.entryOf(seq).call()
    return PublishedEntry(seq, Digest(bytes(digest)), Digest(bytes(root)), size, cutoff, at)


def verify_published(web3: Web3, deployment: Deployment, statement_digest: Digest) -> None:
    """Check that a statement stands in the registry.

    Raises:
        NotPublished: It does not.
        NodeUnavailable: The node does not answer.
    """
    find_entry(web3, deployment, statement_digest)


def find_entry(web3: Web3, deployment: Deployment, statement_digest: Digest) -> PublishedEntry:
    """The entry of a statement's digest.

    Raises:
        InvalidInput: The digest has not 32 bytes.
        NotPublished: There is none.
        NodeUnavailable: The node does not answer.
    """
    if len(statement_digest) != DIGEST_BYTES:
        raise InvalidInput(f"a digest has {DIGEST_BYTES} bytes, not {len(statement_digest)}")
    with node_answers("seqOf"):
        seq = int(_contract(web3, deployment).functions.seqOf(statement_digest).call())
    if seq == 0:
        raise NotPublished(f"statement {statement_digest.hex()} is not published", digest=statement_digest.hex())
    found = entry_of(web3, deployment, seq)
    invariant(found.statement_digest == statement_digest, "the registry's index leads to the statement", seq=seq)
    return found


def is_stale(web3: Web3, deployment: Deployment) -> bool:
    """Tell whether a statement is overdue, or none was ever published.

    Raises:
        NodeUnavailable: The node does not answer.
    """
    with node_answers("isStale"):
        return bool(_contract(web3, deployment).functions.isStale().call())


def _is_same(stored: PublishedEntry, entry: Entry) -> bool:
    # The uri is an address to fetch from, kept in the event only; it is not part of what was stated.
    kept = (stored.statement_digest, stored.log_root, stored.log_size, stored.cutoff_s)
    return kept == (entry.statement_digest, entry.log_root, entry.log_size, entry.cutoff_s)


def _last_seq(contract: Any) -> int:  # noqa: ANN401 - web3's contract
    with node_answers("lastSeq"):
        return int(contract.functions.lastSeq().call())


def _contract(web3: Web3, deployment: Deployment) -> Any:  # noqa: ANN401 - web3's contract
    return contract_at(web3, CONTRACT, deployment.address(CONTRACT))
