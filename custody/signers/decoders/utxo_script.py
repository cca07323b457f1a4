"""A wallet's scripts from its registered descriptor, and addresses of scripts: the signer's own derivation.

Rules:
    * Only `wsh(sortedmulti(...))` and `sh(sortedmulti(...))` with both branches; m >= 2 and m < n.
    * The checksum of the descriptor is verified: a registration damaged on disk signs nothing.
    * A script without a known address form has no name, and what has no name is not signed.

Spec: BIP-32, BIP-67, BIP-173, BIP-350, BIP-380, BIP-383, BIP-389.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import base58

from custody.keys.hd import PublicNode, hash160
from custody.keys.paths import parse_path
from custody.keys.xkeys import KeyNetwork, decode_xpub
from custody.primitives.errors import InvalidInput
from custody.primitives.invariant import invariant

MAX_KEYS = 15

_BRANCHES = "/<0;1>/*"
_KEY = re.compile(r"\[([0-9a-f]{8})((?:/[0-9]+h?)*)\]([1-9A-HJ-NP-Za-km-z]{100,120})" + re.escape(_BRANCHES))
_FORM = re.compile(r"(wsh|sh)\(sortedmulti\(([1-9][0-9]?),(.+)\)\)#([02-9ac-hj-np-z]{8})")
_CHARACTERS = "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32M_CONSTANT = 0x2BC830A3


@dataclass(frozen=True, slots=True)
class Network:
    """What an address of one network looks like.

    Attributes:
        symbol: Its coin.
        caip2: Its CAIP-2 identifier.
        hrp: Prefix of segwit addresses; empty where witness scripts mean nothing: anybody could spend them.
        p2pkh, p2sh: Version bytes of base58 addresses.
        keys: Kind of extended keys.
        most_sat: Most that one output can hold by the rules of the network.
    """

    symbol: str
    caip2: str
    hrp: str
    p2pkh: int
    p2sh: int
    keys: KeyNetwork
    most_sat: int


_COIN = 100_000_000
_MAIN, _TEST = KeyNetwork.MAIN, KeyNetwork.TEST

NETWORKS = {
    "bitcoin": Network("BTC", "bip122:000000000019d6689c085ae165831e93", "bc", 0x00, 0x05, _MAIN, 21_000_000 * _COIN),
    "bitcoin-regtest": Network(
        "BTC", "bip122:0f9188f13cb7b2c71f2a335e3a4fc328", "bcrt", 0x6F, 0xC4, _TEST, 21_000_000 * _COIN
    ),
    "litecoin": Network("LTC", "bip122:12a765e31ffd4059bada1e25190f6e98", "ltc", 0x30, 0x32, _MAIN, 84_000_000 * _COIN),
    "litecoin-regtest": Network(
        "LTC", "bip122:530827f38f93b43ed12af0b3ad25a288", "rltc", 0x6F, 0x3A, _TEST, 84_000_000 * _COIN
    ),
    "dogecoin": Network(
        "DOGE", "bip122:1a91e3dace36e2be3bf030a65679fe82", "", 0x1E, 0x16, _MAIN, 10_000_000_000 * _COIN
    ),
    "dogecoin-regtest": Network(
        "DOGE", "bip122:3d2160a3b5dc4a9d62e7e66a295f7031", "", 0x6F, 0xC4, _TEST, 10_000_000_000 * _COIN
    ),
}


@dataclass(frozen=True, slots=True)
class Cosigner:
    """One key of the descriptor: fingerprint of its root (4 bytes), path from there, extended key."""

    fingerprint: bytes
    path: tuple[int, ...]
    node: PublicNode


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A multisig descriptor: `is_segwit` tells wsh from sh."""

    is_segwit: bool
    threshold: int
    cosigners: tuple[Cosigner, ...]

    def keys(self, branch: int, index: int) -> tuple[bytes, ...]:
        """Child keys at one place, 33 bytes each, in the order of the cosigners."""
        return tuple(_branch(cosigner.node, branch).child(index).key for cosigner in self.cosigners)

    def inner_script(self, branch: int, index: int) -> bytes:
        """The multisig script at one place."""
        keys = sorted(self.keys(branch, index))
        pushes = b"".join(b"\x21" + key for key in keys)
        return bytes([0x50 + self.threshold]) + pushes + bytes([0x50 + len(keys), 0xAE])

    def output_script(self, inner: bytes) -> bytes:
        """The output script over a multisig script."""
        if self.is_segwit:
            return b"\x00\x20" + hashlib.sha256(inner).digest()
        return b"\xa9\x14" + hash160(inner) + b"\x87"


def read_descriptor(text: str, network: Network) -> Descriptor:
    """Read a registered descriptor.

    Raises:
        InvalidInput: Another form, a wrong checksum, doubled keys, keys of another kind of network,
            a witness script where there are none, or a threshold that is not between 2 and n - 1.
    """
    form = _FORM.fullmatch(text)
    if form is None or _checksum(text.partition("#")[0]) != form[4]:
        raise InvalidInput("registered descriptor: unknown form or wrong checksum")
    cosigners = tuple(_read_cosigner(key, network) for key in form[3].split(","))
    threshold = int(form[2])
    if not (2 <= threshold < len(cosigners) <= MAX_KEYS):
        raise InvalidInput(f"registered descriptor: {threshold} of {len(cosigners)} is not a safe quorum")
    if len({each.node.key for each in cosigners}) != len(cosigners):
        raise InvalidInput("registered descriptor: the same key twice")
    if form[1] == "wsh" and not network.hrp:
        raise InvalidInput(f"registered descriptor: {network.symbol} has no witness scripts; coins would be anybody's")
    return Descriptor(form[1] == "wsh", threshold, cosigners)


def address_text(script: bytes, network: Network) -> str | None:
    """Return the address of an output script, None for a script without one."""
    if len(script) == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return _base58(network.p2pkh, script[3:23])
    if len(script) == 23 and script[:2] == b"\xa9\x14" and script[22] == 0x87:
        return _base58(network.p2sh, script[2:22])
    if not network.hrp:
        return None
    if (len(script), script[:2]) in ((22, b"\x00\x14"), (34, b"\x00\x20")):
        return _segwit(network.hrp, 0, script[2:])
    if (len(script), script[:2]) == (34, b"\x51\x20"):
        return _segwit(network.hrp, 1, script[2:])
    return None


@lru_cache(maxsize=65_536)  # a text each: the receive and change windows of a handful of wallets
def address_at(descriptor: Descriptor, network: Network, branch: int, index: int) -> str:
    """The address at one place; slow the first time, since every key is derived."""
    text = address_text(descriptor.output_script(descriptor.inner_script(branch, index)), network)
    invariant(text is not None, "every multisig script of ours has an address")
    return str(text)


def _read_cosigner(text: str, network: Network) -> Cosigner:
    match = _KEY.fullmatch(text)
    if match is None:
        raise InvalidInput(f"registered descriptor: a key is malformed: {text[:40]}")
    kind, node = decode_xpub(match[3])
    path = parse_path("m" + match[2])
    if kind is not network.keys or node.place.depth != len(path):
        raise InvalidInput(f"registered descriptor: key {match[1]} is of another network or depth")
    return Cosigner(bytes.fromhex(match[1]), path, node)


@lru_cache(maxsize=256)
def _branch(node: PublicNode, branch: int) -> PublicNode:
    return node.child(branch)


def _base58(version: int, payload: bytes) -> str:
    return str(base58.b58encode_check(bytes([version]) + payload).decode("ascii"))


def _segwit(hrp: str, version: int, program: bytes) -> str:
    bits, length = int.from_bytes(program, "big"), 8 * len(program)
    padded = -(-length // 5)
    bits <<= 5 * padded - length
    symbols = [version, *(bits >> 5 * place & 31 for place in reversed(range(padded)))]
    expanded = [*(ord(c) >> 5 for c in hrp), 0, *(ord(c) & 31 for c in hrp), *symbols]
    check = _bech32_sum([*expanded, 0, 0, 0, 0, 0, 0]) ^ (_BECH32M_CONSTANT if version else 1)
    symbols += [check >> 5 * place & 31 for place in reversed(range(6))]
    return f"{hrp}1{''.join(_BECH32[symbol] for symbol in symbols)}"


def _bech32_sum(symbols: Iterable[int]) -> int:
    generators = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
    total = 1
    for symbol in symbols:
        top = total >> 25
        total = (total & 0x1FFFFFF) << 5 ^ symbol
        for bit, generator in enumerate(generators):
            total ^= generator if top >> bit & 1 else 0
    return total


def _checksum(text: str) -> str:
    """Eight characters over a descriptor. Spec: BIP-380, section Checksum."""
    if any(c not in _CHARACTERS for c in text):
        raise InvalidInput("registered descriptor: a character is not allowed")
    places = [_CHARACTERS.index(c) for c in text]
    symbols: list[int] = []
    for start in range(0, len(places), 3):
        group = places[start : start + 3]
        symbols += [place & 31 for place in group]
        symbols.append(sum((place >> 5) * 3 ** (len(group) - 1 - i) for i, place in enumerate(group)))
    total = _descriptor_sum([*symbols, *[0] * 8]) ^ 1
    return "".join(_BECH32[total >> 5 * place & 31] for place in reversed(range(8)))


def _descriptor_sum(symbols: Iterable[int]) -> int:
    generators = (0xF5DEE51989, 0xA9FDCA3312, 0x1BAB10E32D, 0x3706B1677A, 0x644D626FFD)
    total = 1
    for symbol in symbols:
        top = total >> 35
        total = (total & 0x7FFFFFFFF) << 5 ^ symbol
        for bit, generator in enumerate(generators):
            total ^= generator if top >> bit & 1 else 0
    return total
