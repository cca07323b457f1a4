from dataclasses import replace

import pytest

from custody.chains.port import SignedTx
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset, AssetBook
from custody.primitives.chain import Chain, ChainId, Family
from custody.primitives.errors import UnknownAsset
from custody.primitives.ids import TxId
from custody.store.database import open_database
from custody.store.sweeps import SqlSweepStore
from custody.wallets.sweep import Sweep, SweepState

CHAIN = Chain(ChainId("ethereum-local"), Family.EVM, "31337", "eip155:31337", 1, 2)
OTHER = replace(CHAIN, id=ChainId("ethereum"))
ETH = Asset("ETH", 18, CHAIN.id)
ALL = tuple(SweepState)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/custody.db"


@pytest.fixture
def store(url):
    return SqlSweepStore(open_database(url), AssetBook([ETH]))


def a_sweep(txid="0xt", index=3, state=SweepState.STORED, fee=None):
    raw = bytes(range(256))
    return Sweep(SignedTx(TxId(txid), raw, "eip155:31337/0xA/7", Amount(2**200 + 1, ETH)), index, state, fee)


def test_an_asset_that_is_no_longer_configured_is_an_error_not_a_guess(store, url):
    store.save_sweep(CHAIN, a_sweep())
    with pytest.raises(UnknownAsset):
        SqlSweepStore(open_database(url), AssetBook([])).sweeps(CHAIN, ALL)


def test_an_empty_store_and_an_empty_question_have_empty_answers(store):
    assert store.sweeps(CHAIN, ALL) == []
    store.save_sweep(CHAIN, a_sweep())
    assert store.sweeps(CHAIN, ()) == []


def test_every_byte_and_unit_comes_back_after_a_restart(store, url):
    sweep = a_sweep(state=SweepState.FINAL, fee=Amount(2**255 - 1, ETH))
    store.save_sweep(CHAIN, sweep)
    assert SqlSweepStore(open_database(url), AssetBook([ETH])).sweeps(CHAIN, ALL) == [sweep]


def test_a_sweep_saved_again_is_replaced_not_added(store):
    store.save_sweep(CHAIN, a_sweep())
    ended = a_sweep(state=SweepState.DEAD)
    store.save_sweep(CHAIN, ended)
    assert store.sweeps(CHAIN, ALL) == [ended]
    assert store.sweeps(CHAIN, (SweepState.STORED,)) == []


def test_a_fee_of_nothing_is_not_the_same_as_no_fee_yet(store):
    store.save_sweep(CHAIN, a_sweep("0x1", fee=Amount(0, ETH)))
    store.save_sweep(CHAIN, a_sweep("0x2"))
    assert [sweep.fee for sweep in store.sweeps(CHAIN, ALL)] == [Amount(0, ETH), None]


def test_chains_are_kept_apart_even_under_one_transaction_id(store):
    store.save_sweep(CHAIN, a_sweep(index=1))
    store.save_sweep(OTHER, a_sweep(index=2))
    assert [sweep.index for sweep in store.sweeps(CHAIN, ALL)] == [1]
    assert [sweep.index for sweep in store.sweeps(OTHER, ALL)] == [2]


def test_sweeps_are_listed_by_account_and_chosen_by_state(store):
    for txid, index, state in (
        ("0xc", 2, SweepState.DEAD),
        ("0xb", 1, SweepState.STORED),
        ("0xa", 2, SweepState.STORED),
    ):
        store.save_sweep(CHAIN, a_sweep(txid, index, state))
    assert [sweep.tx.txid for sweep in store.sweeps(CHAIN, ALL)] == ["0xb", "0xa", "0xc"]
    assert [sweep.tx.txid for sweep in store.sweeps(CHAIN, (SweepState.STORED,))] == ["0xb", "0xa"]
