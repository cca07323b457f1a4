"""Addresses of the family: text to output script and back.

Rules:
    * Only scripts that somebody can spend are destinations: P2PKH, P2SH, P2WPKH, P2WSH, P2TR.
      A witness version from the future is refused: today anyone could take coins sent there.
    * A well-formed address of another network is named as such, not called malformed.
    * Segwit text comes out in lower case; QR codes carry it in upper case.

Example:
    >>> from custody.chains.utxo.params import BITCOIN
    >>> script_of_address("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", BITCOIN).hex()
    '0014751e76e8199196d454941c45d1b3a323f1433bd6'

Spec: BIP-173, BIP-350, BIP-341.
"""

from __future__ import annotations

import base58
from coincurve import PublicKeyXOnly
from embit import bech32

from custody.chains.utxo.params import UtxoParams
from custody.primitives.address import MAX_ADDRESS_CHARS, Address
from custody.primitives.errors import InvalidAddress, WrongNetwork

FOREIGN_HRPS = frozenset({"bc", "tb", "bcrt", "ltc", "tltc", "rltc"})
"""Segwit prefixes in use; an address with another of them is of another network, not malformed."""

MWEB_HRPS = frozenset({"ltcmweb", "tmweb"})
"""Litecoin's confidential side chain, which this house does not enter."""

FOREIGN_VERSIONS = frozenset({0x00, 0x05, 0x6F, 0xC4, 0x30, 0x32, 0x3A, 0x1E, 0x16, 0x71})
"""Base58 versions of Bitcoin, Litecoin, Dogecoin and their test networks."""

_HASH_BYTES = 20
_OP_1 = 0x51


def parse_address(text: str, params: UtxoParams) -> Address:
    """Check a destination and return it in canonical form.

    Raises:
        InvalidAddress: Malformed, or a script that cannot be a destination.
        WrongNetwork: An address of another network.
    """
    script = script_of_address(text, params)
    return Address(params.chain.id, text.lower() if script[0] in (0, _OP_1) else text)


def script_of_address(text: str, params: UtxoParams) -> bytes:
    """Return the output script that an address stands for.

    Raises:
        InvalidAddress: Malformed, or a script that cannot be a destination.
        WrongNetwork: An address of another network.
    """
    if not (0 < len(text) <= MAX_ADDRESS_CHARS and text.isascii()):
        raise _invalid(text, params, "not an address")
    prefix, separator, _ = text.lower().rpartition("1")
    if separator and prefix in MWEB_HRPS:
        raise WrongNetwork(
            f"{params.chain.id}: {text[:16]}... is an MWEB address, which we do not pay", chain=params.chain.id
        )
    if separator and prefix in FOREIGN_HRPS:
        return _segwit_script(text, prefix, params)
    return _base58_script(text, params)


def address_of_script(script: bytes, params: UtxoParams) -> Address | None:
    """Return the address of an output script, None for a script that has none here."""
    text: str | None = None
    if len(script) == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        text = base58.b58encode_check(bytes([params.p2pkh]) + script[3:23]).decode()
    elif len(script) == 23 and script[:2] == b"\xa9\x14" and script[22] == 0x87:
        text = base58.b58encode_check(bytes([params.p2sh]) + script[2:22]).decode()
    elif params.hrp and script[:2] in (b"\x00\x14", b"\x00\x20") and len(script) == script[1] + 2:
        text = bech32.encode(params.hrp, 0, script[2:])
    elif params.hrp and script[:2] == b"\x51\x20" and len(script) == 34:
        text = bech32.encode(params.hrp, 1, script[2:])
    return Address(params.chain.id, text) if text else None


def decode_segwit(text: str, hrp: str) -> tuple[int, bytes] | None:
    """Decode a segwit address of one prefix: (witness version, program), None where it does not hold.

    Spec: BIP-350; any version from 0 to 16 decodes, if it may be paid is decided elsewhere.
    """
    try:
        version, program = bech32.decode(hrp, text)
    except IndexError:  # no characters between the separator and the checksum
        return None
    return None if version is None else (version, bytes(program))


def _segwit_script(text: str, prefix: str, params: UtxoParams) -> bytes:
    decoded = decode_segwit(text, prefix)
    if decoded is None:
        raise _invalid(text, params, "bad checksum, mixed case, or wrong length")
    if prefix != params.hrp:
        raise WrongNetwork(f"{params.chain.id}: {text[:16]}... is an address of another network", chain=params.chain.id)
    version, program = decoded
    if version == 0:
        return bytes([0, len(program)]) + program
    if version != 1 or len(program) != 32:
        raise _invalid(text, params, f"witness version {version} with {len(program)} bytes is not in use yet")
    try:
        PublicKeyXOnly(program)
    except ValueError:
        raise _invalid(text, params, "the taproot key is no point of the curve: coins would be lost") from None
    return bytes([_OP_1, len(program)]) + program


def _base58_script(text: str, params: UtxoParams) -> bytes:
    try:
        raw = base58.b58decode_check(text)
    except ValueError:
        raise _invalid(text, params, "bad checksum or bad character") from None
    if len(raw) != 1 + _HASH_BYTES:
        raise _invalid(text, params, f"decodes to {len(raw)} bytes")
    if raw[0] == params.p2pkh:
        return b"\x76\xa9\x14" + bytes(raw[1:]) + b"\x88\xac"
    if raw[0] == params.p2sh:
        return b"\xa9\x14" + bytes(raw[1:]) + b"\x87"
    if raw[0] in FOREIGN_VERSIONS:
        raise WrongNetwork(f"{params.chain.id}: {text} is an address of another network", chain=params.chain.id)
    raise _invalid(text, params, f"unknown version {raw[0]}")


def _invalid(text: str, params: UtxoParams, why: str) -> InvalidAddress:
    return InvalidAddress(f"{params.chain.id}: {text[:40]!r}: {why}", chain=params.chain.id)
