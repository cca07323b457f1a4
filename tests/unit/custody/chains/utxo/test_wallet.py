import itertools
from dataclasses import replace

import pytest
from embit.descriptor import Descriptor
from simulators.bitcoin import make_members, make_wallet

from custody.chains.utxo.params import BITCOIN, BITCOIN_REGTEST, DOGECOIN_REGTEST, LITECOIN_REGTEST, ScriptType
from custody.chains.utxo.wallet import KeyOrigin, UtxoWallet, WalletRefused
from custody.keys.hd import InvalidKey
from custody.primitives.errors import InvalidInput

ORIGINS = tuple(member.origin for member in make_members("wallet", 5))


def wallet_of(threshold, origins, params=BITCOIN_REGTEST, window=50):
    return UtxoWallet("w", params, threshold, tuple(origins), window)


# Refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(("threshold", "n"), [(1, 1), (1, 2), (2, 2), (3, 3), (1, 3), (0, 3), (4, 3), (-1, 3), (2, 1)])
def test_refuses_an_unsafe_quorum(threshold, n):
    with pytest.raises(WalletRefused):
        wallet_of(threshold, ORIGINS[:n])


def test_refuses_more_cosigners_than_a_script_holds():
    with pytest.raises(WalletRefused):
        wallet_of(2, (member.origin for member in make_members("many", 16)))


def test_refuses_the_same_key_twice():
    # C11: one person with two seats, here under two names of the same key.
    twin = KeyOrigin(bytes(4), ORIGINS[0].path, ORIGINS[0].xpub)
    with pytest.raises(WalletRefused, match="same key"):
        wallet_of(2, (ORIGINS[0], ORIGINS[1], twin))


def test_refuses_two_keys_of_one_device():
    twin = KeyOrigin(ORIGINS[0].fingerprint, ORIGINS[2].path, ORIGINS[2].xpub)
    with pytest.raises(WalletRefused, match="one device"):
        wallet_of(2, (ORIGINS[0], ORIGINS[1], twin))


def test_refuses_witness_scripts_where_the_chain_has_none():
    wallet, _ = make_wallet("doge", 2, 3, DOGECOIN_REGTEST)
    with pytest.raises(WalletRefused, match="witness"):
        replace(wallet, params=replace(DOGECOIN_REGTEST, script=ScriptType.WSH))


def test_refuses_keys_of_another_network():
    with pytest.raises(InvalidKey):
        wallet_of(2, ORIGINS[:3], BITCOIN)


@pytest.mark.parametrize("window", [0, -1, 100_001])
def test_refuses_a_window_out_of_bounds(window):
    with pytest.raises(InvalidInput):
        wallet_of(2, ORIGINS[:3], window=window)


@pytest.mark.parametrize("place", [(0, -1), (0, 50), (2, 0), (-1, 0), (1, 10**6)])
def test_refuses_a_place_outside_the_window(place):
    with pytest.raises(InvalidInput):
        wallet_of(2, ORIGINS[:3]).address(*place)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ORIGINS[0].xpub,
        "[f00d/48h]" + ORIGINS[0].xpub,
        ORIGINS[0].text() + "/0",
        ORIGINS[0].text().replace("/2h]", "]"),
        ORIGINS[0].text().replace("/2h]", "/1h]"),
        ORIGINS[0].text()[:-1] + "1",
        ORIGINS[0].text().upper(),
    ],
)
def test_refuses_a_malformed_key_origin(text):
    with pytest.raises(InvalidInput):
        KeyOrigin.parse(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold", 3),
        ("threshold", "2"),
        ("network", "mainnet"),
        ("family", "evm"),
        ("window", "50"),
        ("window", None),
        ("descriptor", ""),
        ("chain", "dogecoin"),
        ("chain", "litecoin-regtest-x"),
    ],
)
def test_refuses_a_registration_that_contradicts_itself(field, value):
    registration = {**wallet_of(2, ORIGINS[:3]).registration(), field: value}
    with pytest.raises(InvalidInput):
        UtxoWallet.from_registration(registration)


def test_refuses_a_registration_with_a_damaged_checksum():
    registration = wallet_of(2, ORIGINS[:3]).registration()
    registration["descriptor"] = registration["descriptor"][:-1] + "q"
    with pytest.raises(InvalidInput):
        UtxoWallet.from_registration(registration)


# Success ---------------------------------------------------------------------------------


def test_registration_rebuilds_the_wallet_and_may_carry_fields_of_the_signer():
    wallet = wallet_of(3, ORIGINS)
    assert UtxoWallet.from_registration({**wallet.registration(), "roles": ["member"]}) == wallet


def test_key_origin_reads_both_marks_of_hardened_steps():
    assert KeyOrigin.parse(ORIGINS[0].text().replace("h", "'")) == ORIGINS[0]


@pytest.mark.parametrize(("threshold", "n"), [(2, 3), (3, 5)])
@pytest.mark.parametrize("script", list(ScriptType))
def test_scripts_agree_with_a_second_descriptor_implementation(threshold, n, script):
    wallet = wallet_of(threshold, ORIGINS[:n], replace(BITCOIN_REGTEST, script=script))
    second = Descriptor.from_string(wallet.descriptor)
    for branch, index in itertools.product((0, 1), range(wallet.window)):
        assert second.derive(index, branch_index=branch).script_pubkey().data == wallet.script_pubkey(branch, index)


def test_cosigner_keys_are_the_children_of_the_account_keys():
    wallet, members = make_wallet("children", 2, 3)
    keys = wallet.public_cosigner_keys(1, 5)
    assert keys == tuple(m.root.derive(m.path).public().descend((1, 5)).public_key() for m in members)


def test_the_same_keys_on_another_network_give_other_addresses():
    one, other = wallet_of(2, ORIGINS[:3]), wallet_of(2, ORIGINS[:3], LITECOIN_REGTEST)
    assert one.address(0, 0).text.startswith("bcrt1q")
    assert other.address(0, 0).text.startswith("rltc1q")
    assert one.script_pubkey(0, 0) == other.script_pubkey(0, 0)
