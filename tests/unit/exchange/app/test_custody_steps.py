# Steps over real stores and the real ledger; chain, wallet and signers are simulated.
from types import SimpleNamespace

import pytest
from simulators.blocks import BENT_COIN, BentChain, Payment, rules
from simulators.blocks import CHAIN as BENT
from simulators.chain import COIN as SIM_COIN
from simulators.chain import chain as sim_chain

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset, AssetBook
from custody.primitives.errors import NodeUnavailable
from custody.store.deposits import SqlDepositStore
from custody.wallets.scanner import DepositScanner
from exchange.app.custody_steps import ChainBoard, deposit_dust, scan_step, sweep_step
from exchange.settlement.scale import AssetScale

BENT_SCALE = AssetScale(BENT_COIN, 1, 2)
QUANTA = {"BENT": 100}


@pytest.fixture
def deposits(database):
    return SqlDepositStore(database, AssetBook([BENT_COIN, SIM_COIN]), quanta=QUANTA)


# The board -----------------------------------------------------------------------------


def board_of(*chains):
    return ChainBoard([SimpleNamespace(chain=chain, evidence="simulator", sources="one source") for chain in chains])


def test_a_chain_that_was_never_scanned_and_one_that_is_down_say_so():
    board = board_of(BENT, sim_chain())
    board.watch(lambda: {"sim": "no answer", "fees": "poor"})
    first, second = board.chains()
    assert (first.chain, first.height, first.state, first.error) == ("sim", -1, "down", "no answer")
    assert (second.chain, second.state, second.error, second.evidence) == ("simchain", "ok", "", "simulator")
    assert second.notice == "one source"
    assert board.problems() == {"sim": "no answer", "fees": "poor"}


def test_a_board_that_watches_nothing_has_no_problems():
    assert board_of(BENT).problems() == {}


# Scanning ------------------------------------------------------------------------------


def scanning(books, deposits):
    chain, board = BentChain(), board_of(BENT)
    scanner = DepositScanner(chain, deposits, books.ledger, rules({"BENT": 500}, tolerated_reorg=3))
    return chain, board, scan_step(scanner, deposits, board, lambda: 1_800_000_000)


def test_a_node_that_is_down_moves_no_height(books, deposits):
    chain, board, step = scanning(books, deposits)
    step()
    chain.down = True
    with pytest.raises(NodeUnavailable):
        step()
    assert board.chains()[0].height == 0


def test_a_scanned_deposit_is_credited_and_the_board_follows(books, deposits):
    chain, board, step = scanning(books, deposits)
    place = Address(BENT.id, "place-0")
    deposits.add_address(place, "alice", 0)
    chain.mine(Payment("tx-1", 0, place, Amount(1_234, BENT_COIN)), count=3)
    step()
    assert (board.chains()[0].height, board.chains()[0].behind) == (3, 0)
    assert books.accounts.balances("alice")["BENT"].available == Amount(1_200, BENT_COIN)
    assert deposit_dust(deposits, BENT_SCALE) == 34


def test_dust_counts_credited_deposits_and_nothing_before_or_after(books, deposits):
    chain, _, step = scanning(books, deposits)
    place = Address(BENT.id, "place-0")
    deposits.add_address(place, "alice", 0)
    chain.mine(Payment("tx-1", 0, place, Amount(599, BENT_COIN)))
    step()
    assert deposit_dust(deposits, BENT_SCALE) == 0  # seen, not credited
    chain.mine()
    step()
    assert deposit_dust(deposits, BENT_SCALE) == 99
    chain.mine(Payment("tx-2", 0, place, Amount(601, BENT_COIN)), count=2)
    step()
    assert deposit_dust(deposits, BENT_SCALE) == 100  # one final by now, one credited
    chain.reorg(2)
    chain.mine(count=5)
    step()
    assert deposit_dust(deposits, BENT_SCALE) == 99


def test_a_token_of_the_same_chain_does_not_count_as_dust_of_the_coin(books, deposits, database):
    token = Asset("TOK", 8, BENT.id, "contract")
    store = SqlDepositStore(database, AssetBook([BENT_COIN, SIM_COIN, token]), quanta=QUANTA)
    chain, _, step = scanning(books, deposits)
    place = Address(BENT.id, "place-0")
    deposits.add_address(place, "alice", 0)
    chain.mine(Payment("tx-1", 0, place, Amount(1_234, BENT_COIN)), count=3)
    step()
    assert deposit_dust(store, BENT_SCALE) == 34
    assert deposit_dust(store, AssetScale(token, 2, 2)) == 0


def test_what_is_too_small_to_be_credited_is_dust_as_long_as_the_chain_holds_it(books, deposits):
    chain, _, step = scanning(books, deposits)
    place = Address(BENT.id, "place-0")
    deposits.add_address(place, "alice", 0)
    chain.mine(Payment("tx-1", 0, place, Amount(499, BENT_COIN)))
    step()
    assert deposit_dust(deposits, BENT_SCALE) == 499
    chain.reorg(1)
    chain.mine(count=2)
    step()
    assert deposit_dust(deposits, BENT_SCALE) == 0
    chain.mine(Payment("tx-1", 0, place, Amount(499, BENT_COIN)), count=5)
    step()
    assert deposit_dust(deposits, BENT_SCALE) == 499
    assert books.accounts.owed_quanta(1) == 0


# Sweeping ------------------------------------------------------------------------------


def test_only_accounts_with_a_final_deposit_are_swept(books, deposits):
    chain, _, step = scanning(books, deposits)
    places = {name: Address(BENT.id, f"place-{name}") for name in ("alice", "bob", "carol", "nobody")}
    for index, (name, place) in enumerate(places.items()):
        deposits.add_address(place, name, index)
    chain.mine(Payment("tx-1", 0, places["carol"], Amount(1_000, BENT_COIN)))
    chain.mine(
        Payment("tx-2", 0, places["carol"], Amount(1_000, BENT_COIN)),
        Payment("tx-3", 0, places["alice"], Amount(1_000, BENT_COIN)),
    )
    chain.mine(count=3)
    chain.mine(Payment("tx-4", 0, places["bob"], Amount(1_000, BENT_COIN)), count=2)
    step()
    assert books.accounts.balances("bob")["BENT"].available == Amount(1_000, BENT_COIN)  # credited, not final
    asked = []
    sweeper = SimpleNamespace(step=lambda indexes: asked.append(list(indexes)))
    sweep_step(sweeper, BENT, deposits)()
    sweep_step(sweeper, sim_chain(), deposits)()
    assert asked == [[0, 2], []]
