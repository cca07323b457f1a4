"""SLIP-10: hierarchical keys for Ed25519, and the same tree for secp256k1.

Rules:
    * Ed25519 has hardened steps only: addresses cannot be made from a public key, so none are.
    * An invalid secp256k1 scalar is retried as the specification says (never seen in practice).

Example:
    key = derive(seed, "m/44h/501h/0h/0h", Curve.ED25519)
    ed25519.public_key(key)

Spec: SLIP-0010, "Master key generation" and "Private parent key -> private child key".
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from coincurve import PrivateKey as CurvePrivateKey

from custody.keys.hd import CURVE_ORDER, MAX_SEED_BYTES, MIN_SEED_BYTES, InvalidKey
from custody.keys.material import Curve
from custody.keys.paths import HARDENED, InvalidPath, parse_path
from custody.primitives.secret import Secret

_MASTER_KEYS = {Curve.SECP256K1: b"Bitcoin seed", Curve.ED25519: b"ed25519 seed"}


@dataclass(frozen=True, slots=True)
class Slip10Node:
    """One node: a private key of 32 bytes and its chain code of 32 bytes."""

    curve: Curve
    key: Secret
    chain_code: bytes = field(repr=False)

    def child(self, index: int) -> Slip10Node:
        """Derive one step.

        Raises:
            InvalidPath: An unhardened step on Ed25519, or an index outside 32 bits.
        """
        if not 0 <= index < 2 * HARDENED:
            raise InvalidPath("a step is a 32-bit number")
        if index < HARDENED and self.curve is Curve.ED25519:
            raise InvalidPath(f"Ed25519 has no unhardened step {index}; write {index}h")
        material = b"\x00" + self.key.reveal() if index >= HARDENED else self._compressed_point()
        left, right = _halves(self.chain_code, material + index.to_bytes(4, "big"))
        if self.curve is Curve.ED25519:
            return Slip10Node(self.curve, Secret(left), right)
        scalar = _add_scalars(left, self.key)
        while scalar is None:  # step 5 of the specification: derive again from the right half
            left, right = _halves(self.chain_code, b"\x01" + right + index.to_bytes(4, "big"))
            scalar = _add_scalars(left, self.key)
        return Slip10Node(self.curve, scalar, right)

    def _compressed_point(self) -> bytes:
        return CurvePrivateKey(self.key.reveal()).public_key.format()


def master(seed: Secret, curve: Curve) -> Slip10Node:
    """Make the root node of a curve.

    Args:
        seed: 16 to 64 bytes.
        curve: Chooses the domain, so that one seed gives unrelated keys per curve.

    Raises:
        InvalidKey: The seed has another length.
    """
    if not MIN_SEED_BYTES <= len(seed.reveal()) <= MAX_SEED_BYTES:
        raise InvalidKey(f"seed of {len(seed.reveal())} bytes; {MIN_SEED_BYTES} to {MAX_SEED_BYTES} are allowed")
    left, right = _halves(_MASTER_KEYS[curve], seed.reveal())
    while curve is Curve.SECP256K1 and not 0 < int.from_bytes(left, "big") < CURVE_ORDER:
        left, right = _halves(_MASTER_KEYS[curve], left + right)
    return Slip10Node(curve, Secret(left), right)


def derive(seed: Secret, path: str, curve: Curve) -> Secret:
    """Derive the private key at a path.

    Returns:
        32 bytes: an Ed25519 seed, or a secp256k1 scalar.

    Raises:
        InvalidKey: The seed has a wrong length.
        InvalidPath: Malformed, or unhardened steps on Ed25519.
    """
    node = master(seed, curve)
    for step in parse_path(path):
        node = node.child(step)
    return node.key


def _halves(key: bytes, message: bytes) -> tuple[bytes, bytes]:
    mac = hmac.new(key, message, hashlib.sha512).digest()
    return mac[:32], mac[32:]


def _add_scalars(left: bytes, parent: Secret) -> Secret | None:
    step = int.from_bytes(left, "big")
    scalar = (step + int.from_bytes(parent.reveal(), "big")) % CURVE_ORDER
    return Secret(scalar.to_bytes(32, "big")) if step < CURVE_ORDER and scalar != 0 else None
