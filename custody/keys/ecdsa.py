r"""ECDSA on secp256k1: deterministic low-s signatures (RFC 6979), strict verification, repair of foreign ones.

Rules:
    * Messages are 32-byte digests; hashing belongs to the chain.
    * A DER signature counts only in its one strict encoding, with low s (BIP-62, BIP-66).
    * What a device returns is normalised and verified before anybody sees it (`accept_foreign`).

Example:
    >>> key = Secret(bytes(31) + b"\x01")
    >>> verify_der(public_key(key), bytes(32), sign_der(key, bytes(32)))
"""

from __future__ import annotations

from coincurve import PrivateKey as CurvePrivateKey
from coincurve import PublicKey as CurvePublicKey

from custody.keys.hd import CURVE_ORDER, InvalidKey
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import BadSignature, InvalidInput
from custody.primitives.secret import Secret

DIGEST_BYTES = 32
RECOVERABLE_BYTES = 65
MAX_DER_BYTES = 72
"""Sequence header 2, two integers of at most 2 + 33 bytes."""
_V_BASE = 27  # Ethereum's and Bitcoin's historical offset of the recovery id


def public_key(key: Secret) -> PublicKey:
    """Compute the compressed public key of a 32-byte scalar.

    Raises:
        InvalidKey: Not 32 bytes, or not in 1..n-1.
    """
    return PublicKey(Curve.SECP256K1, _private(key).public_key.format())


def sign_der(key: Secret, digest: bytes) -> bytes:
    """Sign a digest; the same input always gives the same bytes.

    Returns:
        Strict DER with low s, 70 or 71 bytes, rarely fewer; without a sighash byte.

    Raises:
        InvalidInput: The digest has not 32 bytes, or the key is invalid.
    """
    return _private(key).sign(_digest(digest), hasher=None)


def sign_recoverable(key: Secret, digest: bytes) -> bytes:
    """Sign a digest for chains that recover the sender.

    Returns:
        65 bytes r || s || v, low s, v = 27 or 28.

    Raises:
        InvalidInput: The digest has not 32 bytes, or the key is invalid.
    """
    raw = _private(key).sign_recoverable(_digest(digest), hasher=None)
    return raw[:64] + bytes([_V_BASE + raw[64]])


def verify_der(key: PublicKey, digest: bytes, signature: bytes) -> None:
    """Check a DER signature in its only allowed form.

    Raises:
        BadSignature: Not strict DER, s in the upper half, or it does not verify.
        InvalidInput: The digest has not 32 bytes, or the key is no secp256k1 point.
    """
    r, s = parse_der(signature)
    if s > CURVE_ORDER // 2:
        raise BadSignature("ECDSA signature with s in the upper half")
    _verify_scalars(key, digest, r, s)


def verify_recoverable(key: PublicKey, digest: bytes, signature: bytes) -> None:
    """Check a 65-byte signature: low s, v 27 or 28, and recovery leads to this very key.

    Raises:
        BadSignature: It does not.
        InvalidInput: The digest has not 32 bytes.
    """
    _require_curve(key)
    if len(signature) != RECOVERABLE_BYTES or signature[64] not in (_V_BASE, _V_BASE + 1):
        raise BadSignature("recoverable signature is not 65 bytes with v 27 or 28")
    if int.from_bytes(signature[32:64], "big") > CURVE_ORDER // 2:
        raise BadSignature("ECDSA signature with s in the upper half")
    if _recover(signature[:64], signature[64] - _V_BASE, _digest(digest)) != key.raw:
        raise BadSignature(f"recovery does not lead to key {key.raw.hex()}", key=key.raw.hex())


def accept_foreign(key: PublicKey, digest: bytes, r: int, s: int) -> bytes:
    """Take the scalars a device returned, lower s, find v by trial, and verify.

    Hardware modules return high s about half of the time and no recovery id.

    Returns:
        65 bytes r || s || v, low s, v = 27 or 28.

    Raises:
        BadSignature: The scalars are out of range or do not verify under the key.
    """
    _require_curve(key)
    if not (0 < r < CURVE_ORDER and 0 < s < CURVE_ORDER):
        raise BadSignature("ECDSA scalars out of range")
    low = min(s, CURVE_ORDER - s)
    compact = r.to_bytes(32, "big") + low.to_bytes(32, "big")
    for recovery_id in (0, 1):
        if _recover(compact, recovery_id, _digest(digest)) == key.raw:
            return compact + bytes([_V_BASE + recovery_id])
    raise BadSignature(f"foreign signature does not verify under {key.raw.hex()}", key=key.raw.hex())


def parse_der(signature: bytes) -> tuple[int, int]:
    """Read (r, s) from strict DER.

    Raises:
        BadSignature: Another encoding of the same numbers, or none at all.

    Spec: BIP-66, without the sighash byte.
    """
    try:
        if len(signature) > MAX_DER_BYTES or signature[0] != 0x30 or signature[1] != len(signature) - 2:
            raise BadSignature("signature is not one DER sequence")
        r, rest = _der_integer(signature[2:])
        s, left_over = _der_integer(rest)
    except IndexError:
        raise BadSignature("DER signature is cut short") from None
    if left_over:
        raise BadSignature("bytes after the DER signature")
    return r, s


def encode_der(r: int, s: int) -> bytes:
    """Write (r, s), both in 1..n-1, as strict DER."""
    body = b"".join(
        bytes([2, len(raw)]) + raw for raw in (value.to_bytes(value.bit_length() // 8 + 1, "big") for value in (r, s))
    )
    return bytes([0x30, len(body)]) + body


def to_der(signature: bytes) -> bytes:
    """Write a signature r || s || v as strict DER, without v."""
    return encode_der(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"))


def _der_integer(raw: bytes) -> tuple[int, bytes]:
    length = raw[1]
    body = raw[2 : 2 + length]
    if raw[0] != 0x02 or length == 0 or len(body) != length:
        raise BadSignature("DER signature: an integer is malformed")
    if body[0] & 0x80:
        raise BadSignature("DER signature: a negative integer")
    if length > 1 and body[0] == 0 and not body[1] & 0x80:
        raise BadSignature("DER signature: an integer is padded")
    return int.from_bytes(body, "big"), raw[2 + length :]


def _verify_scalars(key: PublicKey, digest: bytes, r: int, s: int) -> None:
    _require_curve(key)
    if not (0 < r < CURVE_ORDER and 0 < s < CURVE_ORDER):
        raise BadSignature("ECDSA scalars out of range")
    try:
        holds = CurvePublicKey(key.raw).verify(encode_der(r, s), _digest(digest), hasher=None)
    except ValueError as error:
        raise InvalidKey("public key is not a point of the curve") from error
    if not holds:
        raise BadSignature(f"ECDSA signature does not verify under {key.raw.hex()}", key=key.raw.hex())


def _recover(compact: bytes, recovery_id: int, digest: bytes) -> bytes:
    try:
        point = CurvePublicKey.from_signature_and_message(compact + bytes([recovery_id]), digest, hasher=None)
    except ValueError:  # no point has this r: an ordinary outcome of a trial
        return b""
    return point.format()


def _private(key: Secret) -> CurvePrivateKey:
    raw = key.reveal()
    if len(raw) != 32 or not 0 < int.from_bytes(raw, "big") < CURVE_ORDER:
        raise InvalidKey("private key is not 32 bytes in 1..n-1")
    return CurvePrivateKey(raw)


def _digest(digest: bytes) -> bytes:
    if len(digest) != DIGEST_BYTES:
        raise InvalidInput(f"digest of {len(digest)} bytes, not {DIGEST_BYTES}")
    return digest


def _require_curve(key: PublicKey) -> None:
    if key.curve is not Curve.SECP256K1:
        raise InvalidInput(f"a secp256k1 signature under a {key.curve} key")
