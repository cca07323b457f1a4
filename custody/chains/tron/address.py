"""Tron addresses: 0x41 and 20 bytes in base58check, always 34 characters beginning with T.

Rules:
    * One text form only: base58check. Hex forms, which node answers use, are never a destination.
    * Addresses below 2**32 are refused: zero and the precompiled contracts swallow what they get.

Example:
    >>> address_text(bytes.fromhex("a614f803b6fd780986a42c78ec9c7f77e6ded13c"))
    'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'
"""

from __future__ import annotations

import base58
import coincurve

from custody.keys.keccak import keccak256
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import InvalidAddress, InvalidInput, WrongNetwork

PREFIX = 0x41
ADDRESS_BYTES = 20
RESERVED_BELOW = 1 << 32
"""Tron's own precompiled contracts lie at 0x1000001 and above, Ethereum's below."""

_TEXT_CHARS = 34


def address_text(raw: bytes) -> str:
    """Write 20 bytes in the canonical text form."""
    if len(raw) != ADDRESS_BYTES:
        raise InvalidInput(f"a Tron address has {ADDRESS_BYTES} bytes behind its prefix, not {len(raw)}")
    return str(base58.b58encode_check(bytes([PREFIX]) + raw), "ascii")


def parse_destination(text: str) -> str:
    """Check a destination and return its canonical text.

    Raises:
        InvalidAddress: Not base58check of 21 bytes, or a reserved address.
        WrongNetwork: The version byte is of another chain.
    """
    try:
        raw = base58.b58decode_check(text) if len(text) == _TEXT_CHARS and text.isascii() else b""
    except ValueError as error:
        raise InvalidAddress(f"{text[:60]!r}: not base58, or the checksum is wrong") from error
    if len(raw) != 1 + ADDRESS_BYTES:
        raise InvalidAddress(f"not a Tron address (34 characters of base58check): {text[:60]!r}")
    if raw[0] != PREFIX:
        raise WrongNetwork(f"{text}: version byte {raw[0]:#04x} is not Tron's")
    if int.from_bytes(raw[1:], "big") < RESERVED_BELOW:
        raise InvalidAddress(f"{text}: zero and precompiled addresses cannot be paid")
    return text


def address_bytes(text: str) -> bytes:
    """20 bytes of an address whose text was checked before."""
    return bytes(base58.b58decode_check(text))[1:]


def wire_bytes(text: str) -> bytes:
    """21 bytes of an address whose text was checked before, as transactions carry it."""
    return bytes([PREFIX]) + address_bytes(text)


def node_hex(text: str) -> str:
    """The hex form that nodes ask for and answer with."""
    return wire_bytes(text).hex()


def from_node_hex(value: str) -> str:
    """Canonical text of a node's hex form, with or without the prefix byte.

    Raises:
        InvalidAddress: Neither 20 nor 21 bytes of hex.
    """
    try:
        raw = bytes.fromhex(value)
    except ValueError as error:
        raise InvalidAddress(f"not hex: {value[:60]!r}") from error
    if len(raw) == 1 + ADDRESS_BYTES and raw[0] == PREFIX:
        raw = raw[1:]
    if len(raw) != ADDRESS_BYTES:
        raise InvalidAddress(f"not a Tron address in hex: {value[:60]!r}")
    return address_text(raw)


def address_of(key: PublicKey) -> str:
    """Address of an account: the last 20 bytes of the hash of the uncompressed point.

    Raises:
        InvalidInput: Not a secp256k1 key, or not a point on the curve.
    """
    if key.curve is not Curve.SECP256K1:
        raise InvalidInput(f"a Tron account has a secp256k1 key, not {key.curve}")
    try:
        point = coincurve.PublicKey(key.raw).format(compressed=False)
    except ValueError as error:
        raise InvalidInput(f"{key.raw.hex()}: not a point on secp256k1") from error
    return address_text(keccak256(point[1:])[12:])
