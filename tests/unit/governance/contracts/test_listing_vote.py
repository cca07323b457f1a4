import pytest

from custody.primitives.errors import InvalidInput, LimitExceeded, NotFound
from governance.ballots.signing import SignedBallot, verify_ballot
from governance.ballots.typed import Ballot, BallotBox, Support, ballot_digest
from governance.contracts.listing_vote import BATCH_LIMIT, Attestation, Lane, Skip, VetoReason
from governance.contracts.sending import CallReverted
from governance.listing.state import ListingState

pytestmark = pytest.mark.node
HOUR_S, DAY_S = 3_600, 86_400
MILLION = 10**24


def error_of(raised):
    return raised.value.facts["error"]


def in_voting(house, number=0):
    listing = house.propose(number)
    house.reach(house.started_at(listing) + 4 * HOUR_S)
    return listing


def attested(house, candidate, *names):
    deadline_s = house.now_s() + HOUR_S
    digest = house.vote.diligence_digest(candidate, house.people["proposer"].address, deadline_s)
    accounts = [house.people[name].account for name in names]
    return tuple(Attestation(a.address, deadline_s, bytes(a.unsafe_sign_hash(digest).signature)) for a in accounts)


def make_room(house):
    # Four regular listings, all in one epoch, make room for one expedited.
    epoch_s = 91 * DAY_S
    if house.now_s() % epoch_s > epoch_s - 12 * DAY_S:
        house.reach((house.now_s() // epoch_s + 1) * epoch_s)
    for number in range(1, 5):
        house.vote.confirm_listed(house.people["operator"], house.carry(number))


@pytest.mark.parametrize("listing", [0, 1, 999])
def test_refuses_to_speak_of_an_unknown_proposal(house, listing):
    with pytest.raises(NotFound):
        house.vote.state_of(listing)
    with pytest.raises(NotFound):
        house.vote.proposal(listing)


def test_refuses_a_token_without_code(house):
    with pytest.raises(NotFound):
        house.vote.code_hash(house.people["alice"].address)


def test_refuses_a_proposal_without_deposit(house):
    with pytest.raises(CallReverted) as raised:
        house.vote.propose(house.people["proposer"], house.candidate())
    assert error_of(raised) == "ERC20InsufficientAllowance"


def test_refuses_a_token_whose_code_is_another(house):
    with pytest.raises(CallReverted) as raised:
        house.propose(code_hash=b"\x01" * 32)
    assert error_of(raised) == "CodeChanged"


def test_g19_refuses_a_second_live_proposal_for_a_token(house):
    house.propose()
    with pytest.raises(CallReverted) as raised:
        house.propose()
    assert error_of(raised) == "AssetTaken"


def test_refuses_votes_before_the_voting_and_after_it(house):
    listing = house.propose()
    for time_s in (house.started_at(listing) + HOUR_S, house.started_at(listing) + 34 * HOUR_S):
        house.reach(time_s)
        with pytest.raises(CallReverted) as raised:
            house.vote.cast_vote(house.people["alice"], listing, Support.FOR)
        assert error_of(raised) == "NotInState"


def test_refuses_a_second_vote(house):
    listing = in_voting(house)
    house.vote.cast_vote(house.people["alice"], listing, Support.FOR)
    with pytest.raises(CallReverted) as raised:
        house.vote.cast_vote(house.people["alice"], listing, Support.AGAINST)
    assert error_of(raised) == "AlreadyVoted"


def test_refuses_to_finalize_before_the_veto_ends(house):
    listing = in_voting(house)
    house.vote.cast_vote(house.people["alice"], listing, Support.FOR)
    house.reach(house.started_at(listing) + 44 * HOUR_S - 60)
    with pytest.raises(CallReverted) as raised:
        house.vote.finalize(house.people["relayer"], listing)
    assert error_of(raised) == "TooEarly"


@pytest.mark.parametrize("name", ["mallory", "guardian", "admin"])
def test_refuses_a_confirmation_by_anyone_but_the_operator(house, name):
    listing = house.carry()
    with pytest.raises(CallReverted) as raised:
        house.vote.confirm_listed(house.people[name], listing)
    assert error_of(raised) == "AccessControlUnauthorizedAccount"


def test_refuses_a_veto_by_anyone_but_the_council(house):
    listing = in_voting(house)
    with pytest.raises(CallReverted) as raised:
        house.vote.veto(house.people["operator"], listing, VetoReason.LEGAL)
    assert error_of(raised) == "AccessControlUnauthorizedAccount"


def test_a_veto_ends_the_vote_and_returns_the_deposit(house):
    mext = house.raw("MEXT").functions
    proposer = house.people["proposer"].address
    before = mext.balanceOf(proposer).call()
    listing = in_voting(house)
    house.vote.veto(house.people["guardian"], listing, VetoReason.SECURITY)
    assert house.vote.state_of(listing) is ListingState.VETOED
    assert mext.balanceOf(proposer).call() == before


@pytest.mark.parametrize("count", [0, BATCH_LIMIT + 1])
def test_refuses_an_empty_batch_and_one_too_large(house, count):
    ballots = [house.ballot("alice", 1)] * count
    with pytest.raises(LimitExceeded):
        house.vote.cast_ballots(house.people["relayer"], 1, ballots)


@pytest.mark.parametrize("box", ["chain", "contract", "listing"])
def test_g10_a_ballot_of_elsewhere_is_refused_before_anything_is_sent(house, box):
    own = house.vote.box
    wrong = {
        "chain": (BallotBox(1, own.contract), 1),
        "contract": (BallotBox(own.chain_id, house.deployment.address("MEXT")), 1),
        "listing": (own, 2),
    }[box]
    stray = SignedBallot(Ballot(wrong[0], house.people["alice"].address, wrong[1], Support.FOR), bytes(65))
    with pytest.raises(InvalidInput):
        house.vote.cast_ballots(house.people["relayer"], 1, [stray])


def test_g12_bad_ballots_are_passed_over_and_the_others_count(house):
    listing = in_voting(house)
    house.vote.cast_vote(house.people["dave"], listing, Support.AGAINST)
    good, forged = house.ballot("alice", listing), house.ballot("bob", listing)
    turned = Ballot(house.vote.box, house.people["bob"].address, listing, Support.AGAINST)
    outcome = house.vote.cast_ballots(
        house.people["relayer"],
        listing,
        [
            good,
            SignedBallot(turned, forged.signature),
            house.ballot("dave", listing),
            house.ballot("mallory", listing),
            house.ballot("carol", listing, Support.AGAINST),
            good,
        ],
    )
    address = {name: person.address for name, person in house.people.items()}
    assert outcome.counted == (address["alice"], address["carol"])
    assert outcome.skipped == (
        (address["bob"], Skip.BAD_SIGNATURE),
        (address["dave"], Skip.ALREADY_VOTED),
        (address["mallory"], Skip.NO_WEIGHT),
        (address["alice"], Skip.ALREADY_VOTED),
    )
    stored = house.vote.proposal(listing)
    assert (stored.yes, stored.no) == (60 * MILLION, 34 * MILLION)
    assert not house.vote.has_voted(listing, address["bob"])


def test_the_digest_of_a_ballot_is_the_contracts(house):
    for support in Support:
        for listing in (1, 77, 2**200):
            ballot = Ballot(house.vote.box, house.people["alice"].address, listing, support)
            assert ballot_digest(ballot) == house.vote.ballot_digest(listing, ballot.voter, support)


def test_a_ballot_that_verifies_here_counts_there(house):
    listing = in_voting(house)
    ballots = [house.ballot(name, listing) for name in ("alice", "bob", "carol")]
    for signed in ballots:
        verify_ballot(signed)
    outcome = house.vote.cast_ballots(house.people["relayer"], listing, ballots)
    assert (len(outcome.counted), outcome.skipped) == (3, ())


def test_g02_tokens_bought_on_the_last_day_weigh_nothing(house):
    mallory = house.people["mallory"]
    house.people["alice"].send(house.raw("MEXT").functions.transfer(mallory.address, 50 * MILLION))
    house.vote.delegate(mallory, mallory.address)
    house.reach(house.now_s() + DAY_S - 60)
    listing = in_voting(house)
    assert house.vote.weight_of(listing, mallory.address) == 0
    assert house.vote.weight_of(listing, house.people["alice"].address) == 10 * MILLION


@pytest.mark.parametrize("names", [(), ("screener_a",), ("screener_a", "mallory")], ids=len)
def test_refuses_an_expedited_proposal_without_two_screeners(house, names):
    candidate = house.candidate(0, Lane.EXPEDITED)
    house.vote.approve_deposit(house.people["proposer"], Lane.EXPEDITED)
    with pytest.raises(CallReverted) as raised:
        house.propose(0, Lane.EXPEDITED, attestations=attested(house, candidate, *names))
    assert error_of(raised) in ("AttestationCount", "AttestationRefused")


def test_g22_refuses_an_expedited_proposal_without_room(house):
    candidate = house.candidate(0, Lane.EXPEDITED)
    given = attested(house, candidate, "screener_a", "screener_b")
    with pytest.raises(CallReverted) as raised:
        house.propose(0, Lane.EXPEDITED, attestations=given)
    assert error_of(raised) == "ExpeditedShareUsed"


def test_an_expedited_vote_lists_within_twelve_hours(house):
    make_room(house)
    candidate = house.candidate(0, Lane.EXPEDITED)
    given = attested(house, candidate, "screener_b", "screener_a")
    listing = house.propose(0, Lane.EXPEDITED, attestations=given)
    started = house.started_at(listing)
    house.reach(started + 15 * 60)
    outcome = house.vote.cast_ballots(house.people["relayer"], listing, [house.ballot("alice", listing)])
    assert len(outcome.counted) == 1
    house.reach(started + 11 * HOUR_S)
    house.vote.finalize(house.people["relayer"], listing)
    house.vote.confirm_listed(house.people["operator"], listing)
    assert house.vote.state_of(listing) is ListingState.LISTED
    assert house.now_s() < started + 12 * HOUR_S
    assert not house.vote.proposal(listing).is_breached


def test_a_regular_vote_lists_within_forty_eight_hours(house):
    listing = house.carry()
    assert house.vote.state_of(listing) is ListingState.APPROVED
    house.vote.confirm_listed(house.people["operator"], listing)
    assert house.vote.state_of(listing) is ListingState.LISTED
    assert house.now_s() < house.started_at(listing) + 48 * HOUR_S
    assert not house.vote.proposal(listing).is_breached
