import hashlib
from dataclasses import replace

import base58
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from custody.chains.evm.address import address_of
from custody.chains.utxo.address import address_of_script
from custody.chains.utxo.params import BITCOIN, LITECOIN
from custody.keys import ecdsa, ed25519
from custody.keys.hd import CURVE_ORDER
from custody.primitives.errors import BadSignature, InvalidInput
from custody.primitives.secret import Secret
from custody.reserves.evidence import (
    COSIGNER_ECDSA,
    ED25519_MEMBERS,
    EIP191_OWNERS,
    controlled_places,
    cosigner_digest,
    eip191_digest,
    verify_ownership,
)
from custody.reserves.ownership import AttestedQuorum, OwnershipClaim, OwnershipEvidence, OwnershipNotShown, claim_for
from custody.reserves.statement import ChainPoint, Header, HeaderAsset, LedgerPoint

EVM, SOLANA = "eip155:1", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
HEADER = Header(
    "example.com",
    12,
    "2026-01-31T00:00:00Z",
    LedgerPoint(1, "aa" * 32),
    (HeaderAsset("x", 8),),
    tuple(ChainPoint(chain, 100, "00") for chain in (BITCOIN.chain.caip2, EVM, SOLANA)),
)
NONCE = b"\x05" * 32
NOW_S = 1_769_900_000  # half a day after the cut-off
KEYS = [Secret(bytes([n]) * 32) for n in (1, 2, 3)]
STRANGER = Secret(b"\x09" * 32)
POINTS = sorted(ecdsa.public_key(key).raw for key in KEYS)
SCRIPT = b"\x52" + b"".join(b"\x21" + point for point in POINTS) + b"\x53\xae"
P2WSH = address_of_script(b"\x00\x20" + hashlib.sha256(SCRIPT).digest(), BITCOIN).text
SAFE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
OWNERS = tuple(address_of(ecdsa.public_key(key)) for key in KEYS)
MULTISIG = base58.b58encode(b"\x21" * 32).decode()
MEMBERS = tuple(base58.b58encode(ed25519.public_key(key).raw).decode() for key in KEYS)
SAFE_QUORUM = AttestedQuorum(EVM, SAFE, OWNERS, 2, 100)
SPL_QUORUM = AttestedQuorum(SOLANA, MULTISIG, MEMBERS, 2, 100)


def bitcoin(keys=KEYS[:2], header=HEADER, nonce=NONCE, script=SCRIPT, address=P2WSH):
    claim = claim_for(header, BITCOIN.chain.caip2, address, nonce)
    signatures = [(ecdsa.public_key(key).raw.hex(), ecdsa.sign_der(key, cosigner_digest(claim)).hex()) for key in keys]
    return OwnershipEvidence(claim.chain, address, COSIGNER_ECDSA, tuple(signatures), script.hex())


def safe(keys=KEYS[:2], header=HEADER, nonce=NONCE):
    claim = claim_for(header, EVM, SAFE, nonce)
    signatures = [("", ecdsa.sign_recoverable(key, eip191_digest(claim)).hex()) for key in keys]
    return OwnershipEvidence(EVM, SAFE, EIP191_OWNERS, tuple(signatures))


def spl(keys=KEYS[:2], header=HEADER, nonce=NONCE):
    text = claim_for(header, SOLANA, MULTISIG, nonce).text().encode()
    signatures = [(ed25519.public_key(key).raw.hex(), ed25519.sign(key, text).hex()) for key in keys]
    return OwnershipEvidence(SOLANA, MULTISIG, ED25519_MEMBERS, tuple(signatures))


CASES = [(bitcoin, None), (safe, SAFE_QUORUM), (spl, SPL_QUORUM)]
METHODS = pytest.mark.parametrize(("make", "quorum"), CASES, ids=["cosigner", "owners", "members"])


def check(evidence, quorum, now_s=NOW_S):
    verify_ownership(evidence, HEADER, NONCE, quorum, now_s)


def refuse(evidence, quorum, now_s=NOW_S):
    with pytest.raises((OwnershipNotShown, BadSignature, InvalidInput)):
        check(evidence, quorum, now_s)


# R38, R39: texts of another exchange, statement, auditor, time -------------------------------


@METHODS
def test_r38_text_of_another_exchange(make, quorum):
    refuse(make(header=replace(HEADER, exchange="example.org")), quorum)


@METHODS
def test_r39_text_of_an_earlier_statement(make, quorum):
    refuse(make(header=replace(HEADER, seq=11)), quorum)


@METHODS
def test_r39_text_without_the_auditors_nonce(make, quorum):
    refuse(make(nonce=b"\x06" * 32), quorum)


@METHODS
def test_r39_expired_text(make, quorum):
    refuse(make(), quorum, now_s=NOW_S + 14 * 86_400)


@METHODS
def test_text_of_another_block_or_ledger_point(make, quorum):
    refuse(make(header=replace(HEADER, ledger=LedgerPoint(2, "aa" * 32))), quorum)


# Quorums -------------------------------------------------------------------------------------


@METHODS
@pytest.mark.parametrize("keys", [[], KEYS[:1], [KEYS[0], KEYS[0]], [KEYS[0], STRANGER], [*KEYS[:2], STRANGER]])
def test_refuses_what_is_no_quorum(make, quorum, keys):
    refuse(make(keys=keys), quorum)


@METHODS
def test_refuses_more_signatures_than_any_multisig_has(make, quorum):
    refuse(make(keys=KEYS * 7), quorum)


@pytest.mark.parametrize(("make", "quorum"), CASES[1:], ids=["owners", "members"])
def test_refuses_quorum_nobody_read_or_read_elsewhere(make, quorum):
    elsewhere = (
        None,
        replace(quorum, address="x"),
        replace(quorum, chain="x"),
        replace(quorum, at_height=99),
        replace(quorum, threshold=0),
        replace(quorum, threshold=4),
        replace(quorum, keys=quorum.keys[:1] * 3),
    )
    for wrong in elsewhere:
        refuse(make(), wrong)


def test_refuses_unknown_method():
    refuse(replace(safe(), method="trust-me"), SAFE_QUORUM)


def test_refuses_chain_the_header_does_not_name():
    with pytest.raises(InvalidInput):
        check(replace(safe(), chain="eip155:10"), SAFE_QUORUM)


# Scripts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        b"",
        b"\xae",
        SCRIPT[:-1],
        SCRIPT + b"\xae",
        b"\x51" + SCRIPT[1:],
        b"\x50" + SCRIPT[1:],
        b"\x54" + SCRIPT[1:],
        SCRIPT[:-2] + b"\x52\xae",
        SCRIPT[:1] + SCRIPT[35:],
        b"\x51" + b"\x21" + POINTS[0] + b"\x51\xae",
        bytes([0x75]) + SCRIPT,
    ],
)
def test_refuses_script_that_is_not_the_addresss(script):
    refuse(bitcoin(script=script), None)


def test_refuses_script_of_another_address():
    other = b"\x51" + SCRIPT[1:]
    address = address_of_script(b"\x00\x20" + hashlib.sha256(other).digest(), BITCOIN).text
    refuse(bitcoin(script=SCRIPT, address=address), None)


def test_refuses_address_of_another_network():
    ltc = address_of_script(b"\x00\x20" + hashlib.sha256(SCRIPT).digest(), LITECOIN).text
    refuse(bitcoin(address=ltc), None)


# Signatures ----------------------------------------------------------------------------------


def with_first(evidence, value):
    (key, _), *rest = evidence.signatures
    return replace(evidence, signatures=((key, value), *rest))


@METHODS
@pytest.mark.parametrize("value", ["", "zz", "00" * 64, "00" * 65, "30" * 71])
def test_refuses_malformed_signature(make, quorum, value):
    refuse(with_first(make(), value), quorum)


def test_refuses_owner_signature_with_high_s_or_other_v():
    raw = bytes.fromhex(safe().signatures[0][1])
    high = (CURVE_ORDER - int.from_bytes(raw[32:64], "big")).to_bytes(32, "big")
    for bent in (raw[:32] + high + bytes([55 - raw[64]]), raw[:64] + bytes([raw[64] - 27]), raw[:64] + b"\x1f"):
        refuse(with_first(safe(), bent.hex()), SAFE_QUORUM)


@pytest.mark.parametrize("part", ["", "two words", "line\nbreak", "\u00e9"])
def test_refuses_claim_with_a_part_that_could_pass_for_two(part):
    with pytest.raises(InvalidInput):
        OwnershipClaim("example.com", 1, "aa" * 32, EVM, part, "00" * 32, "2026-02-14T00:00:00Z")


@pytest.mark.parametrize("nonce", [b"", bytes(31)])
def test_refuses_short_nonce(nonce):
    with pytest.raises(InvalidInput):
        claim_for(HEADER, EVM, SAFE, nonce)


# What is accepted ----------------------------------------------------------------------------


def test_text_is_eight_lines_without_a_newline_at_the_end():
    assert claim_for(HEADER, EVM, SAFE, NONCE).text().split("\n") == [
        "PORv1-ownership",
        "example.com",
        "12",
        HEADER.ctx().hex(),
        EVM,
        SAFE,
        "05" * 32,
        "2026-02-14T00:00:00Z",
    ]


def test_owner_may_sign_with_an_ordinary_wallet():
    text = claim_for(HEADER, EVM, SAFE, NONCE).text()
    signatures = tuple(
        ("", Account.sign_message(encode_defunct(text=text), key.reveal()).signature.hex().removeprefix("0x"))
        for key in KEYS[:2]
    )
    check(OwnershipEvidence(EVM, SAFE, EIP191_OWNERS, signatures), SAFE_QUORUM)


@METHODS
@pytest.mark.parametrize("keys", [KEYS[:2], KEYS[1:], KEYS, KEYS[1::-1]])
def test_any_quorum_is_accepted_in_any_order(make, quorum, keys):
    check(make(keys=keys), quorum)


def test_controlled_places_are_those_of_the_evidence_and_one_bad_piece_stops_all():
    pieces = [bitcoin(), safe(), spl()]
    quorums = [SAFE_QUORUM, SPL_QUORUM]
    assert controlled_places(pieces, HEADER, NONCE, quorums, NOW_S) == {
        (BITCOIN.chain.caip2, P2WSH),
        (EVM, SAFE),
        (SOLANA, MULTISIG),
    }
    with pytest.raises(OwnershipNotShown):
        controlled_places([*pieces[:2], spl(keys=KEYS[:1])], HEADER, NONCE, quorums, NOW_S)


def test_published_line_carries_the_script_only_where_there_is_one():
    assert set(bitcoin().json()) == {"chain", "address", "method", "signatures", "script"}
    assert set(safe().json()) == {"chain", "address", "method", "signatures"}
