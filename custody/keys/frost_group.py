"""The ciphersuite FROST(Ed25519, SHA-512) of RFC 9591, section 6.1: scalars, points and the five hashes.

Rules:
    * A scalar is 32 bytes little-endian below the group order, a point 32 bytes compressed; libsodium computes
      with secrets in constant time, Python integers serve public values only.
    * Every point from outside is checked: canonical, on the curve, of prime order, not the neutral element.

Example:
    >>> add(scalar(2), scalar(3)) == scalar(5)
    True
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from nacl import bindings
from nacl.exceptions import RuntimeError as SodiumError

from custody.primitives.errors import InvalidInput, MalformedPayload

ORDER = 2**252 + 27742317777372353535851937790883648493
SCALAR_BYTES = POINT_BYTES = 32
_CONTEXT = b"FROST-ED25519-SHA512-v1"
_NEUTRAL = bytes([1]) + bytes(31)


def scalar(number: int) -> bytes:
    """Encode a public whole number as a scalar, reduced by the group order."""
    return (number % ORDER).to_bytes(SCALAR_BYTES, "little")


def scalar_from(randomness: bytes) -> bytes:
    """Reduce 64 fresh random bytes to a scalar, without measurable bias.

    Raises:
        InvalidInput: Not 64 bytes.
    """
    if len(randomness) != 2 * SCALAR_BYTES:
        raise InvalidInput(f"a random scalar wants {2 * SCALAR_BYTES} bytes, not {len(randomness)}")
    return bindings.crypto_core_ed25519_scalar_reduce(randomness)


def require_scalar(raw: bytes, what: str) -> None:
    """Check bytes that must be a scalar above zero.

    Raises:
        MalformedPayload: Not 32 bytes, zero, or not below the group order.
    """
    if len(raw) != SCALAR_BYTES or not 0 < int.from_bytes(raw, "little") < ORDER:
        raise MalformedPayload(f"{what} is not a scalar of the group")


def require_point(raw: bytes, what: str) -> None:
    """Check bytes that must be a point of the prime-order group.

    Raises:
        MalformedPayload: They are not; the neutral element is refused too.
    """
    if len(raw) != POINT_BYTES or not bindings.crypto_core_ed25519_is_valid_point(raw):
        raise MalformedPayload(f"{what} is not a point of the prime-order group")


def add(one: bytes, other: bytes) -> bytes:
    """Add two scalars."""
    return bindings.crypto_core_ed25519_scalar_add(one, other)


def multiply(one: bytes, other: bytes) -> bytes:
    """Multiply two scalars."""
    return bindings.crypto_core_ed25519_scalar_mul(one, other)


def base_times(factor: bytes) -> bytes:
    """The base point times a scalar above zero."""
    return bindings.crypto_scalarmult_ed25519_base_noclamp(factor)


def times(factor: bytes, point: bytes) -> bytes:
    """A checked point times a scalar above zero."""
    return bindings.crypto_scalarmult_ed25519_noclamp(factor, point)


def sum_points(points: Iterable[bytes]) -> bytes:
    """Add checked points; the sum may be the neutral element."""
    total = _NEUTRAL
    for point in points:
        try:
            total = bindings.crypto_core_ed25519_add(total, point)
        except SodiumError as error:
            raise MalformedPayload("a point is not on the curve") from error
    return total


def hash_binding(content: bytes) -> bytes:
    """H1: scalar that binds a signer's nonces to message and commitments."""
    return _to_scalar(_CONTEXT + b"rho" + content)


def hash_challenge(content: bytes) -> bytes:
    """H2: the challenge, without context, as plain Ed25519 computes it."""
    return _to_scalar(content)


def hash_nonce(content: bytes) -> bytes:
    """H3: scalar of a nonce, from fresh randomness and the share."""
    return _to_scalar(_CONTEXT + b"nonce" + content)


def hash_message(content: bytes) -> bytes:
    """H4: 64-byte digest of the message."""
    return hashlib.sha512(_CONTEXT + b"msg" + content).digest()


def hash_commitments(content: bytes) -> bytes:
    """H5: 64-byte digest of the commitment list."""
    return hashlib.sha512(_CONTEXT + b"com" + content).digest()


def hash_possession(content: bytes) -> bytes:
    """HDKG: challenge of a proof of possession, as the frost-ed25519 implementations of others compute it."""
    return _to_scalar(_CONTEXT + b"dkg" + content)


def lagrange(identifier: int, identifiers: Sequence[int]) -> bytes:
    """Coefficient of one participant when the secret at zero is interpolated.

    Raises:
        InvalidInput: An identifier is not positive, stands twice, or the own one is missing.
    """
    if identifier not in identifiers or len(set(identifiers)) != len(identifiers) or min(identifiers) < 1:
        raise InvalidInput(f"participant {identifier} among {list(identifiers)}: want different numbers from 1")
    above = below = 1
    for other in identifiers:
        if other != identifier:
            above = above * other % ORDER
            below = below * (other - identifier) % ORDER
    return scalar(above * pow(below, -1, ORDER))


def _to_scalar(content: bytes) -> bytes:
    return bindings.crypto_core_ed25519_scalar_reduce(hashlib.sha512(content).digest())
