"""Who holds the private keys of a signer: the seed of its sealed mnemonic, or a token that never hands one out.

Rules:
    * A path names a key. A seed derives it; a token has it stored under the label that the home's `token.json` gives
      the path, and nothing below it.
    * Whatever a wallet's family needs that a holder cannot do is refused when the wallet is registered, and again when
      the signer starts.

Example:
    holder = TokenHolder(description, token)
    holder.key("m/44h/60h/0h/0/0", "m/44h/60h/0h/0/0", Curve.SECP256K1).sign(digest)
"""

from __future__ import annotations

from typing import Protocol

from custody.keys import slip10
from custody.keys.hd import PrivateNode
from custody.keys.material import Curve, PublicKey
from custody.keys.paths import steps_below
from custody.keys.signing_key import SigningKey, UnsealedKey
from custody.keys.token import Token
from custody.primitives.encoding import digest
from custody.primitives.errors import BadSignature, Refused
from custody.primitives.secret import Secret
from custody.signers.token_file import TokenFile

FINGERPRINT_TAG = "mext/token-fingerprint/1"
FINGERPRINT_BYTES = 4


class KeyHolder(Protocol):
    """Where the private keys lie."""

    def fingerprint(self) -> str:
        """Name of the whole, 8 hex digits."""
        ...

    def public_key(self, path: str, curve: Curve) -> PublicKey:
        """The public key at a registered path.

        Raises:
            Refused: The holder has no such key.
        """
        ...

    def key(self, ours: str, path: str, curve: Curve) -> SigningKey:
        """The key at a path: a registered one, or below it by unhardened steps.

        Raises:
            InvalidPath: Unhardened steps on Ed25519.
            Refused: The holder has no such key.
        """
        ...


class SeedHolder:
    """Keys derived from one seed, once per registered path; prints as nothing."""

    __slots__ = ("_nodes", "_seed", "_whole")

    def __init__(self, seed: Secret) -> None:
        self._seed = seed
        self._nodes: dict[tuple[Curve, str], PrivateNode | UnsealedKey] = {}
        self._whole: dict[tuple[Curve, str], UnsealedKey] = {}

    def __repr__(self) -> str:
        return "SeedHolder(***)"

    def fingerprint(self) -> str:
        """BIP-32 fingerprint of the root."""
        return PrivateNode.from_seed(self._seed).public().fingerprint().hex()

    def public_key(self, path: str, curve: Curve) -> PublicKey:
        """As in `KeyHolder`; a seed has every key."""
        node = self._node(path, curve)
        return node.public().public_key() if isinstance(node, PrivateNode) else node.public

    def key(self, ours: str, path: str, curve: Curve) -> SigningKey:
        """As in `KeyHolder`."""
        known = self._whole.get((curve, path))
        if known is not None:
            return known
        node, below = self._node(ours, curve), steps_below(ours, path)
        if not isinstance(node, PrivateNode):
            return UnsealedKey.of(slip10.derive(self._seed, path, curve), curve) if below else node
        leaf = node.descend(below or ())
        found = UnsealedKey(leaf.key, leaf.public().public_key())
        if path == ours:  # the keys below it have no number
            self._whole[curve, path] = found
        return found

    def _node(self, path: str, curve: Curve) -> PrivateNode | UnsealedKey:
        node = self._nodes.get((curve, path))
        if node is None:
            if curve is Curve.SECP256K1:
                node = PrivateNode.from_seed(self._seed).derive(path)
            else:
                node = UnsealedKey.of(slip10.derive(self._seed, path, curve), curve)
            self._nodes[curve, path] = node
        return node


class TokenHolder:
    """Keys in a PKCS#11 token, each pinned by its public half."""

    __slots__ = ("_file", "_keys", "_token")

    def __init__(self, file: TokenFile, token: Token) -> None:
        """Find every key that the home names.

        Raises:
            NotFound, Refused: A key is missing in the token, doubled, or could be taken out of it.
            BadSignature: The token holds another key under the label than the home was made with.
        """
        self._file = file
        self._token = token
        self._keys = {}
        for path, entry in file.keys.items():
            key = token.key(entry.label, entry.public.curve)
            if key.public != entry.public:
                raise BadSignature(
                    f"token {file.place.label}: key {entry.label} is {key.public.raw.hex()}, not the registered one",
                    label=entry.label,
                )
            self._keys[path] = key

    def __repr__(self) -> str:
        return f"TokenHolder({self._file.place.label})"

    def fingerprint(self) -> str:
        """Start of a hash over the public keys: a token has no root."""
        keys = sorted(entry.public.raw for entry in self._file.keys.values())
        return digest(FINGERPRINT_TAG, *keys)[:FINGERPRINT_BYTES].hex()

    def public_key(self, path: str, curve: Curve) -> PublicKey:
        """As in `KeyHolder`."""
        return self.key(path, path, curve).public

    def key(self, ours: str, path: str, curve: Curve) -> SigningKey:
        """As in `KeyHolder`; a token has registered keys only."""
        if path != ours:
            raise Refused(f"a key in a token has no child keys: {path} is below {ours}", path=path)
        key = self._keys.get(ours)
        if key is None or key.public.curve is not curve:
            raise Refused(f"token {self._file.place.label} holds no {curve} key for {ours}", path=ours)
        return key
