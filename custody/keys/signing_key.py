"""A private key that signs where it lies: in this process, or in a device that never hands it out.

Rules:
    * Both kinds give one raw form a curve: r || s || v with low s on secp256k1, R || s on Ed25519. What a chain makes
      of it is the chain's.
    * A raw signature of a device was repaired and verified before it comes out (`custody.keys.token`).

Example:
    key = UnsealedKey.of(scalar, Curve.SECP256K1)
    raw = key.sign(digest)  # 65 bytes
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from custody.keys import ecdsa, ed25519
from custody.keys.material import Curve, PublicKey
from custody.primitives.secret import Secret


class SigningKey(Protocol):
    """One private key, wherever it lies."""

    @property
    def public(self) -> PublicKey:
        """Its public half."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Sign.

        Args:
            message: 32-byte digest on secp256k1, the whole message on Ed25519.

        Returns:
            65 bytes r || s || v with low s and v 27 or 28, or 64 bytes R || s.

        Raises:
            InvalidInput: A digest of another length.
            BadSignature: The device's answer does not verify.
            Unavailable: The device does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class UnsealedKey:
    """A key in this process.

    Attributes:
        secret: 32 bytes: scalar, or seed of RFC 8032.
        public: Its public half.
    """

    secret: Secret
    public: PublicKey

    @classmethod
    def of(cls, secret: Secret, curve: Curve) -> UnsealedKey:
        """Wrap 32 bytes.

        Raises:
            InvalidInput: They are no key of this curve.
        """
        known = ecdsa.public_key if curve is Curve.SECP256K1 else ed25519.public_key
        return cls(secret, known(secret))

    def sign(self, message: bytes) -> bytes:
        """As in `SigningKey`; the same message always gives the same bytes."""
        if self.public.curve is Curve.SECP256K1:
            return ecdsa.sign_recoverable(self.secret, message)
        return ed25519.sign(self.secret, message)
