import json
from pathlib import Path

import pytest

from custody.chains.utxo.address import address_of_script, decode_segwit, parse_address, script_of_address
from custody.chains.utxo.params import BITCOIN, BITCOIN_REGTEST, DOGECOIN, DOGECOIN_REGTEST, LITECOIN, ROWS
from custody.primitives.errors import InvalidAddress, WrongNetwork

VECTORS = json.loads((Path(__file__).parents[4] / "vectors" / "bip350_segwit_addresses.json").read_text())


def hrp_of(text):
    return text.lower().rpartition("1")[0]


# BIP-350 ---------------------------------------------------------------------------------


@pytest.mark.parametrize("case", VECTORS["invalid"], ids=lambda case: case["reason"])
def test_refuses_invalid_vector(case):
    with pytest.raises(InvalidAddress):
        parse_address(case["address"], BITCOIN)


@pytest.mark.parametrize(
    "case", [c for c in VECTORS["invalid"] if "human-readable" not in c["reason"]], ids=lambda c: c["reason"]
)
def test_invalid_vector_does_not_decode_under_its_own_prefix(case):
    assert decode_segwit(case["address"], hrp_of(case["address"])) is None


@pytest.mark.parametrize("case", VECTORS["valid"], ids=lambda case: case["address"])
def test_decodes_valid_vector(case):
    version, program = decode_segwit(case["address"], hrp_of(case["address"]))
    opcode = version + 0x50 if version else 0
    assert bytes([opcode, len(program)]) + program == bytes.fromhex(case["script_pubkey"])


@pytest.mark.parametrize(
    "case", [c for c in VECTORS["valid"] if c["address"].lower().startswith("bc1")], ids=lambda c: c["address"]
)
def test_only_scripts_that_somebody_can_spend_are_destinations(case):
    script = bytes.fromhex(case["script_pubkey"])
    if (len(script), script[0]) in {(22, 0), (34, 0), (34, 0x51)}:
        assert script_of_address(case["address"], BITCOIN) == script
    else:
        with pytest.raises(InvalidAddress, match="not in use"):
            parse_address(case["address"], BITCOIN)


# Refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "bc1",
        "1",
        "é" * 30,
        "x" * 129,
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
        "bc1pfeessrawgf",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3",
        "11111111111111111111111111",
        "bc1gmk9yu",
        "1" * 90,
    ],
)
def test_refuses_malformed_text(text):
    with pytest.raises(InvalidAddress):
        parse_address(text, BITCOIN)


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7", BITCOIN),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", BITCOIN_REGTEST),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", LITECOIN),
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", BITCOIN_REGTEST),
        ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", LITECOIN),
        ("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", BITCOIN),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", DOGECOIN),
        ("DBXu2kgc3xtvCUWFcxFE3r9hEYgmuaaCyD", BITCOIN),
        ("DBXu2kgc3xtvCUWFcxFE3r9hEYgmuaaCyD", DOGECOIN_REGTEST),
        ("MGxNPPB7eBoWPUaprtX9v9CXJZoD2465zN", BITCOIN),
        ("ltcmweb1qqtaqjch5hs3lf53xnps3yucjy2jwch4a0rgxkzna52yhh097a7gjwq76z4n3c86sud7rpxjezxny", LITECOIN),
        ("tmweb1qqtaqjch5hs3lf53xnps3yucjy2jwch4a0rgxkzna52yhh097a7gjwq76z4n3c86sud7rpxjezxnyw2gh", LITECOIN),
    ],
)
def test_names_the_wrong_network(text, params):
    with pytest.raises(WrongNetwork):
        parse_address(text, params)


def test_refuses_a_taproot_key_that_is_no_point():
    # x = 5 is on no point of secp256k1: coins sent there are lost.
    text = address_of_script(b"\x51\x20" + (5).to_bytes(32, "big"), BITCOIN).text
    with pytest.raises(InvalidAddress, match="no point"):
        parse_address(text, BITCOIN)


@pytest.mark.parametrize(
    "script", ["6a04deadbeef", "", "51", "5120" + "00" * 31, "0014" + "00" * 21, "5210" + "00" * 16]
)
def test_a_script_without_address_has_none(script):
    assert address_of_script(bytes.fromhex(script), BITCOIN) is None


# Success ---------------------------------------------------------------------------------


def test_upper_case_of_a_qr_code_comes_out_in_lower_case():
    assert parse_address("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", BITCOIN).text == (
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    )


@pytest.mark.parametrize("params", ROWS, ids=lambda p: p.chain.id)
@pytest.mark.parametrize(
    "script",
    [
        "76a914" + "11" * 20 + "88ac",
        "a914" + "22" * 20 + "87",
        "0014" + "33" * 20,
        "0020" + "44" * 32,
        "5120" + "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    ],
)
def test_every_known_script_survives_the_round_trip_on_every_network(params, script):
    if not params.hrp and script[:2] in {"00", "51"}:
        assert address_of_script(bytes.fromhex(script), params) is None
        return
    address = address_of_script(bytes.fromhex(script), params)
    assert script_of_address(address.text, params).hex() == script
    assert parse_address(address.text, params) == address


@pytest.mark.parametrize(
    ("text", "params"),
    [("DBXu2kgc3xtvCUWFcxFE3r9hEYgmuaaCyD", DOGECOIN), ("MGxNPPB7eBoWPUaprtX9v9CXJZoD2465zN", LITECOIN)],
)
def test_addresses_of_the_other_two_main_networks_are_read(text, params):
    assert parse_address(text, params).text == text
