import json
from dataclasses import replace
from pathlib import Path

import pytest
from embit.descriptor.checksum import add_checksum
from simulators.bitcoin import make_members, make_wallet

from custody.chains.utxo.address import address_of_script
from custody.chains.utxo.params import BITCOIN_REGTEST, ROWS, ScriptType
from custody.primitives.errors import InvalidInput
from custody.signers.decoders.utxo_script import NETWORKS, address_text, read_descriptor

VECTORS = json.loads((Path(__file__).parents[4] / "vectors" / "bip350_segwit_addresses.json").read_text())
REGTEST = NETWORKS["bitcoin-regtest"]
WALLET, _ = make_wallet("decoder", 2, 3)
LEGACY = replace(WALLET, params=replace(BITCOIN_REGTEST, script=ScriptType.SH))
KEYS = [f"{member.origin.text()}/<0;1>/*" for member in make_members("decoder", 3)]


def descriptor(text):
    return add_checksum(text)


def sorted_multi(threshold, keys, form="wsh(sortedmulti({},{}))"):
    return descriptor(form.format(threshold, ",".join(keys)))


# Refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        WALLET.descriptor.partition("#")[0],
        WALLET.descriptor[:-1] + ("q" if WALLET.descriptor[-1] != "q" else "p"),
        WALLET.descriptor.replace("sortedmulti(2", "sortedmulti(3"),
        sorted_multi(1, KEYS),
        sorted_multi(3, KEYS),
        sorted_multi(2, KEYS[:2]),
        sorted_multi(2, [KEYS[0], KEYS[0], KEYS[1]]),
        sorted_multi(2, KEYS, "wsh(multi({},{}))"),
        sorted_multi(2, KEYS, "sh(wsh(sortedmulti({},{})))"),
        sorted_multi(2, KEYS, "wsh(or_i(sortedmulti({},{}),1))"),
        sorted_multi(2, [key.replace("<0;1>", "0") for key in KEYS]),
        sorted_multi(2, [key.replace("<0;1>", "<1;0>") for key in KEYS]),
        sorted_multi(2, [key.replace("/2h]", "]") for key in KEYS]),
    ],
)
def test_refuses_a_descriptor_of_another_form_or_quorum(text):
    with pytest.raises(InvalidInput):
        read_descriptor(text, REGTEST)


def test_refuses_keys_of_another_network():
    with pytest.raises(InvalidInput):
        read_descriptor(WALLET.descriptor, NETWORKS["bitcoin"])


@pytest.mark.parametrize(
    "script", ["", "6a04deadbeef", "5210" + "00" * 16, "0014" + "00" * 21, "5120" + "00" * 31, "51024e73"]
)
def test_a_script_without_a_known_form_has_no_name(script):
    assert address_text(bytes.fromhex(script), REGTEST) is None


# Success: two implementations agree --------------------------------------------------------


@pytest.mark.parametrize("wallet", [WALLET, LEGACY], ids=["wsh", "sh"])
def test_scripts_are_those_of_the_wallet(wallet):
    read = read_descriptor(wallet.descriptor, REGTEST)
    assert read.threshold == wallet.threshold
    for place in [(0, 0), (0, 49), (1, 0), (1, 17)]:
        assert read.inner_script(*place) == wallet.multisig_script(*place)
        assert read.output_script(read.inner_script(*place)) == wallet.script_pubkey(*place)


def test_every_row_of_the_builder_has_a_network_here():
    for params in ROWS:
        mine = NETWORKS[params.chain.id]
        assert (mine.symbol, mine.hrp, mine.p2pkh, mine.p2sh, mine.keys) == (
            params.asset.symbol, params.hrp, params.p2pkh, params.p2sh, params.key_network
        )  # fmt: skip
    assert len(NETWORKS) == len(ROWS)


@pytest.mark.parametrize("params", ROWS, ids=lambda params: params.chain.id)
@pytest.mark.parametrize(
    "script",
    [
        "76a914" + "11" * 20 + "88ac",
        "a914" + "22" * 20 + "87",
        "0014" + "33" * 20,
        "0020" + "44" * 32,
        "5120" + "55" * 32,
    ],
)
def test_names_are_those_of_the_builder(params, script):
    raw = bytes.fromhex(script)
    theirs = address_of_script(raw, params)
    assert address_text(raw, NETWORKS[params.chain.id]) == (theirs.text if theirs is not None else None)
    assert (theirs is None) == (not params.hrp and script[:2] in {"00", "51"})


def test_refuses_witness_scripts_where_they_mean_nothing():
    # On Dogecoin anybody could spend what stands on such a script.
    with pytest.raises(InvalidInput, match="witness"):
        read_descriptor(WALLET.descriptor, NETWORKS["dogecoin-regtest"])
    assert not read_descriptor(LEGACY.descriptor, NETWORKS["dogecoin-regtest"]).is_segwit


@pytest.mark.parametrize(
    "case", [c for c in VECTORS["valid"] if c["address"].lower().startswith("bc1")], ids=lambda c: c["address"]
)
def test_names_of_bip350_vectors(case):
    name = address_text(bytes.fromhex(case["script_pubkey"]), NETWORKS["bitcoin"])
    assert name in {case["address"].lower(), None}
    assert (name is None) == (case["script_pubkey"][:4] not in {"0014", "0020", "5120"})
