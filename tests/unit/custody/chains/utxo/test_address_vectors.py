# From words to an address by BIP-84, and taproot outputs (BIP-86, BIP-341) as the destinations they may be.
import json
from pathlib import Path

import pytest

from custody.chains.utxo.address import address_of_script, script_of_address
from custody.chains.utxo.params import BITCOIN
from custody.keys.hd import PrivateNode, hash160
from custody.keys.mnemonic import to_seed
from custody.primitives.secret import Secret

VECTORS = Path(__file__).parents[4] / "vectors"
BIP84 = json.loads((VECTORS / "bip84.json").read_text())["vectors"]
BIP86 = json.loads((VECTORS / "bip86.json").read_text())["vectors"]
BIP341 = json.loads((VECTORS / "bip341_wallet.json").read_text())["scriptPubKey"]
P2WPKH, P2TR = b"\x00\x14", b"\x51\x20"


def places(vectors):
    found = [(case["label"].rpartition(" = ")[2], case) for case in vectors if "address" in case]
    assert len(found) == 3
    return found


def node_at(vectors, path):
    words = Secret(vectors[0]["mnemonic"].encode())
    return PrivateNode.from_seed(to_seed(words, Secret(b""))).derive(path)


@pytest.mark.parametrize(("path", "case"), places(BIP84))
def test_words_give_the_keys_and_addresses_of_bip_84(path, case):
    public = node_at(BIP84, path).public().public_key().raw
    script = P2WPKH + hash160(public)
    assert public.hex() == case["pubkey"]
    assert address_of_script(script, BITCOIN).text == case["address"]
    assert script_of_address(case["address"], BITCOIN) == script


@pytest.mark.parametrize(("path", "case"), places(BIP86))
def test_words_give_the_internal_keys_of_bip_86_and_its_outputs_are_destinations(path, case):
    assert node_at(BIP86, path).public().public_key().raw[1:].hex() == case["internal_key"]
    script = P2TR + bytes.fromhex(case["output_key"])
    assert address_of_script(script, BITCOIN).text == case["address"]
    assert script_of_address(case["address"], BITCOIN) == script


@pytest.mark.parametrize("case", [case["expected"] for case in BIP341], ids=lambda case: case["bip350Address"])
def test_taproot_outputs_of_bip_341_are_destinations(case):
    script = bytes.fromhex(case["scriptPubKey"])
    assert script_of_address(case["bip350Address"], BITCOIN) == script
    assert address_of_script(script, BITCOIN).text == case["bip350Address"]
