import subprocess
import sys

import base58
import pytest
from embit import bech32, script

from custody.keys import ed25519
from custody.keys.crosscheck import (
    CrossCheckFailed,
    CrossCheckUnavailable,
    SortedMultisig,
    crosscheck_evm,
    crosscheck_solana,
    crosscheck_utxo,
)
from custody.keys.hd import InvalidKey, PrivateNode
from custody.keys.material import Curve, PublicKey
from custody.keys.xkeys import KeyNetwork, encode_xpub
from custody.primitives.errors import InvalidInput
from custody.primitives.secret import Secret

# bitcoinlib's answer is compared with a script put together here from plain bytes.
NODES = [PrivateNode.from_seed(Secret(bytes([number]) * 32)).derive("m/48h/1h/0h/2h").public() for number in (1, 2, 3)]
EVM_KEY = PublicKey(
    Curve.SECP256K1, bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
)
EVM_ADDRESS = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"


def place(chain="bitcoin-regtest", **changes):
    key_network = KeyNetwork.TEST if "-" in chain else KeyNetwork.MAIN
    fields = {
        "xpubs": [encode_xpub(node, key_network) for node in NODES],
        "threshold": 2,
        "branch": 0,
        "index": 7,
        "chain": chain,
    }
    return SortedMultisig(**{**fields, **changes})


def by_embit(branch, index, hrp):
    points = sorted(node.descend((branch, index)).key for node in NODES)
    witness = script.Script(bytes([0x52]) + b"".join(b"\x21" + point for point in points) + bytes([0x53, 0xAE]))
    return bech32.encode(hrp, 0, script.p2wsh(witness).data[2:])


@pytest.mark.parametrize("changes", [{"threshold": 0}, {"threshold": 4}, {"xpubs": []}, {"chain": "bitcoin-testnet"}])
def test_refuses_what_is_no_multisig(changes):
    with pytest.raises(InvalidInput):
        place(**changes)


@pytest.mark.parametrize("changes", [{"index": 8}, {"branch": 1}, {"threshold": 1}, {"chain": "litecoin-regtest"}])
def test_another_place_is_another_address(tmp_path, changes):
    pytest.importorskip("bitcoinlib")
    with pytest.raises(CrossCheckFailed) as caught:
        crosscheck_utxo(place(**changes), by_embit(0, 7, "bcrt"), tmp_path)
    assert caught.value.facts["ours"] == by_embit(0, 7, "bcrt")


# C11
def test_a_swapped_cosigner_is_another_address(tmp_path):
    pytest.importorskip("bitcoinlib")
    xpubs = [
        encode_xpub(node, KeyNetwork.TEST)
        for node in (NODES[0], NODES[1], PrivateNode.from_seed(Secret(bytes(32))).public())
    ]
    with pytest.raises(CrossCheckFailed):
        crosscheck_utxo(place(xpubs=xpubs), by_embit(0, 7, "bcrt"), tmp_path)


@pytest.mark.parametrize("text", ["tpub", "", "not a key", "0" * 111, "tpub" + "1" * 107, place().xpubs[0][:-1] + "1"])
def test_a_broken_extended_key_is_rejected(tmp_path, text):
    pytest.importorskip("bitcoinlib")
    xpubs = [text, *place().xpubs[1:]]
    with pytest.raises(InvalidKey):
        crosscheck_utxo(place(xpubs=xpubs), by_embit(0, 7, "bcrt"), tmp_path)


@pytest.mark.parametrize(
    ("chain", "hrp"),
    [("bitcoin-regtest", "bcrt"), ("bitcoin", "bc"), ("litecoin", "ltc"), ("litecoin-regtest", "rltc")],
)
@pytest.mark.parametrize(("branch", "index"), [(0, 0), (0, 7), (1, 1_000)])
def test_bitcoinlib_agrees(tmp_path, chain, hrp, branch, index):
    pytest.importorskip("bitcoinlib")
    crosscheck_utxo(place(chain, branch=branch, index=index), by_embit(branch, index, hrp), tmp_path)


@pytest.mark.parametrize(("chain", "version"), [("dogecoin", 0x16), ("dogecoin-regtest", 0xC4)])
@pytest.mark.parametrize(("branch", "index"), [(0, 0), (1, 1_000)])
def test_bitcoinlib_agrees_before_segwit(tmp_path, chain, version, branch, index):
    pytest.importorskip("bitcoinlib")
    points = sorted(node.descend((branch, index)).key for node in NODES)
    redeem = script.Script(bytes([0x52]) + b"".join(b"\x21" + point for point in points) + bytes([0x53, 0xAE]))
    expected = base58.b58encode_check(bytes([version]) + script.p2sh(redeem).data[2:22]).decode()
    crosscheck_utxo(place(chain, branch=branch, index=index), expected, tmp_path)


@pytest.mark.parametrize("expected", [EVM_ADDRESS.lower(), EVM_ADDRESS[:-1] + "e", "", EVM_ADDRESS.replace("7E", "7e")])
def test_evm_addresses_must_be_equal_to_the_letter_case(expected):
    with pytest.raises(CrossCheckFailed):
        crosscheck_evm(EVM_KEY, expected)


def test_evm_agrees():
    crosscheck_evm(EVM_KEY, EVM_ADDRESS)


def test_keys_of_the_wrong_curve_are_refused():
    with pytest.raises(InvalidInput):
        crosscheck_solana(EVM_KEY, "")
    with pytest.raises(InvalidInput):
        crosscheck_evm(ed25519.public_key(Secret(bytes(32))), EVM_ADDRESS)


def test_solana_refuses_another_text_and_points_off_the_curve():
    with pytest.raises(CrossCheckFailed):
        crosscheck_solana(ed25519.public_key(Secret(bytes(32))), "11111111111111111111111111111111")
    with pytest.raises(CrossCheckFailed, match="curve"):
        crosscheck_solana(PublicKey(Curve.ED25519, b"\x02" + bytes(31)), "8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR")


def test_solana_agrees():
    key = ed25519.public_key(Secret(bytes(32)))
    crosscheck_solana(key, base58.b58encode(key.raw).decode())


def test_an_absent_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "solders.pubkey", None)
    with pytest.raises(CrossCheckUnavailable) as caught:
        crosscheck_solana(ed25519.public_key(Secret(bytes(32))), "")
    assert "crosscheck" in caught.value.hint()


def test_importing_the_module_loads_no_second_library():
    code = "import sys, custody.keys.crosscheck; sys.exit(any(name.split('.')[0] in ('bitcoinlib', 'solders', 'eth_keys') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
