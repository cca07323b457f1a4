"""The pure state of a listing and the contract's `stateOf`, at every minute boundary of its life and beyond."""

import httpx
import pytest
from simulators.governance import DAY_S, HOUR_S, running_governance

from governance.ballots.typed import Support
from governance.contracts.listing_vote import STATES, VetoReason
from governance.listing.state import APPROVAL_GRACE_S, ListingState

pytestmark = pytest.mark.node
MINUTE_S = 60
LIFE_S = 49 * HOUR_S


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_governance(tmp_path_factory.mktemp("governance")) as house:
        yield house


@pytest.fixture
def house(shared):
    with shared.undone():
        yield shared


def untouched(house, listing):
    pass


def won(house, listing):
    house.reach(house.started_at(listing) + 4 * HOUR_S)
    house.vote.cast_vote(house.people["alice"], listing, Support.FOR)


def below_quorum(house, listing):
    house.reach(house.started_at(listing) + 4 * HOUR_S)
    house.vote.cast_vote(house.people["dave"], listing, Support.FOR)


def turned_late(house, listing):
    house.reach(house.started_at(listing) + 33 * HOUR_S)
    house.vote.cast_vote(house.people["alice"], listing, Support.FOR)


def turned_late_and_objected(house, listing):
    turned_late(house, listing)
    house.reach(house.started_at(listing) + 35 * HOUR_S)
    house.vote.cast_vote(house.people["bob"], listing, Support.AGAINST)
    house.vote.cast_vote(house.people["carol"], listing, Support.AGAINST)


def vetoed(house, listing):
    won(house, listing)
    house.vote.veto(house.people["guardian"], listing, VetoReason.LEGAL)


def rejected(house, listing):
    house.people["screener_a"].send(house.raw("ListingVote").functions.reject(listing, "no licence"))


def approved(house, listing):
    won(house, listing)
    house.reach(house.started_at(listing) + 44 * HOUR_S)
    house.vote.finalize(house.people["relayer"], listing)


def defeated(house, listing):
    below_quorum(house, listing)
    house.reach(house.started_at(listing) + 44 * HOUR_S)
    house.vote.finalize(house.people["relayer"], listing)


def listed(house, listing):
    approved(house, listing)
    house.vote.confirm_listed(house.people["operator"], listing)


LIVES = {
    untouched: {ListingState.SCREENING, ListingState.ACTIVE, ListingState.DEFEATED},
    won: {ListingState.SCREENING, ListingState.ACTIVE, ListingState.AWAITING_VETO},
    below_quorum: {ListingState.SCREENING, ListingState.ACTIVE, ListingState.DEFEATED},
    turned_late: {ListingState.SCREENING, ListingState.ACTIVE, ListingState.OBJECTION, ListingState.AWAITING_VETO},
    turned_late_and_objected: {
        ListingState.SCREENING,
        ListingState.ACTIVE,
        ListingState.OBJECTION,
        ListingState.DEFEATED,
    },
    vetoed: {ListingState.VETOED},
    rejected: {ListingState.REJECTED},
    approved: {ListingState.APPROVED, ListingState.LAPSED},
    defeated: {ListingState.DEFEATED},
    listed: {ListingState.LISTED},
}


def contract_states(house, listing, times):
    # The node runs the contract's own code as if its block had each of these times; all in one request.
    call = {"to": house.vote.box.contract, "data": house.raw("ListingVote").encode_abi("stateOf", [listing])}
    asked = [
        {"jsonrpc": "2.0", "id": at, "method": "eth_call", "params": [call, "latest", {}, {"time": hex(at)}]}
        for at in times
    ]
    answers = httpx.post(house.anvil.url, json=asked, timeout=60).json()
    return {answer["id"]: STATES[int(answer["result"], 16)] for answer in answers}


def boundaries(started_s):
    lapse_s = started_s + 48 * HOUR_S + APPROVAL_GRACE_S
    return [
        *range(started_s, started_s + LIFE_S, MINUTE_S),
        *(started_s + hours * HOUR_S - 1 for hours in range(1, 49)),
        *range(started_s + LIFE_S, lapse_s, DAY_S),
        *range(lapse_s - 2, lapse_s + 3),
    ]


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_state_equals_the_contract_at_every_minute(house, life):
    indexer = house.indexer()
    listing_id = house.propose()
    life(house, listing_id)
    indexer.poll()
    listing = indexer.listings().get(listing_id)
    times = boundaries(listing.started_at_s)
    computed = {at: listing.state(at) for at in times}
    assert computed == contract_states(house, listing_id, times)
    assert set(computed.values()) == LIVES[life]


def test_tallies_and_passing_equal_the_contracts(house):
    indexer = house.indexer()
    listing_id = house.propose()
    house.reach(house.started_at(listing_id) + 33 * HOUR_S)
    for name, support in (("dave", Support.FOR), ("carol", Support.AGAINST), ("alice", Support.FOR)):
        house.vote.cast_vote(house.people[name], listing_id, support)
        indexer.poll()
        listing, stored = indexer.listings().get(listing_id), house.vote.proposal(listing_id)
        assert (listing.yes, listing.no, listing.quorum) == (stored.yes, stored.no, stored.quorum)
        assert listing.is_passing() is house.raw("ListingVote").functions.isPassing(listing_id).call()
        assert (listing.extended_until_s is not None) is stored.is_extended
    assert listing.extended_until_s == listing.started_at_s + 36 * HOUR_S
