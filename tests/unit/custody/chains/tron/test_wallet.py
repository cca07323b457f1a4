from dataclasses import replace

import pytest
from simulators.tron import BOB, COLD, MEMBERS, OPENER, USDT, make_wallet

from custody.chains.tron.params import MAINNET, NILE, params_for
from custody.chains.tron.wallet import Member, OwnerQuorum
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidInput, UnknownAsset, UnknownChain

WALLET = make_wallet()


@pytest.mark.parametrize("threshold", [0, 1, 3, 4])
def test_refuses_quorums_that_one_key_satisfies_or_one_lost_key_blocks(threshold):
    with pytest.raises(InvalidInput):
        replace(WALLET, threshold=threshold)
    with pytest.raises(InvalidInput):
        replace(WALLET, owners=OwnerQuorum(tuple(holder.key() for holder in COLD[:3]), threshold))


def test_refuses_the_same_key_twice_and_more_keys_than_a_permission_holds():
    twice = (WALLET.members[0], WALLET.members[0], WALLET.members[1])
    with pytest.raises(InvalidInput, match="twice"):
        replace(WALLET, members=twice)
    six = tuple(holder.key() for holder in (*COLD, MEMBERS[0]))
    with pytest.raises(InvalidInput, match="<= 5"):
        replace(WALLET, owners=OwnerQuorum(six, 3))


def test_refuses_to_leave_the_opening_key_any_power():
    stays = (*WALLET.members[:2], Member("m/44h/195h/9h/0/0", OPENER.key("m/44h/195h/9h/0/0")))
    with pytest.raises(InvalidInput, match="opened"):
        replace(WALLET, members=stays)


def test_refuses_paths_in_another_spelling():
    with pytest.raises(InvalidInput):
        Member("m/44'/195'/0'/0/0", MEMBERS[0].key())


def test_refuses_tokens_of_other_chains_and_a_contract_twice():
    with pytest.raises(InvalidInput):
        replace(WALLET, tokens=(Asset("USDT", 6, ChainId("tron"), USDT.contract),))
    with pytest.raises(InvalidInput):
        replace(WALLET, tokens=(USDT, replace(USDT, symbol="TWO")))
    with pytest.raises(InvalidInput):
        replace(WALLET, tokens=(replace(USDT, contract="no address"),))


def test_knows_listed_assets_only():
    assert WALLET.asset_of(USDT.contract) == USDT
    with pytest.raises(UnknownAsset):
        WALLET.asset_of(BOB)


def test_networks_are_named_by_the_end_of_their_genesis():
    assert (MAINNET.chain.caip2, NILE.chain.caip2) == ("tron:0x2b6653dc", "tron:0xcd8690dc")
    with pytest.raises(UnknownChain):
        params_for(ChainId("tron-shasta"))
