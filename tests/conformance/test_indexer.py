"""The indexer on a real chain: duplicates, restarts, rebuilds, nodes that lag or break."""

from dataclasses import replace

import pytest
from requests import ConnectionError as NoConnection
from simulators.governance import FINAL_DEPTH, running_governance

from custody.primitives.errors import InvalidInput, NodeUnavailable, WrongNetwork
from custody.store.database import open_database
from governance.contracts.deployment import CodeMismatch
from governance.indexer import indexer as module
from governance.indexer.indexer import IndexProgress
from governance.indexer.store import OtherContract
from governance.listing.state import ListingState

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_governance(tmp_path_factory.mktemp("governance")) as house:
        yield house


@pytest.fixture
def house(shared):
    with shared.undone():
        yield shared


@pytest.fixture
def database(tmp_path):
    return open_database(f"sqlite:///{tmp_path}/governance.db")


def test_refuses_another_chain(house):
    with pytest.raises(WrongNetwork):
        house.__class__.indexer(_elsewhere(house, chain_id=1))


def test_refuses_an_address_where_something_else_stands(house):
    addresses = {**house.deployment.addresses, "ListingVote": house.deployment.address("MEXT")}
    with pytest.raises(CodeMismatch):
        house.__class__.indexer(_elsewhere(house, addresses=addresses))


def test_refuses_the_database_of_another_contract(house, database):
    house.indexer(database)
    second = _elsewhere(house, addresses=_second_deployment(house))
    with pytest.raises(OtherContract):
        house.__class__.indexer(second, database)


@pytest.mark.parametrize("depth", [0, -1])
def test_refuses_a_depth_that_makes_the_future_final(house, depth):
    with pytest.raises(InvalidInput):
        house.indexer(depth=depth)


@pytest.mark.parametrize("method", ["eth_blockNumber", "eth_getBlockByNumber", "eth_getLogs"])
def test_a_broken_connection_changes_nothing(house, database, method):
    web3 = house.bending()
    indexer = house.indexer(database, web3)
    indexer.poll()
    house.carry()
    before = (indexer.tip_time_s(), indexer.final_number())

    def fail(asked, params):
        if asked == method:
            raise NoConnection("broken")

    web3.provider.before = fail
    with pytest.raises(NodeUnavailable):
        indexer.poll()
    assert (indexer.tip_time_s(), indexer.final_number()) == before
    web3.provider.before = lambda asked, params: None
    indexer.poll()
    assert len(indexer.listings().all()) == 1


def test_a_node_that_lags_behind_what_is_final_is_no_reorg(house, database):
    # A node that was restarted and catches up shows an old head; nothing that was final may be lost by it.
    web3 = house.bending()
    indexer = house.indexer(database, web3)
    house.carry()
    house.anvil.mine(FINAL_DEPTH)
    indexer.poll()
    before = (indexer.final_number(), indexer.outbox(), indexer.state_hash())
    web3.provider.after = lambda method, params, answer: (
        {**answer, "result": hex(5)} if method == "eth_blockNumber" else answer
    )
    with pytest.raises(NodeUnavailable):
        indexer.poll()
    web3.provider.after = lambda method, params, answer: answer
    assert indexer.poll() == IndexProgress(0, 0, 0)
    assert (indexer.final_number(), indexer.outbox(), indexer.state_hash()) == before


def test_a_node_that_lags_a_block_takes_back_what_is_not_final(house, database):
    web3 = house.bending()
    indexer = house.indexer(database, web3)
    house.carry()
    indexer.poll()
    final, head = indexer.final_number(), house.web3.eth.block_number
    web3.provider.after = lambda method, params, answer: (
        {**answer, "result": hex(head - 1)} if method == "eth_blockNumber" else answer
    )
    assert indexer.poll() == IndexProgress(0, 1, 0)
    assert indexer.listings().get(1).ending is None
    web3.provider.after = lambda method, params, answer: answer
    assert indexer.poll() == IndexProgress(1, 0, 0)
    assert indexer.listings().get(1).ending is ListingState.APPROVED
    assert indexer.final_number() == final


def test_polling_again_adds_nothing(house, database):
    indexer = house.indexer(database)
    house.carry()
    house.anvil.mine(FINAL_DEPTH)
    indexer.poll()
    before = (indexer.outbox(), indexer.state_hash(), indexer.listings().all())
    for _ in range(3):
        assert indexer.poll() == IndexProgress(0, 0, 0)
    assert (indexer.outbox(), indexer.state_hash(), indexer.listings().all()) == before


def test_an_approval_is_announced_from_its_final_block_on(house, database):
    indexer = house.indexer(database)
    listing = house.carry()
    for mined in range(FINAL_DEPTH):
        indexer.poll()
        assert indexer.listings().get(listing).ending is ListingState.APPROVED
        assert indexer.outbox() == ([] if mined < FINAL_DEPTH - 1 else [(1, listing)])
        house.anvil.mine()
    assert indexer.outbox(after=1) == []


def test_a_late_start_catches_up_in_bounded_steps(house, database, monkeypatch):
    monkeypatch.setattr(module, "BLOCKS_PER_POLL", 7)
    indexer = house.indexer(database)
    head = house.web3.eth.block_number
    steps = []
    while (progress := indexer.poll()).behind:
        steps.append(progress)
    assert {step.added for step in steps} == {7}
    assert steps[0].behind == head - house.deployment.block - 6
    assert indexer.tip_time_s() == house.now_s()


def test_an_indexer_that_is_stopped_at_any_block_comes_to_the_same_end(house, database, monkeypatch):
    house.carry()
    house.anvil.mine(FINAL_DEPTH)
    whole = house.indexer()
    whole.poll()
    monkeypatch.setattr(module, "BLOCKS_PER_POLL", 1)
    while house.indexer(database).poll().behind:
        pass
    stopped = house.indexer(database)
    assert (stopped.state_hash(), stopped.outbox()) == (whole.state_hash(), whole.outbox())


def test_a_rebuild_from_block_zero_gives_the_same_hash(house, database):
    indexer = house.indexer(database)
    indexer.poll()
    empty = indexer.state_hash()
    house.carry(0)
    indexer.poll()
    listing = house.carry(1)
    house.vote.confirm_listed(house.people["operator"], listing)
    house.anvil.mine(FINAL_DEPTH)
    indexer.poll()
    from_zero = house.__class__.indexer(_elsewhere(house, block=0))
    from_zero.poll()
    assert from_zero.state_hash() == indexer.state_hash() != empty
    assert from_zero.outbox() == indexer.outbox() == [(1, 1), (2, 2)]


def test_what_was_approved_and_lapsed_is_not_offered_any_more(house, database):
    # The outbox says what was decided; a consumer that comes too late must not open a market on it.
    indexer = house.indexer(database)
    listing = house.carry()
    house.reach(indexer_deadline(house, listing) + 30 * 86_400 - 1)
    house.anvil.mine(FINAL_DEPTH - 2)
    indexer.poll()
    house.reach(indexer_deadline(house, listing) + 30 * 86_400)
    indexer.poll()
    assert indexer.outbox() == [(1, listing)]
    assert indexer.approved() == ()
    assert house.vote.state_of(listing) is ListingState.LAPSED


def test_a_listed_market_stays_offered(house, database):
    indexer = house.indexer(database)
    listing = house.carry()
    house.vote.confirm_listed(house.people["operator"], listing)
    house.anvil.mine(FINAL_DEPTH)
    indexer.poll()
    assert [(found.id, found.ending) for found in indexer.approved()] == [(listing, ListingState.LISTED)]


def indexer_deadline(house, listing):
    return house.started_at(listing) + 48 * 3_600


def _elsewhere(house, **changes):
    # The same house with another record of where its contracts are.
    other = object.__new__(house.__class__)
    other.__dict__.update(house.__dict__)
    other.deployment = replace(house.deployment, **changes)
    return other


def _second_deployment(house):
    from governance.contracts.deployment import deploy  # noqa: PLC0415 - this one test needs it

    return deploy(house.deployer, house.holders, {}).addresses
