import pytest
from simulators.bitcoin import make_wallet

from custody.chains.utxo.view import CoinView, ViewOutOfStep, wallet_places
from custody.nodes.bitcoin_answers import Block, BlockInput, BlockOutput, BlockTx, Header, Scan, Unspent

WALLET, _ = make_wallet("view", 2, 3)
PLACES = wallet_places(WALLET)
OURS, FOREIGN = WALLET.script_pubkey(0, 4), b"\x00\x14" + bytes(20)


def block(height, parent, *txs):
    return Block(Header(height, f"hash-{height}", parent, 1), txs)


def tx(txid, outputs, spends=(), *, coinbase=False):
    return BlockTx(txid, tuple(BlockInput(*s, None) for s in spends), tuple(BlockOutput(*o) for o in outputs), coinbase)


def view_of(*found):
    return CoinView.from_scan(Scan(10, "hash-10", found), PLACES)


@pytest.mark.parametrize("wrong", [block(12, "hash-10"), block(11, "other"), block(10, "hash-9"), block(11, "")])
def test_refuses_a_block_that_is_not_the_next(wrong):
    view = view_of(Unspent("a", 0, 5, OURS, 3, coinbase=False))
    before = view.coins
    with pytest.raises(ViewOutOfStep):
        view.advance(wrong, PLACES)
    assert (view.coins, view.height, view.block_hash) == (before, 10, "hash-10")


def test_a_finding_with_a_foreign_script_is_dropped():
    assert view_of(Unspent("a", 0, 5, FOREIGN, 3, coinbase=False)).coins == ()


def test_outputs_come_in_and_spent_ones_go():
    view = view_of(Unspent("a", 0, 5, OURS, 3, coinbase=False))
    view.advance(block(11, "hash-10", tx("b", [(9, FOREIGN), (7, OURS)])), PLACES)
    assert [(c.txid, c.vout, c.value_sat, c.place, c.height) for c in view.coins] == [
        ("a", 0, 5, (0, 4), 3),
        ("b", 1, 7, (0, 4), 11),
    ]
    view.advance(block(12, "hash-11", tx("c", [(1, FOREIGN)], [("a", 0), ("b", 1)])), PLACES)
    assert view.coins == ()
    assert (view.height, view.block_hash) == (12, "hash-12")


def test_a_coin_made_and_spent_in_one_block_leaves_nothing():
    view = view_of()
    view.advance(block(11, "hash-10", tx("b", [(7, OURS)]), tx("c", [(6, FOREIGN)], [("b", 0)])), PLACES)
    assert view.coins == ()


def test_mined_coins_stay_marked():
    view = view_of()
    view.advance(block(11, "hash-10", tx("b", [(7, OURS)], coinbase=True)), PLACES)
    assert [c.coinbase for c in view.coins] == [True]


def test_every_place_of_the_window_is_known():
    assert len(PLACES) == 2 * WALLET.window
    assert PLACES[WALLET.script_pubkey(1, WALLET.window - 1)] == (1, WALLET.window - 1)
