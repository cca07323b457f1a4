from dataclasses import replace

import pytest

from custody.chains.utxo.params import BITCOIN, DOGECOIN, LITECOIN, ROWS, FeePolicy, ScriptType, row
from custody.primitives.errors import InvalidInput, UnknownChain


def test_refuses_an_unknown_network():
    with pytest.raises(UnknownChain):
        row("dogecoin-testnet")


@pytest.mark.parametrize(
    "wrong",
    [{"floor": 0}, {"floor": 20_000}, {"cap": 9_000}, {"increment": 0}, {"dust_sat": 0}, {"calm": 1}, {"calm": 10**9}],
)
def test_refuses_a_fee_policy_that_contradicts_itself(wrong):
    good = {"floor": 1_000, "fallback": 10_000, "cap": 500_000, "increment": 1_000, "dust_sat": 546, "calm": 5_000}
    assert FeePolicy(**good)
    with pytest.raises(InvalidInput):
        FeePolicy(**{**good, **wrong})


def test_no_two_networks_share_keys_of_one_seed():
    # A signer for one coin could otherwise be led to spend the other.
    places = {(params.key_network, params.account_path) for params in ROWS}
    assert len(places) == len(ROWS)


def test_no_two_networks_share_a_first_block():
    assert len({params.genesis for params in ROWS}) == len(ROWS)
    assert all(len(params.genesis) == 32 for params in ROWS)


def test_where_there_is_no_segwit_there_are_no_witness_scripts():
    for params in ROWS:
        assert (params.script is ScriptType.SH) == (not params.hrp) == params.is_malleable


def test_paths_are_those_that_wallets_of_other_makers_use():
    paths = [params.account_path for params in (BITCOIN, LITECOIN, DOGECOIN)]
    assert paths == ["m/48h/0h/0h/2h", "m/48h/2h/0h/2h", "m/48h/3h/0h/0h"]
    assert replace(BITCOIN, script=ScriptType.SH).account_path == "m/48h/0h/0h/0h"
