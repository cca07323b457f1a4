"""Signatures over statements, and the digest a customer may trust because the log contains it.

Rules:
    * Ed25519 over the 32 bytes of the statement digest, which carries its own domain.
    * The log's key and the statement's key are different keys: one says "ours", the other "published".

Proven by a signature: the exchange stands by this statement. Not proven: that it is true.

Example:
    signature = sign_statement(built.statement, statement_key)
    verify_statement_signature(built.statement.digest, signature, public_key(statement_key))
"""

from __future__ import annotations

from collections.abc import Mapping

from custody.keys import ed25519
from custody.keys.material import PublicKey
from custody.primitives.encoding import Json, canonical_json
from custody.primitives.errors import InvalidInput
from custody.primitives.ids import Digest
from custody.primitives.secret import Secret
from custody.reserves.checkpoint import LogTrust, open_checkpoint
from custody.reserves.log import LogHead, LogPlace, LogProofMalformed, StatementLog, entry_hash, verify_log_inclusion
from custody.reserves.published import read_hash, statement_digest
from custody.reserves.statement import Statement
from custody.reserves.verify import read_document

MAX_INCLUSION_HASHES = 63


def sign_statement(statement: Statement, key: Secret) -> bytes:
    """Sign a statement's digest; 64 bytes."""
    return ed25519.sign(key, statement.digest)


def verify_statement_signature(digest: Digest, signature: bytes, key: PublicKey) -> None:
    """Check the exchange's signature over a statement digest.

    Raises:
        BadSignature: It does not verify.
    """
    ed25519.verify(key, digest, signature)


def with_log_proof(proof: Mapping[str, Json], log: StatementLog, index: int, checkpoint: str) -> dict[str, Json]:
    """Add to a customer's proof where its statement stands in the log.

    Args:
        proof: From `cut_user_proof`.
        log: At the size of the checkpoint.
        index: Of the statement's entry.
        checkpoint: Signed note over the log's head.

    Raises:
        InvalidInput: Another entry stands at this index.
    """
    if log.entry(index) != canonical_json(proof["statement"]):
        raise InvalidInput(f"log entry {index} is not this statement", index=index)
    inclusion = [node.hex() for node in log.inclusion_proof(index)]
    return {**proof, "log": {"leaf_index": index, "inclusion": inclusion, "checkpoint": checkpoint}}


def digest_from_log(raw: bytes, trust: LogTrust) -> tuple[Digest, LogHead]:
    """Return the digest of a proof's statement if a trusted log contains it: what `verify_proof` may be given.

    Args:
        raw: The proof file.
        trust: Log key and witnesses, pinned by the verifier.

    Returns:
        Statement digest, and the log's head to keep for the next consistency check.

    Raises:
        InvalidInput: The file is unusable.
        LogProofMalformed: The file carries no usable log proof.
        VerificationFailed: Checkpoint or inclusion does not hold.
        QuorumNotReached: Too few witnesses.
    """
    document = read_document(raw)
    statement, proof = document["statement"], document.get("log")
    if not isinstance(statement, dict) or not isinstance(proof, dict):
        raise LogProofMalformed("the proof does not say where its statement stands in the log")
    index, hashes, note = proof.get("leaf_index"), proof.get("inclusion"), proof.get("checkpoint")
    if type(index) is not int or not isinstance(hashes, list) or not isinstance(note, str):
        raise LogProofMalformed("log proof: leaf_index, inclusion or checkpoint is missing or of the wrong type")
    if len(hashes) > MAX_INCLUSION_HASHES:
        raise LogProofMalformed(f"log proof of {len(hashes)} hashes, at most {MAX_INCLUSION_HASHES}")
    digest = Digest(statement_digest(statement))
    head = open_checkpoint(note, trust)
    path = [Digest(read_hash(item, "log inclusion")) for item in hashes]
    verify_log_inclusion(LogPlace(index, head.size), entry_hash(canonical_json(statement)), path, head.root)
    return digest, head
