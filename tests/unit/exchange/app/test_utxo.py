import pytest
from simulators.bitcoin import make_wallet
from simulators.blocks import MemoryDeposits

from custody.chains.utxo.wallet import RECEIVE, UtxoWallet
from custody.keys.crosscheck import CrossCheckFailed
from exchange.app.utxo import deposit_desk, own_address


def test_what_reaches_the_hot_wallets_own_address_is_nobodys_deposit(tmp_path):
    wallet, _ = make_wallet("hot", 2, 3)
    store = MemoryDeposits()
    desk = deposit_desk(wallet, store, tmp_path)
    given = [desk.address_for(customer).text for customer in ("ada", "bob", "ada")]
    assert given == [wallet.address(RECEIVE, index).text for index in (1, 2, 1)]
    assert own_address(wallet, tmp_path).text not in store.watched(wallet.params.chain.id)


def test_the_houses_own_address_is_shown_only_if_a_second_library_derives_it_too(tmp_path, monkeypatch):
    wallet, _ = make_wallet("hot", 2, 3)
    other, _ = make_wallet("other", 2, 3)
    assert own_address(wallet, tmp_path) == wallet.address(RECEIVE, 0)
    wrong = other.address(RECEIVE, 0)
    monkeypatch.setattr(UtxoWallet, "address", lambda self, branch, index: wrong)
    with pytest.raises(CrossCheckFailed):
        own_address(wallet, tmp_path)
