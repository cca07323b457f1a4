# Attack G35: an event with the right topic from the wrong place, and a node that lies about ours.
import pytest
from eth_abi import encode
from eth_utils import to_hex
from simulators.governance import FINAL_DEPTH, GovernanceHouse

from custody.primitives.errors import NodesDisagree, WrongNetwork
from custody.store.database import open_database
from governance.indexer.source import AnswerRefused
from governance.listing.state import EventContradiction, ListingState

pytestmark = pytest.mark.node


@pytest.fixture
def database(tmp_path):
    return open_database(f"sqlite:///{tmp_path}/governance.db")


def lie_about_logs(web3, change):
    def after(method, params, answer):
        if method != "eth_getLogs" or "result" not in answer:
            return answer
        return {**answer, "result": change(answer["result"], to_hex(params[0]["blockHash"]))}

    web3.provider.after = after


def forged_approval(house, block_hash, listing, address=None):
    # What the node would answer if our contract had emitted ListingApproved in this block.
    block = house.anvil.rpc.call("eth_getBlockByHash", block_hash, False)
    contract = house.raw("ListingVote")
    return {
        "address": address or contract.address,
        "topics": [contract.events.ListingApproved().topic, f"0x{listing:064x}", "0x" + "11" * 32],
        "data": "0x" + encode(["uint8", "uint256"], [0, 2**40]).hex(),
        "blockHash": block_hash,
        "blockNumber": block["number"],
        "transactionHash": "0x" + "22" * 32,
        "transactionIndex": "0x0",
        "logIndex": "0x40",
        "removed": False,
    }


def test_g35_the_same_contract_at_another_address_says_nothing_to_us(house, database):
    # Real events with the real topics and an approval, made by an attacker who owns the whole supply of a copy.
    indexer = house.indexer(database)
    copy = GovernanceHouse(house.anvil)
    assert copy.deployment.address("ListingVote") != house.deployment.address("ListingVote")
    listing = copy.carry()
    house.anvil.mine(2 * FINAL_DEPTH)
    indexer.poll()
    assert copy.vote.state_of(listing) is ListingState.APPROVED
    assert (indexer.listings().all(), indexer.outbox()) == ((), [])


@pytest.mark.parametrize(
    "lie",
    [
        {"address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
        {"blockHash": "0x" + "33" * 32},
        {"removed": True},
        {"topics": []},
        {"topics": ["0x" + "44" * 32]},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_g35_an_answer_to_another_question_is_refused_whole(house, database, lie):
    web3 = house.bending()
    indexer = house.indexer(database, web3)
    lie_about_logs(web3, lambda logs, asked: [{**forged_approval(house, asked, 1), **lie}])
    with pytest.raises(AnswerRefused):
        indexer.poll()
    assert (indexer.tip_time_s(), indexer.outbox()) == (0, [])


def test_g35_a_log_that_comes_twice_is_refused(house, database):
    web3 = house.bending()
    house.propose()
    indexer = house.indexer(database, web3)
    lie_about_logs(web3, lambda logs, asked: logs + logs)
    with pytest.raises(AnswerRefused):
        indexer.poll()


def test_g35_another_block_than_asked_is_refused(house, database):
    web3 = house.bending()
    indexer = house.indexer(database, web3)
    genesis = house.anvil.rpc.call("eth_getBlockByNumber", "0x0", False)
    web3.provider.after = lambda method, params, answer: (
        {**answer, "result": genesis} if method == "eth_getBlockByNumber" else answer
    )
    with pytest.raises(AnswerRefused):
        indexer.poll()


def test_g35_a_forged_approval_without_its_votes_is_announced_to_nobody(house, database):
    web3 = house.bending()
    listing = house.propose()
    target = house.web3.eth.get_block("latest")["hash"].to_0x_hex()
    indexer = house.indexer(database, web3)
    lie_about_logs(
        web3,
        lambda logs, asked: [*logs, forged_approval(house, target, listing)] if asked == target else logs,
    )
    house.anvil.mine(FINAL_DEPTH)
    for _ in range(2):
        with pytest.raises(EventContradiction):
            indexer.poll()
    assert indexer.outbox() == []


def test_g35_a_lie_that_fits_is_caught_by_a_witness(house, database):
    # The vote passed; the node claims that it was finalized as well, at the right time.
    web3 = house.bending()
    listing = house.carry()
    house.anvil.reorg(1)
    target = house.web3.eth.get_block("latest")["hash"].to_0x_hex()
    lie_about_logs(
        web3,
        lambda logs, asked: [*logs, forged_approval(house, target, listing)] if asked == target else logs,
    )
    house.anvil.mine(FINAL_DEPTH)
    believing = house.indexer(web3=web3)
    believing.poll()
    assert believing.outbox() == [(1, listing)]  # one node alone can lie; this is why there are witnesses
    indexer = house.indexer(database, web3, witnesses=[house.web3])
    with pytest.raises(NodesDisagree):
        indexer.poll()
    assert indexer.outbox() == []


def test_g35_a_witness_on_another_fork_stops_finality(house, database):
    witness = house.bending()
    listing = house.carry()
    indexer = house.indexer(database, witnesses=[witness])
    house.anvil.mine(FINAL_DEPTH)

    def other_fork(method, params, answer):
        if method != "eth_getBlockByNumber":
            return answer
        return {**answer, "result": {**answer["result"], "hash": "0x" + "55" * 32}}

    witness.provider.after = other_fork
    with pytest.raises(NodesDisagree):
        indexer.poll()
    assert (indexer.outbox(), indexer.final_number()) == ([], -1)
    witness.provider.after = lambda method, params, answer: answer
    indexer.poll()
    assert indexer.outbox() == [(1, listing)]


def test_g35_a_witness_of_another_chain_is_refused(house, database):
    witness = house.bending()
    witness.provider.after = lambda method, params, answer: (
        {**answer, "result": "0x1"} if method == "eth_chainId" else answer
    )
    with pytest.raises(WrongNetwork):
        house.indexer(database, witnesses=[witness])
