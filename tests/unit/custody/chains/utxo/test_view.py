import sys
import time
from itertools import pairwise

import pytest
from simulators.bitcoin import make_wallet

from custody.chains.utxo.coins import Coin, Coins
from custody.chains.utxo.selection import Demand, select
from custody.chains.utxo.view import CoinView, OwnCoin, ViewOutOfStep, wallet_places
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


# Which coins are offered ------------------------------------------------------------------


def coins_of(*values, place=(0, 4)):
    return {(f"{n:04d}", 0): OwnCoin(f"{n:04d}", 0, value, place, 3, coinbase=False) for n, value in enumerate(values)}


def everything(coin):
    return True


def test_dust_and_coins_in_use_are_not_offered():
    view = CoinView(10, "hash-10", coins_of(5, 600, 700, 545, 546))
    assert sorted(c.value_sat for c in view.offer(546, 10, everything)) == [546, 600, 700]
    assert [c.value_sat for c in view.offer(546, 10, lambda c: c.value_sat != 700)] == [600, 546]
    assert view.offer(546, 10, lambda c: False) == []
    assert view.smallest(546, 10, lambda c: c.value_sat != 546) == view.smallest(600, 2, everything)


def test_the_largest_are_always_offered_and_small_ones_of_every_size():
    view = CoinView(10, "hash-10", coins_of(*range(1_000, 11_000)))
    values = [c.value_sat for c in view.offer(546, 100, everything)]
    assert values[:50] == list(range(10_999, 10_949, -1))
    assert len(values) == len(set(values)) == 100
    rest = sorted(values[50:])
    assert rest[0] == 1_000
    assert all(high - low < 250 for low, high in pairwise(rest))
    assert [c.value_sat for c in view.smallest(546, 3, everything)] == [1_000, 1_001, 1_002]


def test_total_and_last_change_place_follow_the_blocks():
    view = CoinView(10, "hash-10", coins_of(500, 700))
    change = WALLET.script_pubkey(1, 9)
    assert (view.total_sat, view.last_change_index) == (1_200, -1)
    view.advance(block(11, "hash-10", tx("b", [(40, change), (2, OURS)], [("0000", 0)])), PLACES)
    assert (view.total_sat, view.last_change_index) == (742, 9)
    view.advance(block(12, "hash-11", tx("c", [(1, FOREIGN)], [("b", 0), ("0001", 0)])), PLACES)
    assert (view.total_sat, view.last_change_index) == (2, 9)
    assert view.offer(1, 10, everything) == list(view.coins)


@pytest.mark.slow
def test_e08_choosing_from_a_million_coins_looks_at_a_few_hundred(capsys):
    values = [1_000 + (n * 7_919) % 999_983 for n in range(1_000_000)]
    view = CoinView(10, "hash-10", coins_of(*values))
    looked_at = []
    started = time.perf_counter()
    offered = view.offer(546, 400, lambda coin: not looked_at.append(coin))
    found = tuple(Coin(c.txid, c.vout, c.value_sat, *c.place, b"") for c in offered)
    chosen = select(WALLET, Coins(found, 5_000, 0), Demand(10_000_000, (bytes(22), bytes(34))))
    took_ms = (time.perf_counter() - started) * 1_000
    with capsys.disabled():
        sys.stdout.write(f" one choice among 1,000,000 coins: {took_ms:.1f} ms ")
    assert len(looked_at) == len(offered) == 400
    assert len(chosen.coins) <= 200
