from dataclasses import replace

import pytest
from simulators.solana import Key, ScriptedRpc

from custody.chains.solana import derivation
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.params import LOCAL, NATIVE_MINT, TOKEN_PROGRAM
from custody.chains.solana.setup import verify_node
from custody.chains.solana.wallet import ServiceKeys, SplKey
from custody.keys.material import Curve, PublicKey
from custody.primitives.asset import Asset
from custody.primitives.errors import InvalidInput, UnknownAsset, VerificationFailed


@pytest.mark.parametrize("threshold", [-1, 0, 1, 3, 4])
def test_refuses_threshold_where_one_key_spends_or_one_lost_key_locks(house, threshold):
    with pytest.raises(InvalidInput, match="threshold"):
        replace(house.wallet, threshold=threshold)


def test_refuses_member_twice(house):
    members = (house.wallet.members[0], *house.wallet.members[:2])
    with pytest.raises(InvalidInput, match="twice"):
        replace(house.wallet, members=members)


def test_refuses_more_members_than_the_token_program_holds(house):
    members = tuple(Key(f"m{i}").entry for i in range(12))
    with pytest.raises(InvalidInput, match="n <= 11"):
        replace(house.wallet, members=members)


@pytest.mark.parametrize("place", ["fee_payer", "opener"])
def test_refuses_member_as_service_key(house, place):
    service = replace(house.wallet.service, **{place: house.wallet.members[0]})
    with pytest.raises(InvalidInput, match="must not be members"):
        replace(house.wallet, service=service)


@pytest.mark.parametrize("count", [0, 65])
def test_refuses_nonce_count_outside_bounds(house, count):
    with pytest.raises(InvalidInput, match="nonce accounts"):
        replace(house.wallet, nonce_count=count)


def test_refuses_token_of_another_chain_or_without_mint(house):
    for token in (Asset("X", 6, "ethereum", "0x1"), Asset("X", 6, LOCAL.chain.id)):
        with pytest.raises(InvalidInput, match="mint"):
            replace(house.wallet, tokens=(token,))


def test_refuses_the_same_mint_twice(house, usdc):
    with pytest.raises(InvalidInput, match="twice"):
        replace(house.wallet, tokens=(usdc, replace(usdc, symbol="USDC2")))


def test_refuses_secp256k1_key():
    with pytest.raises(InvalidInput, match="Ed25519"):
        SplKey(PublicKey(Curve.SECP256K1, bytes([2] * 33)), "m/0")


@pytest.mark.parametrize("path", ["", "44h/501h", "m/44'/501h/0h/0h", "m/x"])
def test_refuses_path_that_is_not_canonical(path):
    with pytest.raises(InvalidInput):
        SplKey(Key("a").public, path)


def test_refuses_node_of_another_network(house):
    live = replace(house.wallet, params=replace(LOCAL, genesis_hash="G"))
    with pytest.raises(VerificationFailed, match="genesis"):
        verify_node(SolanaNode(ScriptedRpc(getGenesisHash="H")), live)
    verify_node(SolanaNode(ScriptedRpc(getGenesisHash="G")), live)
    verify_node(SolanaNode(ScriptedRpc()), house.wallet)  # a local chain has a new genesis each time


def test_refuses_asset_it_does_not_hold(house):
    with pytest.raises(UnknownAsset):
        house.wallet.mint(Asset("BONK", 5, LOCAL.chain.id, Key("bonk").text))


@pytest.mark.parametrize("index", [-1, 2**32])
def test_refuses_deposit_index_outside_bounds(house, index):
    with pytest.raises(InvalidInput, match="deposit index"):
        house.wallet.deposit_address(index)


def test_refuses_deposit_address_of_another_index(house):
    with pytest.raises(VerificationFailed, match="not the account of seed"):
        house.wallet.verify_deposit_address(1, house.wallet.deposit_address(2))


def test_refuses_seed_longer_than_the_network_takes():
    with pytest.raises(InvalidInput, match="longer than 32"):
        derivation.recompute_with_seed(Key("a").text, "x" * 33, TOKEN_PROGRAM)


def test_longest_seed_fits():
    assert len(derivation.deposit_seed("a long wallet id", NATIVE_MINT, 2**32 - 1)) <= derivation.MAX_SEED_BYTES
    assert len(derivation.multisig_seed("x")) <= derivation.MAX_SEED_BYTES


def test_every_deposit_address_agrees_with_its_second_derivation(house, usdc):
    for index in (0, 1, 7, 99_999, 2**32 - 1):
        for asset in (LOCAL.native, usdc):
            house.wallet.verify_deposit_address(index, house.wallet.deposit_address(index, asset), asset)


def test_all_derived_addresses_differ(house, usdc):
    wallet = house.wallet
    found = [wallet.multisig, *wallet.nonce_accounts, wallet.vault(LOCAL.native), wallet.vault(usdc)]
    found += [wallet.deposit_address(i, asset).text for i in range(50) for asset in wallet.assets]
    assert len(set(found)) == len(found)


def test_wallets_of_one_opener_share_no_address(house):
    other = replace(house.wallet, id="cold")
    assert other.multisig != house.wallet.multisig
    assert not set(other.nonce_accounts) & set(house.wallet.nonce_accounts)
    assert other.deposit_address(0) != house.wallet.deposit_address(0)


def test_sol_is_received_by_the_vault_and_tokens_by_the_multisig(house, usdc):
    assert house.wallet.receive_address(LOCAL.native).text == house.wallet.vault(LOCAL.native)
    assert house.wallet.receive_address(usdc).text == house.wallet.multisig


def test_registration_holds_what_a_signer_needs(house, usdc):
    stored = house.wallet.registration()
    assert (stored["id"], stored["family"], stored["chain"]) == ("hot", "solana", "solana-local")
    assert stored["threshold"] == 2
    assert stored["members"][1] == {"key": house.members[1].text, "path": "m/44h/501h/1h/0h"}
    assert stored["fee_payer"]["key"] == house.fee_payer.text
    assert stored["assets"][1] == {"symbol": "USDC", "decimals": 6, "contract": usdc.contract}
    assert isinstance(house.wallet.service, ServiceKeys)
