"""Checking ownership evidence: four ways a quorum of keys can sign the text.

Methods:
    * cosigner-ecdsa: m of the n keys of a published multisig script sign SHA-256 of the text (strict DER); the verifier
      rebuilds the address from the script.
    * eip191-owners: the owners of a contract wallet sign the text as EIP-191 messages; owners and threshold come from
      the chain, at the header's block.
    * tip191-members: the keys of a Tron account's active permission sign it as TIP-191 messages; the rest likewise.
    * ed25519-members: the members of a token multisig sign the text itself; members and threshold likewise.
    * ecdsa-members: the members of a signer list sign SHA-256 of the text (strict DER); the list holds their addresses,
      which follow from the keys; list and quorum likewise.

Proven and not proven: as `ownership` says; beyond that, what was "read from the chain" is as good as the reader's node.

Example:
    controlled = controlled_places(evidence, header, nonce, quorums, now_s=clock.now_s())
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import base58
from coincurve import PublicKey as CurvePublicKey

from custody.chains.evm.address import checksum
from custody.chains.tron.address import address_text
from custody.chains.utxo.address import address_of_script
from custody.chains.utxo.params import ROWS, UtxoParams
from custody.chains.xrpl.address import address_of
from custody.keys import ecdsa, ed25519
from custody.keys.hd import CURVE_ORDER, hash160
from custody.keys.keccak import keccak256
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import BadSignature, InvalidInput
from custody.reserves.ownership import (
    AttestedQuorum,
    OwnershipClaim,
    OwnershipEvidence,
    OwnershipNotShown,
    claim_for,
    require_quorum,
)
from custody.reserves.statement import Header

COSIGNER_ECDSA = "cosigner-ecdsa"
EIP191_OWNERS = "eip191-owners"
ED25519_MEMBERS = "ed25519-members"
ECDSA_MEMBERS = "ecdsa-members"
TIP191_MEMBERS = "tip191-members"
MAX_SIGNATURES = 20
"""Largest multisig a script allows."""
_OP_BASE = 0x50  # OP_1 is 0x51
_OP_CHECKMULTISIG = 0xAE
_KEY_PUSH = 33


def verify_ownership(
    evidence: OwnershipEvidence, header: Header, nonce: bytes, quorum: AttestedQuorum | None, now_s: int
) -> None:
    """Check that the evidence shows control of its address for this statement.

    Args:
        evidence: What the exchange published.
        header: Of the statement; together with the nonce it makes the text.
        nonce: The auditor's own, 32 bytes.
        quorum: Owners or members as read from the chain at the header's block; None for scripts.
        now_s: Now, in seconds since 1970 UTC.

    Raises:
        OwnershipNotShown: Expired, unknown method, no quorum, or no chain reading of that block where needed.
        BadSignature: A signature is not over this very text.
        InvalidInput: A key or signature is malformed, or the header does not name the chain.
    """
    claim = claim_for(header, evidence.chain, evidence.address, nonce)
    where = f"{claim.chain} {claim.address}"
    if claim.is_expired(now_s):
        raise OwnershipNotShown(f"{where}: the text expired at {claim.expires}")
    if not 0 < len(evidence.signatures) <= MAX_SIGNATURES:
        raise OwnershipNotShown(f"{where}: {len(evidence.signatures)} signatures, 1 to {MAX_SIGNATURES}")
    if evidence.method == COSIGNER_ECDSA:
        _verify_cosigners(evidence, claim, where)
        return
    signer_of = _SIGNER_OF.get(evidence.method)
    if signer_of is None:
        raise OwnershipNotShown(f"{where}: unknown method {evidence.method!r}")
    heights = {point.id: point.height for point in header.chains}
    place = (claim.chain, claim.address, heights[claim.chain])
    if quorum is None or (quorum.chain, quorum.address, quorum.at_height) != place:
        raise OwnershipNotShown(f"{where}: nobody read who controls it at block {place[2]}")
    signed = [signer_of(claim, key, _raw(signature)) for key, signature in evidence.signatures]
    require_quorum(signed, quorum.keys, quorum.threshold, where)


def controlled_places(
    evidence: Sequence[OwnershipEvidence], header: Header, nonce: bytes, quorums: Sequence[AttestedQuorum], now_s: int
) -> frozenset[tuple[str, str]]:
    """Check many pieces of evidence and return the (chain, address) they show control of.

    Raises:
        VerificationFailed, InvalidInput: As `verify_ownership`; one bad piece stops all.
    """
    by_place = {(quorum.chain, quorum.address): quorum for quorum in quorums}
    for piece in evidence:
        verify_ownership(piece, header, nonce, by_place.get((piece.chain, piece.address)), now_s)
    return frozenset((piece.chain, piece.address) for piece in evidence)


def cosigner_digest(claim: OwnershipClaim) -> bytes:
    """What a cosigner of a script, or a member of a signer list, signs: SHA-256 of the text.

    A transaction's digest is double SHA-256 of binary there, and half of SHA-512 here.
    """
    return hashlib.sha256(claim.text().encode()).digest()


def eip191_digest(claim: OwnershipClaim) -> bytes:
    """What an owner of a contract wallet signs: the text as a personal message.

    Spec: EIP-191, version 0x45.
    """
    text = claim.text().encode()
    return keccak256(b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text)


def tip191_digest(claim: OwnershipClaim) -> bytes:
    """What a key of a Tron account signs: the text as a personal message.

    Spec: TIP-191.
    """
    text = claim.text().encode()
    return keccak256(b"\x19TRON Signed Message:\n" + str(len(text)).encode() + text)


def _verify_cosigners(evidence: OwnershipEvidence, claim: OwnershipClaim, where: str) -> None:
    script = _raw(evidence.script)
    threshold, keys = _multisig(script, where)
    params = next((params for params in ROWS if params.chain.caip2 == claim.chain), None)
    if params is None or claim.address not in _addresses(script, params):
        raise OwnershipNotShown(f"{where}: the script does not lead to this address")
    for key, signature in evidence.signatures:
        if key not in keys:
            raise OwnershipNotShown(f"{where}: {key[:66]} is not one of its keys")
        ecdsa.verify_der(PublicKey(Curve.SECP256K1, _raw(key)), cosigner_digest(claim), _raw(signature))
    require_quorum([key for key, _ in evidence.signatures], keys, threshold, where)


def _multisig(script: bytes, where: str) -> tuple[int, tuple[str, ...]]:
    """Threshold and keys of `m <33-byte key>... n CHECKMULTISIG`, and of nothing else."""
    threshold, count = (script[0] - _OP_BASE, script[-2] - _OP_BASE) if len(script) > 3 else (0, 0)
    pushes = [script[at : at + 1 + _KEY_PUSH] for at in range(1, len(script) - 2, 1 + _KEY_PUSH)]
    shaped = script[-1:] == bytes([_OP_CHECKMULTISIG]) and all(
        len(push) == 1 + _KEY_PUSH and push[0] == _KEY_PUSH for push in pushes
    )
    if not shaped or count != len(pushes) or not 1 <= threshold <= count:
        raise OwnershipNotShown(f"{where}: the script is no multisig of compressed keys")
    return threshold, tuple(push[1:].hex() for push in pushes)


def _addresses(script: bytes, params: UtxoParams) -> set[str]:
    outputs = (b"\x00\x20" + hashlib.sha256(script).digest(), b"\xa9\x14" + hash160(script) + b"\x87")
    found = (address_of_script(output, params) for output in outputs)
    return {address.text for address in found if address is not None}


def _owner(claim: OwnershipClaim, _key: str, signature: bytes) -> str:
    return checksum(_recovered(claim, eip191_digest(claim), signature))


def _tron_member(claim: OwnershipClaim, _key: str, signature: bytes) -> str:
    return address_text(_recovered(claim, tip191_digest(claim), signature))


def _recovered(claim: OwnershipClaim, digest: bytes, signature: bytes) -> bytes:
    """The 20 bytes of the account whose key signed."""
    if len(signature) != ecdsa.RECOVERABLE_BYTES or signature[64] not in (27, 28):
        raise BadSignature(f"{claim.address}: owner's signature is not 65 bytes with v 27 or 28")
    if int.from_bytes(signature[32:64], "big") > CURVE_ORDER // 2:
        raise BadSignature(f"{claim.address}: owner's signature with s in the upper half")
    compact = signature[:64] + bytes([signature[64] - 27])
    try:
        point = CurvePublicKey.from_signature_and_message(compact, digest, hasher=None)
    except ValueError as error:
        raise BadSignature(f"{claim.address}: owner's signature leads to no key") from error
    return keccak256(point.format(compressed=False)[1:])[12:]


def _member(claim: OwnershipClaim, key: str, signature: bytes) -> str:
    raw = _raw(key)
    ed25519.verify(PublicKey(Curve.ED25519, raw), claim.text().encode(), signature)
    return str(base58.b58encode(raw), "ascii")


def _listed_member(claim: OwnershipClaim, key: str, signature: bytes) -> str:
    member = PublicKey(Curve.SECP256K1, _raw(key))
    ecdsa.verify_der(member, cosigner_digest(claim), signature)
    return address_of(member)


_SIGNER_OF: dict[str, Callable[[OwnershipClaim, str, bytes], str]] = {
    EIP191_OWNERS: _owner,
    ED25519_MEMBERS: _member,
    TIP191_MEMBERS: _tron_member,
    ECDSA_MEMBERS: _listed_member,
}


def _raw(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise InvalidInput("evidence: a key, script or signature is not hex") from error
