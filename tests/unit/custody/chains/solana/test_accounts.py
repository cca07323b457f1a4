import pytest
from simulators.solana import Key

from custody.chains.solana.accounts import (
    Multisig,
    NonceAccount,
    RawAccount,
    parse_multisig,
    parse_nonce_account,
    parse_token_account,
)
from custody.chains.solana.params import SYSTEM_PROGRAM, TOKEN_PROGRAM

MINT, OWNER = Key("mint"), Key("owner")


def token_content(**changes):
    raw = bytearray(165)
    raw[0:32], raw[32:64], raw[64:72], raw[108] = MINT.public.raw, OWNER.public.raw, (7).to_bytes(8, "little"), 1
    for place, value in changes.items():
        raw[int(place[1:])] = value
    return bytes(raw)


def multisig_content(threshold=2, count=3, initialized=1):
    return bytes([threshold, count, initialized]) + MINT.public.raw + OWNER.public.raw + bytes(355 - 67)


@pytest.mark.parametrize(
    "account",
    [
        None,
        RawAccount(1, SYSTEM_PROGRAM, token_content()),
        RawAccount(1, TOKEN_PROGRAM, token_content()[:-1]),
        RawAccount(1, TOKEN_PROGRAM, token_content() + b"\0"),
        RawAccount(1, TOKEN_PROGRAM, bytes(165)),
        RawAccount(1, TOKEN_PROGRAM, b""),
    ],
)
def test_refuses_what_is_no_open_token_account(account):
    assert parse_token_account(account) is None


@pytest.mark.parametrize(
    "account",
    [
        None,
        RawAccount(1, SYSTEM_PROGRAM, multisig_content()),
        RawAccount(1, TOKEN_PROGRAM, multisig_content()[:-1]),
        RawAccount(1, TOKEN_PROGRAM, multisig_content(initialized=0)),
        RawAccount(1, TOKEN_PROGRAM, multisig_content(threshold=4)),
        RawAccount(1, TOKEN_PROGRAM, multisig_content(threshold=0)),
        RawAccount(1, TOKEN_PROGRAM, multisig_content(count=12)),
    ],
)
def test_refuses_what_is_no_open_multisig(account):
    assert parse_multisig(account) is None


@pytest.mark.parametrize("state", [0, 2, 256])
def test_refuses_nonce_that_is_not_open(state):
    content = (1).to_bytes(4, "little") + state.to_bytes(4, "little") + bytes(72)
    assert parse_nonce_account(RawAccount(1, SYSTEM_PROGRAM, content)) is None
    assert parse_nonce_account(RawAccount(1, TOKEN_PROGRAM, content)) is None


@pytest.mark.parametrize("change", [{"_72": 1}, {"_129": 1}, {"_108": 2}])
def test_delegate_close_authority_and_freeze_encumber(change):
    assert parse_token_account(RawAccount(1, TOKEN_PROGRAM, token_content(**change))).encumbered


def test_reads_the_three_layouts():
    token = parse_token_account(RawAccount(1, TOKEN_PROGRAM, token_content()))
    assert (token.mint, token.owner, token.units, token.encumbered) == (MINT.text, OWNER.text, 7, False)
    multisig = parse_multisig(RawAccount(1, TOKEN_PROGRAM, multisig_content(count=2)))
    assert multisig == Multisig(2, (MINT.text, OWNER.text))
    content = (1).to_bytes(4, "little") * 2 + MINT.public.raw + OWNER.public.raw + bytes(8)
    assert parse_nonce_account(RawAccount(1, SYSTEM_PROGRAM, content)) == NonceAccount(MINT.text, OWNER.text)
