"""BIP-32 hierarchical keys over libsecp256k1.

Rules:
    * A private node keeps its key in a `Secret`; only `public()` and the named text forms leave it.
    * Hardened steps need the private node; asking a public one is an error, not a guess.
    * The one-in-2**127 invalid child is refused, as BIP-32 says, never skipped silently.
    * Text forms (xpub, xprv) live in `custody.keys.xkeys`.

Example:
    root = PrivateNode.from_seed(seed)
    account = root.derive("m/48h/0h/0h/2h").public()
    account.descend((0, 5)).public_key()
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from coincurve import PrivateKey as CurvePrivateKey
from coincurve import PublicKey as CurvePublicKey

from custody.keys.material import Curve, PublicKey
from custody.keys.paths import HARDENED, InvalidPath, parse_path
from custody.primitives.errors import InvalidInput
from custody.primitives.secret import Secret

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
MIN_SEED_BYTES = 16
MAX_SEED_BYTES = 64
MAX_NODE_DEPTH = 255
_MASTER_KEY = b"Bitcoin seed"


class InvalidKey(InvalidInput):
    """Bytes or text that are not a key, or a key outside the curve's range."""

    code = "invalid_key"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands in the tree.

    Attributes:
        depth: Steps from the root, 0 to 255.
        parent: Fingerprint of the parent, 4 bytes; zeros at the root.
        index: Last step, 32 bits; 0 at the root.
    """

    depth: int
    parent: bytes
    index: int

    def __post_init__(self) -> None:
        at_root = self.depth == 0
        if at_root and (self.parent != bytes(4) or self.index != 0):
            raise InvalidKey("a root key with a parent fingerprint or an index")
        if not (0 <= self.depth <= MAX_NODE_DEPTH and len(self.parent) == 4 and 0 <= self.index < 2 * HARDENED):
            raise InvalidKey("depth, parent or index of an extended key out of range")


ROOT = Place(0, bytes(4), 0)


@dataclass(frozen=True, slots=True)
class PublicNode:
    """An extended public key.

    Attributes:
        key: Compressed point, 33 bytes, on the curve.
        chain_code: 32 bytes.
        place: Where it stands.
    """

    key: bytes
    chain_code: bytes
    place: Place

    def __post_init__(self) -> None:
        if len(self.key) != 33 or len(self.chain_code) != 32:
            raise InvalidKey("an extended public key has 33 bytes of key and 32 of chain code")
        _point(self.key)

    def child(self, index: int) -> PublicNode:
        """Derive one unhardened step.

        Raises:
            InvalidPath: The step is hardened: that needs the private key.
            InvalidKey: The one-in-2**127 case without a child.

        Spec: BIP-32 CKDpub.
        """
        key, chain_code = self._step(index)
        return PublicNode(key, chain_code, self._place_below(index))

    def child_key(self, index: int) -> bytes:
        """Key of one unhardened step, 33 bytes: the last step of many addresses, where no further one follows.

        Raises:
            InvalidPath, InvalidKey: As `child`.
        """
        return self._step(index)[0]

    def descend(self, steps: Sequence[int]) -> PublicNode:
        """Derive several unhardened steps below this node."""
        node = self
        for step in steps:
            node = node.child(step)
        return node

    def fingerprint(self) -> bytes:
        """First 4 bytes of RIPEMD160(SHA256(key))."""
        return hash160(self.key)[:4]

    def public_key(self) -> PublicKey:
        """The key without its chain code."""
        return PublicKey(Curve.SECP256K1, self.key)

    def _place_below(self, index: int) -> Place:
        return Place(self.place.depth + 1, self.fingerprint(), index)

    def _step(self, index: int) -> tuple[bytes, bytes]:
        """Key and chain code of a child."""
        if self.place.depth >= MAX_NODE_DEPTH:
            raise InvalidKey(f"a key at depth {MAX_NODE_DEPTH} has no children")
        if not 0 <= index < HARDENED:
            raise InvalidPath("a public key has no hardened children")
        left, right = _hmac_halves(self.chain_code, self.key + index.to_bytes(4, "big"))
        _require_scalar(left)
        try:
            point = _point(self.key).add(left)
        except ValueError as error:  # the point at infinity
            raise InvalidKey("this step has no child key; use the next") from error
        return point.format(), right


@dataclass(frozen=True, slots=True)
class PrivateNode:
    """An extended private key; never leaves the process that unlocked it.

    Attributes:
        key: Scalar in 1..n-1, 32 bytes.
        chain_code: 32 bytes.
        place: Where it stands.
    """

    key: Secret
    chain_code: bytes = field(repr=False)
    place: Place

    def __post_init__(self) -> None:
        if len(self.key.reveal()) != 32 or len(self.chain_code) != 32:
            raise InvalidKey("an extended private key has 32 bytes of key and 32 of chain code")
        _require_scalar(self.key.reveal(), allow_zero=False)

    @classmethod
    def from_seed(cls, seed: Secret) -> PrivateNode:
        """Make the root of a tree.

        Args:
            seed: 16 to 64 bytes, from `mnemonic.to_seed`.

        Raises:
            InvalidKey: Wrong length, or the seed gives no valid root.

        Spec: BIP-32 master key generation.
        """
        if not MIN_SEED_BYTES <= len(seed.reveal()) <= MAX_SEED_BYTES:
            raise InvalidKey(f"seed of {len(seed.reveal())} bytes; {MIN_SEED_BYTES} to {MAX_SEED_BYTES} are allowed")
        left, right = _hmac_halves(_MASTER_KEY, seed.reveal())
        return cls(Secret(left), right, ROOT)

    def child(self, index: int) -> PrivateNode:
        """Derive one step, hardened or not.

        Raises:
            InvalidPath: Index outside 32 bits.
            InvalidKey: The one-in-2**127 case without a child.

        Spec: BIP-32 CKDpriv.
        """
        if not 0 <= index < 2 * HARDENED:
            raise InvalidPath("a step is a 32-bit number")
        public = self.public()
        material = b"\x00" + self.key.reveal() if index >= HARDENED else public.key
        left, right = _hmac_halves(self.chain_code, material + index.to_bytes(4, "big"))
        _require_scalar(left)
        scalar = (int.from_bytes(left, "big") + int.from_bytes(self.key.reveal(), "big")) % CURVE_ORDER
        place = Place(self.place.depth + 1, public.fingerprint(), index)
        return PrivateNode(Secret(scalar.to_bytes(32, "big")), right, place)

    def descend(self, steps: Sequence[int]) -> PrivateNode:
        """Derive several steps below this node."""
        node = self
        for step in steps:
            node = node.child(step)
        return node

    def derive(self, path: str) -> PrivateNode:
        """Derive a whole path such as "m/48h/0h/0h/2h", from the root only.

        Raises:
            InvalidPath: Malformed, or this node is not the root.
        """
        if self.place.depth != 0:
            raise InvalidPath(f"{path} starts at the root; this node stands at depth {self.place.depth}")
        return self.descend(parse_path(path))

    def public(self) -> PublicNode:
        """The extended public key of this node."""
        point = CurvePrivateKey(self.key.reveal()).public_key.format()
        return PublicNode(point, self.chain_code, self.place)


def hash160(raw: bytes) -> bytes:
    """RIPEMD160(SHA256(raw)), 20 bytes."""
    return hashlib.new("ripemd160", hashlib.sha256(raw).digest()).digest()


def _hmac_halves(key: bytes, message: bytes) -> tuple[bytes, bytes]:
    mac = hmac.digest(key, message, "sha512")
    return mac[:32], mac[32:]


def _require_scalar(raw: bytes, *, allow_zero: bool = True) -> None:
    value = int.from_bytes(raw, "big")
    if value >= CURVE_ORDER or (value == 0 and not allow_zero):
        raise InvalidKey("private key not in 1..n-1")


@lru_cache(maxsize=1_024)  # a compressed key is read by a square root; one parent has thousands of children
def _point(raw: bytes) -> CurvePublicKey:
    if raw[:1] not in (b"\x02", b"\x03"):
        raise InvalidKey("public key does not start with 02 or 03")
    try:
        return CurvePublicKey(raw)
    except ValueError as error:
        raise InvalidKey("public key is not a point of the curve") from error
