# Attack G34: an approval that the chain takes back must never open a market; one that is final is never taken back.
import pytest
from simulators.governance import FINAL_DEPTH, HOUR_S

from custody.primitives.errors import NodeUnavailable
from custody.store.database import open_database
from governance.ballots.typed import Support
from governance.indexer.indexer import FinalBlockGone
from governance.listing.state import ListingState

pytestmark = pytest.mark.node


@pytest.fixture
def database(tmp_path):
    return open_database(f"sqlite:///{tmp_path}/governance.db")


def settle(house, indexer, blocks=2 * FINAL_DEPTH):
    house.anvil.mine(blocks)
    indexer.poll()


def test_g34_an_approval_reorganised_away_is_never_announced(house, database):
    indexer = house.indexer(database)
    listing = house.carry()
    indexer.poll()
    assert indexer.listings().get(listing).ending is ListingState.APPROVED
    house.anvil.reorg(1)
    settle(house, indexer)
    assert indexer.listings().get(listing).ending is None
    assert (indexer.outbox(), indexer.approved()) == ([], ())
    assert house.vote.state_of(listing) is ListingState.AWAITING_VETO


def test_g34_an_approval_that_comes_back_in_another_block_is_announced_once(house, database):
    indexer = house.indexer(database)
    listing = house.carry()
    indexer.poll()
    house.anvil.reorg(1)
    indexer.poll()
    house.vote.finalize(house.people["relayer"], listing)
    settle(house, indexer)
    settle(house, indexer)
    assert indexer.outbox() == [(1, listing)]


def test_g34_a_veto_that_replaces_the_winning_vote_wins(house, database):
    # The vote was seen to pass; on the other fork it was never cast.
    indexer = house.indexer(database)
    listing = house.propose()
    house.reach(house.started_at(listing) + 4 * HOUR_S)
    house.vote.cast_vote(house.people["alice"], listing, Support.FOR)
    indexer.poll()
    assert indexer.listings().get(listing).is_passing()
    house.anvil.reorg(1)
    house.reach(house.started_at(listing) + 44 * HOUR_S)
    house.vote.finalize(house.people["relayer"], listing)
    settle(house, indexer)
    final = indexer.listings(final_only=True).get(listing)
    assert (final.yes, final.ending, indexer.outbox()) == (0, ListingState.DEFEATED, [])


@pytest.mark.parametrize("depth", range(1, FINAL_DEPTH))
def test_g34_a_reorg_within_finality_ends_in_the_state_of_a_fresh_index(house, database, depth):
    indexer = house.indexer(database)
    house.carry()
    indexer.poll()
    house.anvil.reorg(depth)
    progress = indexer.poll()
    assert progress.removed == depth
    settle(house, indexer)
    fresh = house.indexer()
    fresh.poll()
    assert (indexer.state_hash(), indexer.outbox()) == (fresh.state_hash(), fresh.outbox())


def test_g34_a_final_block_that_is_gone_stops_everything(house, database):
    indexer = house.indexer(database)
    listing = house.carry()
    settle(house, indexer, FINAL_DEPTH - 1)
    announced = indexer.outbox()
    assert announced == [(1, listing)]
    house.anvil.reorg(FINAL_DEPTH)
    for _ in range(2):
        with pytest.raises(FinalBlockGone):
            indexer.poll()
    assert indexer.outbox() == announced


def test_g34_finality_survives_a_rollback_that_was_interrupted(house, database):
    # First the index rolls back above the final block; a second reorg then reaches below it.
    web3 = house.bending()
    indexer = house.indexer(database, web3)
    house.carry()
    settle(house, indexer, FINAL_DEPTH)
    final, head = indexer.final_number(), house.web3.eth.block_number
    web3.provider.after = lambda method, params, answer: (
        {**answer, "result": hex(head - FINAL_DEPTH + 1)} if method == "eth_blockNumber" else answer
    )
    indexer.poll()
    web3.provider.after = lambda method, params, answer: answer
    assert indexer.final_number() == final
    house.anvil.reorg(FINAL_DEPTH)
    with pytest.raises(FinalBlockGone):
        indexer.poll()


@pytest.mark.parametrize("before_end", range(1, 6))
@pytest.mark.parametrize("method", ["eth_getBlockByNumber", "eth_getLogs"])
def test_g34_a_reorg_between_header_and_logs_loses_and_doubles_nothing(house, database, method, before_end):
    # The chain moves at the worst moment: while the last blocks are read, at every place one by one.
    listing = house.carry()
    place = calls_of_a_poll(house, method) - before_end
    web3 = house.bending()
    indexer = house.indexer(database, web3)
    web3.provider.before, moved = move_chain_at(house, method, place)
    poll_until_calm(indexer)
    assert moved == [place]
    settle(house, indexer)
    assert (indexer.listings().get(listing).ending, indexer.outbox()) == (None, [])
    house.vote.finalize(house.people["relayer"], listing)
    settle(house, indexer)
    assert indexer.outbox() == [(1, listing)]


def test_g34_blocks_of_two_forks_are_never_joined(house, database):
    # The approval's block is read on one fork, the next block on another: its tip is right, and below it stands a
    # block that left the chain.
    listing = house.carry()
    house.anvil.mine()
    web3 = house.bending()
    indexer = house.indexer(database, web3)
    place = calls_of_a_poll(house, "eth_getBlockByNumber") - 2
    web3.provider.before, moved = move_chain_at(house, "eth_getBlockByNumber", place, depth=2)
    with pytest.raises(NodeUnavailable):
        indexer.poll()
    assert moved == [place]
    assert indexer.listings().all() == ()
    settle(house, indexer)
    assert (indexer.listings().get(listing).ending, indexer.outbox()) == (None, [])


def test_g34_what_was_read_from_a_fork_that_is_gone_by_then_is_not_kept(house, database):
    house.carry()
    web3 = house.bending()
    indexer = house.indexer(database, web3)
    place = calls_of_a_poll(house, "eth_getBlockByNumber") - 1
    web3.provider.before, moved = move_chain_at(house, "eth_getBlockByNumber", place)
    with pytest.raises(NodeUnavailable):
        indexer.poll()
    assert moved == [place]
    assert indexer.listings().all() == ()


def calls_of_a_poll(house, method):
    web3, seen = house.bending(), []
    indexer = house.indexer(open_database("sqlite://"), web3)
    web3.provider.before = lambda asked, params: seen.append(asked)
    indexer.poll()
    return seen.count(method)


def move_chain_at(house, method, place, depth=1):
    seen, moved = [], []

    def before(asked, params):
        if asked != method:
            return
        if len(seen) == place:
            moved.append(place)
            house.anvil.reorg(depth)
        seen.append(asked)

    return before, moved


def poll_until_calm(indexer):
    for _ in range(3):
        try:
            indexer.poll()
        except NodeUnavailable:
            continue
        return
