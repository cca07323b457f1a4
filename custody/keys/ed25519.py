"""Ed25519 (RFC 8032) over libsodium: deterministic signatures, strict verification.

Rules:
    * `verify` raises and returns nothing; libsodium refuses s >= L, small-order keys and points.
    * A private key is the 32-byte seed of RFC 8032, inside a `Secret`.

Example:
    >>> key = Secret(bytes(32))
    >>> verify(public_key(key), b"message", sign(key, b"message"))
"""

from __future__ import annotations

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import BadSignature, InvalidInput
from custody.primitives.secret import Secret

SEED_BYTES = 32
SIGNATURE_BYTES = 64


def public_key(key: Secret) -> PublicKey:
    """Compute the public key of a 32-byte seed.

    Raises:
        InvalidInput: The seed has another length.
    """
    return PublicKey(Curve.ED25519, bytes(_signing_key(key).verify_key))


def sign(key: Secret, message: bytes) -> bytes:
    """Sign a whole message, not a digest.

    Args:
        key: 32-byte seed.
        message: Any length.

    Returns:
        64 bytes R || s.

    Raises:
        InvalidInput: The seed has another length.
    """
    return bytes(_signing_key(key).sign(message).signature)


def verify(key: PublicKey, message: bytes, signature: bytes) -> None:
    """Check a signature.

    Raises:
        BadSignature: Not 64 bytes, or not made by this key over this message.
        InvalidInput: The key is of another curve.
    """
    if key.curve is not Curve.ED25519:
        raise InvalidInput(f"an Ed25519 signature under a {key.curve} key")
    if len(signature) != SIGNATURE_BYTES:
        raise BadSignature(f"Ed25519 signature of {len(signature)} bytes, not {SIGNATURE_BYTES}")
    try:
        VerifyKey(key.raw).verify(message, signature)
    except BadSignatureError as error:
        raise BadSignature(f"Ed25519 signature does not verify under {key.raw.hex()}", key=key.raw.hex()) from error


def _signing_key(key: Secret) -> SigningKey:
    seed = key.reveal()
    if len(seed) != SEED_BYTES:
        raise InvalidInput(f"Ed25519 seed of {len(seed)} bytes, not {SEED_BYTES}")
    return SigningKey(seed)
