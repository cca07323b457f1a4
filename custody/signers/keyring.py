"""The unlocked keys of one signer: derived once per registered path, used in place, never handed out.

Rules:
    * Only registered paths are derived; a path below one of them by unhardened steps is derived on demand.
    * A signature is verified under the public key before it leaves this module.
    * A share of a group's key does not follow from the seed: it is handed in under its path, and signs in
      two rounds only.

Example:
    keyring = Keyring(seed)
    keyring.public_key("m/48h/1h/0h/2h", Curve.SECP256K1)
"""

from __future__ import annotations

from custody.keys import ed25519, frost, slip10
from custody.keys.hd import PrivateNode
from custody.keys.material import Curve, PublicKey
from custody.keys.paths import steps_below
from custody.primitives.errors import BadSignature
from custody.primitives.invariant import invariant
from custody.primitives.secret import Secret
from custody.signers.registry import SignatureScheme


class Keyring:
    """Private keys of one seed; prints as nothing."""

    __slots__ = ("_nodes", "_seed", "_shares")

    def __init__(self, seed: Secret) -> None:
        self._seed = seed
        self._nodes: dict[tuple[Curve, str], PrivateNode | Secret] = {}
        self._shares: dict[str, Secret] = {}

    def __repr__(self) -> str:
        return "Keyring(***)"

    def fingerprint(self) -> str:
        """BIP-32 fingerprint of the root, 8 hex digits."""
        return PrivateNode.from_seed(self._seed).public().fingerprint().hex()

    def public_key(self, path: str, curve: Curve) -> PublicKey:
        """The public key at a registered path: of a share, its verifying share."""
        if path in self._shares and curve is Curve.ED25519:
            return frost.verifying_share(self._shares[path])
        node = self._node(path, curve)
        return node.public().public_key() if isinstance(node, PrivateNode) else ed25519.public_key(node)

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
        """
        secret, key = self._key(ours, path, scheme.curve)
        value = scheme.sign(secret, message)
        try:
            scheme.verify(key, message, value)
            verified = True
        except BadSignature:
            verified = False
        invariant(verified, "our own signature verifies before it is released", path=path)
        return key, value

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

    def _key(self, ours: str, path: str, curve: Curve) -> tuple[Secret, PublicKey]:
        invariant(ours not in self._shares, "a key share signs in two rounds only", path=ours)
        node, below = self._node(ours, curve), steps_below(ours, path)
        if isinstance(node, PrivateNode):
            leaf = node.descend(below or ())
            return leaf.key, leaf.public().public_key()
        secret = slip10.derive(self._seed, path, curve) if below else node
        return secret, ed25519.public_key(secret)

    def _node(self, path: str, curve: Curve) -> PrivateNode | Secret:
        node = self._nodes.get((curve, path))
        if node is None:
            if curve is Curve.SECP256K1:
                node = PrivateNode.from_seed(self._seed).derive(path)
            else:
                node = slip10.derive(self._seed, path, curve)
            self._nodes[curve, path] = node
        return node
