"""A multisig wallet of the family: who signs, how many must, and which addresses follow from that.

Rules:
    * A wallet is its descriptor: `wsh(sortedmulti(m,[fp/path]xpub/<0;1>/*,...))` with checksum, or `sh(...)`
      where the chain has no segwit.
    * Branch 0 receives, branch 1 takes change; indexes stay inside the window that signers know.
    * Refused: n < 2, m = n (one lost key would lose the coins), m < 2 (one stolen key would),
      the same key twice, two keys of one device, keys of another network.

Example:
    wallet = UtxoWallet("hot-btc", BITCOIN_REGTEST, 2, tuple(KeyOrigin.parse(text) for text in keys))
    wallet.address(RECEIVE, 0).text

Spec: BIP-48, BIP-67, BIP-380, BIP-383, BIP-389.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from embit.descriptor.checksum import add_checksum

from custody.chains.utxo.address import address_of_script
from custody.chains.utxo.params import ScriptType, UtxoParams, row
from custody.keys.hd import InvalidKey, PublicNode, hash160
from custody.keys.material import Curve, PublicKey
from custody.keys.paths import format_path, parse_path
from custody.keys.xkeys import decode_xpub
from custody.primitives.address import Address
from custody.primitives.encoding import Json
from custody.primitives.errors import InvalidInput, Refused
from custody.primitives.invariant import invariant

RECEIVE = 0
CHANGE = 1
MAX_COSIGNERS = 15
"""OP_15 is the largest number that P2SH and standard P2WSH multisig both allow."""
DEFAULT_WINDOW = 1_000
"""Indexes a signer accepts per branch; one scan of a window takes milliseconds."""
MAX_WINDOW = 100_000

_KEY = re.compile(r"\[(?P<print>[0-9a-f]{8})(?P<path>(?:/[0-9]+[h']?)*)\](?P<xpub>[1-9A-HJ-NP-Za-km-z]{100,120})")
_DESCRIPTOR = re.compile(r"(?P<script>wsh|sh)\(sortedmulti\((?P<threshold>[1-9][0-9]?),(?P<keys>.+)\)\)")
_BRANCHES = "/<0;1>/*"
_OP_BASE = 0x50  # OP_1 is 0x51
_OP_CHECKMULTISIG = 0xAE


class WalletRefused(Refused):
    """A set of cosigners that must not hold money."""

    code = "wallet_refused"


@dataclass(frozen=True, slots=True)
class KeyOrigin:
    """One cosigner's extended public key and where it comes from.

    Attributes:
        fingerprint: Of the device's root key, 4 bytes.
        path: From that root to the key, 32-bit steps.
        xpub: The extended key as text.
    """

    fingerprint: bytes
    path: tuple[int, ...]
    xpub: str

    def __post_init__(self) -> None:
        place, last = self.node().place, self.path[-1] if self.path else 0
        if len(self.fingerprint) != 4 or (place.depth, place.index) != (len(self.path), last):
            raise InvalidInput(
                f"key {self.fingerprint.hex()}: the extended key does not stand at {format_path(self.path)}"
            )

    @classmethod
    def parse(cls, text: str) -> KeyOrigin:
        """Read "[f00dbabe/48h/1h/0h/2h]tpub...".

        Raises:
            InvalidInput: Malformed, or path and key disagree.
        """
        match = _KEY.fullmatch(text)
        if match is None:
            raise InvalidInput(f"not a key with its origin, such as [f00dbabe/48h/1h/0h/2h]xpub...: {text[:60]!r}")
        return cls(bytes.fromhex(match["print"]), parse_path("m" + match["path"]), match["xpub"])

    def text(self) -> str:
        """Write it as descriptors do; the inverse of `parse`."""
        return f"[{self.fingerprint.hex()}{format_path(self.path)[1:]}]{self.xpub}"

    def node(self) -> PublicNode:
        """Decode the extended key."""
        return decode_xpub(self.xpub)[1]


@dataclass(frozen=True, slots=True)
class UtxoWallet:
    """A registered wallet.

    Attributes:
        id: Our name of it.
        params: Its network.
        threshold: Signatures needed (m).
        cosigners: Keys that may give them (n), in the order of the descriptor.
        window: Indexes per branch, from 0.
    """

    id: str
    params: UtxoParams
    threshold: int
    cosigners: tuple[KeyOrigin, ...]
    window: int = DEFAULT_WINDOW

    def __post_init__(self) -> None:
        n = len(self.cosigners)
        if not 2 <= n <= MAX_COSIGNERS:
            raise WalletRefused(f"{self.id}: {n} cosigners; 2 to {MAX_COSIGNERS} are allowed")
        if not 2 <= self.threshold < n:
            raise WalletRefused(f"{self.id}: {self.threshold} of {n}: at least 2 must sign, and one may be lost")
        if self.params.script is ScriptType.WSH and not self.params.hrp:
            raise WalletRefused(f"{self.id}: {self.params.chain.id} has no witness scripts; coins would be anybody's")
        if not 1 <= self.window <= MAX_WINDOW:
            raise InvalidInput(f"{self.id}: window {self.window} outside 1..{MAX_WINDOW}")
        if len({origin.node().key for origin in self.cosigners}) != n:
            raise WalletRefused(f"{self.id}: the same key twice")
        if len({origin.fingerprint for origin in self.cosigners}) != n:
            raise WalletRefused(f"{self.id}: two keys of one device")
        for origin in self.cosigners:
            if decode_xpub(origin.xpub)[0] is not self.params.key_network:
                raise InvalidKey(f"{self.id}: key {origin.fingerprint.hex()} is for another kind of network")

    @classmethod
    def from_registration(cls, registration: Mapping[str, object]) -> UtxoWallet:
        """Rebuild a wallet from its registration; everything in it must agree.

        Raises:
            InvalidInput: Fields are missing, malformed or contradict each other.
            WalletRefused: A set of cosigners that must not hold money.
        """
        match = _DESCRIPTOR.fullmatch(str(registration.get("descriptor", "")).partition("#")[0])
        if match is None:
            raise InvalidInput("registration without a sortedmulti descriptor")
        keys = tuple(KeyOrigin.parse(key.removesuffix(_BRANCHES)) for key in match["keys"].split(","))
        window = registration.get("window")
        if type(window) is not int:
            raise InvalidInput("registration without a window")
        wallet = cls(
            str(registration.get("id")), row(str(registration.get("chain"))), int(match["threshold"]), keys, window
        )
        # A signer's copy has fields of its own beside ours (which key is whose).
        if any(registration.get(field) != value for field, value in wallet.registration().items()):
            raise InvalidInput(f"{wallet.id}: the registration contradicts itself")
        return wallet

    @property
    def descriptor(self) -> str:
        """Both branches as one descriptor with checksum."""
        return self._descriptor(_BRANCHES)

    def branch_descriptor(self, branch: int) -> str:
        """One branch as a descriptor with checksum; older nodes know no `<0;1>`."""
        return self._descriptor(f"/{branch}/*")

    def registration(self) -> dict[str, Json]:
        """What a signer keeps in its own folder; plain JSON."""
        return {
            "id": self.id,
            "family": str(self.params.chain.family),
            "chain": str(self.params.chain.id),
            "network": self.params.chain.network,
            "descriptor": self.descriptor,
            "threshold": self.threshold,
            "window": self.window,
        }

    def public_cosigner_keys(self, branch: int, index: int) -> tuple[PublicKey, ...]:
        """Child keys of all cosigners at one place, in the order of the cosigners (not sorted)."""
        self._require_place(branch, index)
        return tuple(PublicKey(Curve.SECP256K1, _child(o.xpub, branch, index)) for o in self.cosigners)

    def multisig_script(self, branch: int, index: int) -> bytes:
        """The m-of-n script at one place: the witness script (WSH) or redeem script (SH)."""
        self._require_place(branch, index)
        keys = sorted(_child(origin.xpub, branch, index) for origin in self.cosigners)
        pushes = b"".join(bytes([len(key)]) + key for key in keys)
        return bytes([_OP_BASE + self.threshold]) + pushes + bytes([_OP_BASE + len(keys), _OP_CHECKMULTISIG])

    def script_pubkey(self, branch: int, index: int) -> bytes:
        """The output script at one place."""
        script = self.multisig_script(branch, index)
        if self.params.script is ScriptType.WSH:
            return b"\x00\x20" + hashlib.sha256(script).digest()
        return b"\xa9\x14" + hash160(script) + b"\x87"

    def address(self, branch: int, index: int) -> Address:
        """The address at one place.

        Raises:
            InvalidInput: Branch is not 0 or 1, or the index is outside the window.
        """
        address = address_of_script(self.script_pubkey(branch, index), self.params)
        invariant(address is not None, "every script of ours has an address")
        return address  # type: ignore[return-value]  # the line above

    def _descriptor(self, below: str) -> str:
        keys = ",".join(origin.text() + below for origin in self.cosigners)
        return str(add_checksum(f"{self.params.script}(sortedmulti({self.threshold},{keys}))"))

    def _require_place(self, branch: int, index: int) -> None:
        if branch not in (RECEIVE, CHANGE) or not 0 <= index < self.window:
            raise InvalidInput(f"{self.id}: place {branch}/{index} is outside branches 0, 1 or window {self.window}")


@lru_cache(maxsize=256)
def _branch_node(xpub: str, branch: int) -> PublicNode:
    return decode_xpub(xpub)[1].child(branch)


@lru_cache(maxsize=65_536)  # 33 bytes each: a window of deposit addresses of a handful of wallets
def _child(xpub: str, branch: int, index: int) -> bytes:
    return _branch_node(xpub, branch).child_key(index)
