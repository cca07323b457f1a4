"""Classic addresses: 20 bytes of account id in base58 with the ledger's own alphabet and checksum.

Rules:
    * Only the canonical text of an address is one.
    * An X-address holds an address and a tag; it is refused with both parts named, so that the tag is stored where
      people and signers look at it.

Example:
    >>> account_text(bytes(20))
    'rrrrrrrrrrrrrrrrrrrrrhoLvTp'
"""

from __future__ import annotations

import base58

from custody.keys.hd import hash160
from custody.keys.material import Curve, PublicKey
from custody.primitives.address import Address
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidAddress, InvalidInput

_ALPHABET = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_ACCOUNT_VERSION = b"\x00"
_ACCOUNT_BYTES = 20
_X_MAIN, _X_TEST = b"\x05\x44", b"\x04\x93"
_X_BYTES = 31
_MAX_CHARS = 60

NOT_PLACES = frozenset({"rrrrrrrrrrrrrrrrrrrrrhoLvTp", "rrrrrrrrrrrrrrrrrrrrBZbvji", "rrrrrrrrrrrrrrrrrrrn5RM1rHd"})
"""ACCOUNT_ZERO, ACCOUNT_ONE and the NaN address: well-formed, nobody holds their keys."""


def account_text(account: bytes) -> str:
    """Write an account id, 20 bytes, as an address."""
    return str(base58.b58encode_check(_ACCOUNT_VERSION + account, alphabet=_ALPHABET), "ascii")


def account_id(text: str) -> bytes:
    """Read the 20 bytes of an address.

    Raises:
        InvalidAddress: Not a classic address; an X-address is named as such.
    """
    try:
        raw = base58.b58decode_check(text, alphabet=_ALPHABET) if len(text) <= _MAX_CHARS else b""
    except ValueError as error:
        raise InvalidAddress(f"not an XRP Ledger address: {text[:60]!r}", address=text[:60]) from error
    if len(raw) == _X_BYTES and raw[:2] in (_X_MAIN, _X_TEST):
        raise InvalidAddress(_x_address_message(text, raw), address=text)
    if len(raw) != 1 + _ACCOUNT_BYTES or raw[:1] != _ACCOUNT_VERSION or account_text(raw[1:]) != text:
        raise InvalidAddress(f"not an XRP Ledger address: {text[:60]!r}", address=text[:60])
    return raw[1:]


def account_of(key: PublicKey) -> bytes:
    """Account id of a secp256k1 public key: RIPEMD160(SHA256(key)).

    Raises:
        InvalidInput: A key of another curve.
    """
    if key.curve is not Curve.SECP256K1:
        raise InvalidInput(f"an XRP Ledger wallet takes secp256k1 keys, not {key.curve}")
    return hash160(key.raw)


def address_of(key: PublicKey) -> str:
    """Address of the account that a secp256k1 key is master of."""
    return account_text(account_of(key))


def parse_place(chain: ChainId, text: str) -> Address:
    """Check a destination.

    Raises:
        InvalidAddress: Not a classic address, or one that nobody holds the key of.
    """
    account_id(text)
    if text in NOT_PLACES:
        raise InvalidAddress(f"{text} is a special address: what is sent there is lost", address=text)
    return Address(chain, text)


def _x_address_message(text: str, raw: bytes) -> str:
    network = "main net" if raw[:2] == _X_MAIN else "a test net"
    tag = f"tag {int.from_bytes(raw[23:27], 'little')}" if raw[22] == 1 else "no tag"
    return f"{text} is an X-address of {network}: enter the address {account_text(raw[2:22])} with {tag} instead"
