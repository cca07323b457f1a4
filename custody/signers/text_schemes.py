r"""How a member key of each family signs an ownership text; never how it signs a transaction.

Rules:
    * utxo: DER over SHA-256 of the text. A transaction's digest is SHA-256 of 32 bytes; a text is longer than that.
    * evm: EIP-191, version 0x45. A SafeTx digest starts from 0x19 0x01, a transaction's from 0x02 or a list. The one
      personal message that a Safe accepts for a transaction is 32 bytes long; a text is longer.
    * tron: TIP-191. A transaction's digest is SHA-256, never Keccak, and of bytes that begin with 0x0a.
    * solana: Ed25519 over the text itself. Read as a message, its first byte would ask for 80 signatures, which no
      transaction has room for.
    * xrpl: DER over SHA-256 of the text. A transaction is hashed with SHA-512, cut in half, behind a prefix of its own.
    * A family not in the table signs no text.

Example:
    TEXT_SCHEMES["evm"].sign(key, request.text().encode())
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from Crypto.Hash import keccak

from custody.keys import ecdsa
from custody.keys.material import Curve, PublicKey
from custody.keys.signing_key import SigningKey
from custody.signers.registry import ED25519_SCHEME, SignatureScheme


def eip191_digest(text: bytes) -> bytes:
    """Hash of a personal message, 32 bytes.

    Spec: EIP-191, version 0x45.
    """
    prefix = b"\x19Ethereum Signed Message:\n" + str(len(text)).encode()
    return keccak.new(digest_bits=256, data=prefix + text).digest()


def tip191_digest(text: bytes) -> bytes:
    """Hash of a personal message on Tron, 32 bytes.

    Spec: TIP-191.
    """
    prefix = b"\x19TRON Signed Message:\n" + str(len(text)).encode()
    return keccak.new(digest_bits=256, data=prefix + text).digest()


def _sign_cosigner(key: SigningKey, text: bytes) -> bytes:
    return ecdsa.to_der(key.sign(hashlib.sha256(text).digest()))


def _verify_cosigner(key: PublicKey, text: bytes, signature: bytes) -> None:
    ecdsa.verify_der(key, hashlib.sha256(text).digest(), signature)


def _cosigner_nonce_point(signature: bytes) -> bytes:
    return ecdsa.parse_der(signature)[0].to_bytes(32, "big")


def _sign_owner(key: SigningKey, text: bytes) -> bytes:
    return key.sign(eip191_digest(text))


def _verify_owner(key: PublicKey, text: bytes, signature: bytes) -> None:
    ecdsa.verify_recoverable(key, eip191_digest(text), signature)


def _sign_tron(key: SigningKey, text: bytes) -> bytes:
    return key.sign(tip191_digest(text))


def _verify_tron(key: PublicKey, text: bytes, signature: bytes) -> None:
    ecdsa.verify_recoverable(key, tip191_digest(text), signature)


def _owner_nonce_point(signature: bytes) -> bytes:
    return signature[:32]


TEXT_SCHEMES: Mapping[str, SignatureScheme] = {
    "utxo": SignatureScheme(Curve.SECP256K1, _sign_cosigner, _verify_cosigner, _cosigner_nonce_point),
    "evm": SignatureScheme(Curve.SECP256K1, _sign_owner, _verify_owner, _owner_nonce_point),
    "solana": ED25519_SCHEME,
    "tron": SignatureScheme(Curve.SECP256K1, _sign_tron, _verify_tron, _owner_nonce_point),
    "xrpl": SignatureScheme(Curve.SECP256K1, _sign_cosigner, _verify_cosigner, _cosigner_nonce_point),
}
