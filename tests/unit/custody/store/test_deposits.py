from dataclasses import replace

import pytest

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset, AssetBook
from custody.primitives.bell import Bell
from custody.primitives.chain import BlockRef, ChainId
from custody.primitives.errors import UnknownAsset
from custody.store.database import open_database
from custody.store.deposits import AddressTaken, SqlDepositStore
from custody.wallets.deposit import Deposit, DepositState
from custody.wallets.depths import DepthGuard
from custody.wallets.ports import DecisionRecord, DepthChange

CHAIN = ChainId("ethereum-local")
ETH = Asset("ETH", 18, CHAIN)
BLOCK = BlockRef(CHAIN, 7, "0xb7", "0xb6")


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/custody.db"


@pytest.fixture
def store(url):
    return SqlDepositStore(open_database(url), AssetBook([ETH]))


def a_deposit(units=10**30 + 1, state=DepositState.SEEN, txid="0xt"):
    return Deposit(txid, 3, "alice", Amount(units, ETH), BLOCK, state, 2)


def test_refuses_to_hand_an_address_or_an_index_to_a_second_customer(store):
    first = Address(CHAIN, "0xA")
    store.add_address(first, "alice", 0)
    store.add_address(first, "alice", 0)
    with pytest.raises(AddressTaken):
        store.add_address(first, "bob", 0)
    with pytest.raises(AddressTaken):
        store.add_address(Address(CHAIN, "0xB"), "bob", 0)
    assert dict(store.watched(CHAIN)) == {"0xA": "alice"}
    assert store.next_index(CHAIN) == 1
    assert store.address_of(CHAIN, "bob") is None


def test_a_row_of_an_asset_that_is_not_configured_is_an_error(store, url):
    store.record_block(BLOCK, [a_deposit()])
    other = SqlDepositStore(open_database(url), AssetBook([]))
    with pytest.raises(UnknownAsset):
        other.get("ethereum-local/0xt/3")


def test_amounts_beyond_64_bits_survive_a_restart_exactly(store, url):
    store.record_block(BLOCK, [a_deposit(units=2**256 - 1)])
    again = SqlDepositStore(open_database(url), AssetBook([ETH]))
    assert again.get("ethereum-local/0xt/3") == a_deposit(units=2**256 - 1)
    assert again.scanned_tip(CHAIN) == BLOCK
    assert list(again.in_block(BLOCK)) == [a_deposit(units=2**256 - 1)]


def test_forgetting_a_block_keeps_its_deposits(store):
    store.record_block(BLOCK, [a_deposit()])
    store.forget_block(BLOCK)
    assert store.scanned_tip(CHAIN) is None
    assert store.get("ethereum-local/0xt/3") is not None


def test_states_select_and_save_replaces(store):
    store.record_block(BLOCK, [a_deposit()])
    store.save(a_deposit(state=DepositState.CREDITED))
    assert list(store.in_states(CHAIN, (DepositState.SEEN,))) == []
    assert list(store.in_states(CHAIN, (DepositState.CREDITED, DepositState.FINAL))) == [
        a_deposit(state=DepositState.CREDITED)
    ]


def full(txid, state, customer="alice", to="0xA", asset=ETH):
    made = Deposit(txid, 0, customer, Amount(7, asset), BLOCK, state, 1, to=to)
    return replace(
        made, memo="m", senders=("0xS", "0xT"), reason="why", not_before_s=9, is_released=True, refund_to="r"
    )


def test_refuses_to_store_a_look_alike_under_the_name_of_an_asset(store):
    with pytest.raises(UnknownAsset, match="is not the configured ETH"):
        store.record_block(BLOCK, [full("0xt", DepositState.SEEN, asset=Asset("ETH", 18, CHAIN, "0xevil"))])
    assert store.scanned_tip(CHAIN) is None


def test_every_field_comes_back_and_many_are_found_at_once(store):
    made = [full(f"0x{n}", DepositState.SEEN) for n in range(1_200)]
    store.record_block(BLOCK, made)
    store.save(*(replace(each, state=DepositState.FINAL) for each in made[:600]))
    known = store.known([each.key for each in made] + ["ethereum-local/none/0"])
    assert known == {each.key: replace(each, state=DepositState.FINAL) for each in made[:600]} | {
        each.key: each for each in made[600:]
    }
    assert len(store.keys_in(set(known), (DepositState.FINAL,))) == 600


def test_addresses_and_customers_select_deposits(store):
    for index, name in enumerate(("0xA", "0xB")):
        store.add_address(Address(CHAIN, name), f"customer-{index}", index + 3)
    store.save(full("0x1", DepositState.FINAL), full("0x2", DepositState.SUSPENSE, "bob", "0xB"))
    assert store.positions(CHAIN) == {"0xA": 3, "0xB": 4}
    assert store.addresses_in(CHAIN, (DepositState.FINAL, DepositState.SEEN)) == {"0xA"}
    assert store.addresses_in(ChainId("other"), (DepositState.FINAL,)) == frozenset()
    assert [each.key for each in store.of_customer("bob", (DepositState.SUSPENSE,))] == ["ethereum-local/0x2/0"]
    assert store.of_customer("bob", (DepositState.FINAL,)) == []


def test_depths_survive_a_restart(store, url):
    assert store.depth_guard(CHAIN) is None
    guard = DepthGuard(12, 24, 6, "a reorg", is_halted=True)
    store.save_depth_guard(CHAIN, DepthGuard(2, 3))
    store.save_depth_guard(CHAIN, guard)
    again = SqlDepositStore(open_database(url), AssetBook([ETH]))
    assert again.depth_guard(CHAIN) == guard
    assert again.depth_guard(ChainId("other")) is None


def test_every_change_of_a_deposit_or_a_block_rings_for_its_chain(url):
    bell = Bell()
    store = SqlDepositStore(open_database(url), AssetBook([ETH]), bell=bell)
    changes = [
        lambda: store.record_block(BLOCK, [a_deposit()]),
        lambda: store.save(a_deposit(state=DepositState.CREDITING)),
        lambda: store.forget_block(BLOCK),
        lambda: store.save_depth_guard(CHAIN, DepthGuard(3, 6)),
        lambda: store.decide(DecisionRecord(b"d" * 32, "text"), DepthChange(CHAIN, DepthGuard(4, 8))),
    ]
    for number, change in enumerate(changes, 1):
        change()
        assert bell.rung(CHAIN) == number
    store.in_states(CHAIN, tuple(DepositState))
    assert bell.rung(CHAIN) == len(changes)
