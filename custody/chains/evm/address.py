"""EVM addresses: 20 bytes, written with the EIP-55 checksum.

Rules:
    * Mixed case must carry the right checksum; all lower case is accepted, since many programs print
      it so; all upper case is not, since nothing prints it.
    * Addresses below 0x10000 are refused: zero and the precompiled contracts swallow what they get.

Example:
    >>> checksum(bytes.fromhex("5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"))
    '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
"""

from __future__ import annotations

import re

import coincurve

from custody.chains.evm.keccak import keccak256
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import InvalidAddress, InvalidInput

ADDRESS_BYTES = 20
RESERVED_BELOW = 0x10000
"""Precompiled contracts live in the lowest addresses (0x01 to 0x11 on Ethereum, up to 0x1000 on BSC)."""

_SHAPE = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


def checksum(raw: bytes) -> str:
    """Write 20 bytes in the canonical text form.

    Spec: EIP-55: a letter is upper case where the hash of the lower-case text has a nibble >= 8.
    """
    if len(raw) != ADDRESS_BYTES:
        raise InvalidInput(f"an EVM address has {ADDRESS_BYTES} bytes, not {len(raw)}")
    text = raw.hex()
    marks = keccak256(text.encode()).hex()
    return "0x" + "".join(c.upper() if int(mark, 16) >= 8 else c for c, mark in zip(text, marks, strict=False))


def parse_destination(text: str) -> str:
    """Check a destination and return its canonical text.

    Raises:
        InvalidAddress: Not 0x and 40 hex digits, wrong checksum, or a reserved address.
    """
    if _SHAPE.fullmatch(text) is None:
        raise InvalidAddress(f"not an EVM address (0x and 40 hex digits): {text[:60]!r}")
    raw = bytes.fromhex(text[2:])
    canonical = checksum(raw)
    if text not in (canonical, canonical.lower()):
        raise InvalidAddress(f"{text}: the checksum of the upper and lower case letters is wrong")
    if int.from_bytes(raw, "big") < RESERVED_BELOW:
        raise InvalidAddress(f"{text}: zero and precompiled addresses cannot be paid")
    return canonical


def address_bytes(text: str) -> bytes:
    """20 bytes of an address whose text was checked before."""
    return bytes.fromhex(text[2:])


def address_of(key: PublicKey) -> str:
    """Address of an account: the last 20 bytes of the hash of the uncompressed point.

    Raises:
        InvalidInput: Not a secp256k1 key, or not a point on the curve.
    """
    if key.curve is not Curve.SECP256K1:
        raise InvalidInput(f"an EVM account has a secp256k1 key, not {key.curve}")
    try:
        point = coincurve.PublicKey(key.raw).format(compressed=False)
    except ValueError as error:
        raise InvalidInput(f"{key.raw.hex()}: not a point on secp256k1") from error
    return checksum(keccak256(point[1:])[12:])
