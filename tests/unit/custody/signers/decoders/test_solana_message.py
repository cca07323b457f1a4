import hashlib

import base58
import pytest
from simulators.solana import Key
from solders.pubkey import Pubkey

from custody.chains.solana.derivation import associated_token_account, with_seed
from custody.chains.solana.params import TOKEN_PROGRAM
from custody.primitives.errors import MalformedPayload
from custody.signers.decoders.solana_message import (
    _Cursor,
    _is_on_curve,
    parse_message,
    program_address,
    with_seed_address,
)

ASSOCIATED = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"


@pytest.mark.parametrize("raw", ["", "80", "8080", "8000", "808000", "ff8000", "ffff04", "808080", "ffffff01"])
def test_refuses_length_that_is_cut_wasteful_or_above_16_bits(raw):
    with pytest.raises(MalformedPayload):
        _Cursor(bytes.fromhex(raw)).compact()


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("00", 0),
        ("7f", 0x7F),
        ("8001", 0x80),
        ("ff01", 0xFF),
        ("8002", 0x100),
        ("ff7f", 0x3FFF),
        ("808001", 0x4000),
        ("ffff03", 0xFFFF),
    ],
)
def test_reads_compact_u16(raw, value):
    cursor = _Cursor(bytes.fromhex(raw))
    assert cursor.compact() == value
    assert cursor.at_end()


@pytest.mark.parametrize(
    ("header", "keys"),
    [((1, 1, 0), 2), ((0, 0, 0), 2), ((2, 0, 1), 2), ((3, 0, 0), 2), ((1, 0, 0), 0), ((1, 2, 0), 2)],
)
def test_refuses_header_that_does_not_fit_the_keys(header, keys):
    accounts = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(keys))
    with pytest.raises(MalformedPayload, match="do not fit"):
        parse_message(bytes([0x80, *header, keys]) + accounts + bytes(32) + b"\0\0")


def test_refuses_key_twice_key_unused_and_index_outside():
    key, other = bytes([1] * 32), bytes([2] * 32)
    head = bytes([0x80, 1, 0, 0, 2])
    with pytest.raises(MalformedPayload, match="do not fit"):
        parse_message(head + key + key + bytes(32) + b"\0\0")
    with pytest.raises(MalformedPayload, match="no instruction uses"):
        parse_message(head + key + other + bytes(32) + b"\0\0")
    for step in (b"\x02\0\0", b"\x01\x01\x02\0"):
        with pytest.raises(MalformedPayload, match="outside"):
            parse_message(head + key + other + bytes(32) + b"\x01" + step + b"\0")
    assert parse_message(head + key + other + bytes(32) + b"\x01\x01\0\0" + b"\0").signers == (
        base58.b58encode(key).decode(),
    )


def test_curve_check_agrees_with_the_library():
    for number in range(500):
        point = hashlib.sha256(number.to_bytes(4, "big")).digest()
        assert _is_on_curve(point) == Pubkey.from_bytes(point).is_on_curve()


def test_program_addresses_agree_with_the_library():
    mint = Key("mint").text
    for number in range(200):
        owner = Key(f"owner {number}").text
        assert program_address((owner, TOKEN_PROGRAM, mint), ASSOCIATED) == associated_token_account(owner, mint)
        assert with_seed_address(owner, b"seed", mint) == with_seed(owner, "seed", mint)
