import threading

import pytest
from simulators.postgres import can_run, running_postgres

from custody.primitives.errors import InvariantBroken, StaleState
from custody.store.database import open_database
from governance.indexer.store import Block, Event, IndexStore, OtherContract
from governance.indexer.tables import IndexModel

CONTRACT, OTHER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"


def block(number, fork="a"):
    return Block(number, f"0x{fork}{number}", f"0x{fork}{number - 1}", 1_000 + number)


def event(number, fork="a", log_index=0, **args):
    return Event(f"0x{fork}{number}", log_index, number, CONTRACT, "Happened", args, 1_000 + number)


@pytest.fixture(scope="module")
def postgres():
    if not can_run():
        pytest.skip("no PostgreSQL here")
    with running_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request, tmp_path):
    if request.param == "sqlite":
        yield open_database(f"sqlite:///{tmp_path}/index.db")
        return
    engine = open_database(request.getfixturevalue("postgres"))
    yield engine
    IndexModel.metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def store(database):
    return IndexStore(database, 31337, CONTRACT)


def filled(store, upto=5):
    blocks = [block(number) for number in range(1, upto + 1)]
    store.replace(None, None, blocks, [event(number, n=number) for number in range(1, upto + 1)])
    return blocks


def test_refuses_a_database_of_another_contract(database, store):
    with pytest.raises(OtherContract):
        IndexStore(database, 31337, OTHER)


def test_chains_share_a_database_without_meeting(database, store):
    filled(store)
    other = IndexStore(database, 1, OTHER)
    assert (other.tip(), other.events(99), other.final_number()) == (None, [], -1)
    store.finalize(block(3), [7])
    other.replace(None, None, [block(1)], [])
    other.finalize(block(1), [8])
    assert (store.outbox(0), other.outbox(0)) == ([(1, 7)], [(2, 8)])


def test_refuses_a_change_computed_from_another_tip(store):
    blocks = filled(store)
    for stale in (None, blocks[3], block(5, "b")):
        with pytest.raises(StaleState):
            store.replace(stale, stale, [block(6)], [])
    assert store.tip() == blocks[-1]


def test_a_refused_change_leaves_nothing_behind(store):
    blocks = filled(store)
    with pytest.raises(StaleState):
        store.replace(blocks[-1], blocks[-1], [block(6), block(6)], [event(6)])
    assert (store.tip(), len(store.events(99))) == (blocks[-1], 5)


def test_final_blocks_are_never_removed(store):
    blocks = filled(store)
    store.finalize(block(4), [])
    with pytest.raises(InvariantBroken):
        store.replace(blocks[-1], blocks[2], [], [])
    assert store.tip() == blocks[-1]


def test_the_final_mark_only_rises(store):
    filled(store)
    store.finalize(block(4), [1])
    store.finalize(block(3), [2])
    store.finalize(block(4), [3])
    assert (store.final_number(), store.outbox(0)) == (4, [(1, 1)])


@pytest.mark.parametrize("gone", [block(4, "b"), block(6)], ids=["replaced", "never there"])
def test_a_block_that_left_meanwhile_is_not_made_final(store, gone):
    filled(store)
    with pytest.raises(StaleState):
        store.finalize(gone, [1])
    assert (store.final_number(), store.outbox(0)) == (-1, [])


def test_an_approval_is_announced_once(store):
    filled(store)
    store.finalize(block(2), [5, 5, 6])
    store.finalize(block(3), [6, 7])
    assert store.outbox(0) == [(1, 5), (2, 6), (3, 7)]
    assert store.outbox(2) == [(3, 7)]


def test_of_two_writers_one_wins(database, store):
    blocks = filled(store)
    results, gate = [], threading.Barrier(2)

    def write(fork):
        own = IndexStore(database, 31337, CONTRACT)
        gate.wait()
        try:
            own.replace(blocks[-1], blocks[-1], [block(6, fork)], [event(6, fork)])
            results.append("written")
        except StaleState:
            results.append("stale")

    threads = [threading.Thread(target=write, args=(fork,)) for fork in "bc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["stale", "written"]
    assert len(store.events(99)) == 6


def test_a_fork_replaces_blocks_with_their_events(store):
    blocks = filled(store)
    store.replace(blocks[-1], blocks[2], [block(4, "b")], [event(4, "b", n=40)])
    assert store.tip() == block(4, "b")
    assert [found.args["n"] for found in store.events(99)] == [1, 2, 3, 40]


def test_events_come_in_chain_order_with_whole_numbers(store):
    numbers = [2**256 - 1, 10**27]
    store.replace(None, None, [block(1)], [event(1, log_index=10, n=numbers[1]), event(1, log_index=9, n=numbers[0])])
    assert [found.args["n"] for found in store.events(1)] == numbers
    assert store.events(1)[0].time_s == 1_001


def test_what_was_written_is_there_after_a_restart(database, store):
    blocks = filled(store)
    store.finalize(block(4), [9])
    again = IndexStore(database, 31337, CONTRACT)
    assert (again.tip(), again.final_number(), again.outbox(0)) == (blocks[-1], 4, [(1, 9)])
    assert again.events(3, after=1) == [event(2, n=2), event(3, n=3)]


def test_numbers_beyond_32_bits_are_kept(database):
    far = Block(2**40, "0xa", "0xb", 2**33)
    store = IndexStore(database, 2**36, CONTRACT)
    store.replace(None, None, [far], [])
    store.finalize(far, [2**40])
    assert (store.tip(), store.final_number(), store.outbox(0)) == (far, 2**40, [(1, 2**40)])
