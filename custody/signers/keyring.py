"""The unlocked keys of one signer: found once per registered path, used in place, never handed out.

Rules:
    * Where the private keys lie is the holder's matter: derived from a seed, or in a token (`key_holders`).
    * A signature is verified under the public key before it leaves this module.
    * A share of a group's key does not follow from the seed: it is handed in under its path, and signs in
      two rounds only.

Example:
    keyring = Keyring(seed)
    keyring.public_key("m/48h/1h/0h/2h", Curve.SECP256K1)
"""

from __future__ import annotations

from custody.keys import frost
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import BadSignature
from custody.primitives.invariant import invariant
from custody.primitives.secret import Secret
from custody.signers.key_holders import KeyHolder, SeedHolder
from custody.signers.registry import SignatureScheme


class Keyring:
    """Private keys of one signer; prints as nothing."""

    __slots__ = ("_holder", "_shares")

    def __init__(self, keys: Secret | KeyHolder) -> None:
        """Begin without shares.

        Args:
            keys: A 64-byte seed, or whoever else holds the keys.
        """
        self._holder = SeedHolder(keys) if isinstance(keys, Secret) else keys
        self._shares: dict[str, Secret] = {}

    def __repr__(self) -> str:
        return "Keyring(***)"

    def fingerprint(self) -> str:
        """Name of the key material, 8 hex digits: of a seed, the BIP-32 fingerprint of the root."""
        return self._holder.fingerprint()

    def public_key(self, path: str, curve: Curve) -> PublicKey:
        """The public key at a registered path: of a share, its verifying share.

        Raises:
            Refused: There is no such key.
        """
        if path in self._shares and curve is Curve.ED25519:
            return frost.verifying_share(self._shares[path])
        return self._holder.public_key(path, curve)

    def sign(self, ours: str, path: str, scheme: SignatureScheme, message: bytes) -> tuple[PublicKey, bytes]:
        """Sign with the key at a path and check the result.

        Args:
            ours: The registered path that the key belongs to.
            path: The key itself: `ours`, or below it by unhardened steps.
            scheme: Curve and encoding.
            message: 32-byte digest for secp256k1, whole message for Ed25519.

        Raises:
            InvariantBroken: The signature does not verify; it is not handed out.
            InvalidPath: Unhardened steps on Ed25519.
            Refused: There is no such key.
            Unavailable: The device that holds it does not answer.
        """
        invariant(ours not in self._shares, "a key share signs in two rounds only", path=ours)
        key = self._holder.key(ours, path, scheme.curve)
        value = b""
        try:
            value = scheme.sign(key, message)
            scheme.verify(key.public, message, value)
            verified = True
        except BadSignature:
            verified = False
        invariant(verified, "our own signature verifies before it is released", path=path)
        return key.public, value

    def hold_share(self, path: str, share: Secret) -> None:
        """Take in our share of a group's key, under the path that the wallet's registration gives it.

        Raises:
            MalformedPayload: Not a scalar.
            InvariantBroken: Another share has this path.
        """
        frost.verifying_share(share)
        invariant(self._shares.get(path, share) == share, "one path names one key share", path=path)
        self._shares[path] = share

    def draw_nonces(self, path: str, randomness: tuple[bytes, bytes]) -> frost.Nonces:
        """Make the nonces of one threshold signature; see `custody.keys.frost.draw_nonces`."""
        return frost.draw_nonces(self._shares[path], *randomness)

    def sign_share(self, path: str, identifier: int, nonces: frost.Nonces, package: frost.Package) -> bytes:
        """Make our verified share of a threshold signature; see `custody.keys.frost.sign_share`."""
        return frost.sign_share(package, identifier, self._shares[path], nonces)
