# A result that turns to yes in the last tenth of the voting opens two hours in which only votes against are taken.
import ape
import pytest

HOUR = 3600
MILLION = 10**24
AGAINST, FOR = 0, 1
LATE_FROM = 31 * HOUR
END = 34 * HOUR


@pytest.fixture
def turned(listing, people, clock, proposal):
    """Carol against, then alice turns the result in the last tenth."""
    clock.next_block_at(proposal.t0 + 4 * HOUR)
    listing.castVote(proposal.id, AGAINST, sender=people.carol)
    clock.next_block_at(proposal.t0 + LATE_FROM)
    listing.castVote(proposal.id, FOR, sender=people.alice)
    return proposal


def test_refuses_a_vote_for_in_the_objection_period(listing, people, clock, turned, state):
    clock.reach(turned.t0 + END)
    assert state(turned.id) == "Objection"
    with ape.reverts(listing.YesClosed):
        listing.castVote(turned.id, FOR, sender=people.bob)
    with ape.reverts(listing.YesClosed):
        listing.castVoteSplit(turned.id, 1, MILLION, sender=people.bob)


def test_a_signed_ballot_for_is_skipped_in_the_objection_period(listing, people, clock, turned, ballot):
    clock.next_block_at(turned.t0 + END)
    receipt = listing.castVotesBySig(turned.id, [ballot(people.bob, turned.id, FOR)], sender=people.relayer)
    assert [log.why for log in receipt.events.filter(listing.BallotSkipped)] == [0]


@pytest.mark.parametrize("offset_s", [END, 36 * HOUR - 1])
def test_takes_votes_against_to_the_last_second(listing, people, clock, turned, state, offset_s):
    clock.next_block_at(turned.t0 + offset_s)
    listing.castVote(turned.id, AGAINST, sender=people.bob)
    clock.reach(turned.t0 + 36 * HOUR)
    assert state(turned.id) == "Defeated"


def test_takes_no_vote_when_the_period_is_over(listing, people, clock, turned):
    clock.next_block_at(turned.t0 + 36 * HOUR)
    with ape.reverts(listing.NotInState):
        listing.castVote(turned.id, AGAINST, sender=people.bob)


def test_g06_a_late_whale_gives_the_others_two_hours(listing, people, clock, turned, state):
    clock.reach(turned.t0 + 36 * HOUR)
    assert state(turned.id) == "AwaitingVeto"


def test_opens_once_and_names_its_end(listing, people, clock, proposal):
    clock.next_block_at(proposal.t0 + END - 1)
    receipt = listing.castVote(proposal.id, FOR, sender=people.alice)
    assert [log.until for log in receipt.events.filter(listing.ListingExtended)] == [proposal.t0 + 36 * HOUR]


def test_a_turn_one_second_before_the_last_tenth_opens_nothing(listing, people, clock, proposal, state):
    clock.next_block_at(proposal.t0 + LATE_FROM - 1)
    listing.castVote(proposal.id, FOR, sender=people.alice)
    clock.reach(proposal.t0 + END)
    assert state(proposal.id) == "AwaitingVeto"


def test_a_late_vote_that_turns_nothing_opens_nothing(listing, people, clock, proposal, state):
    clock.next_block_at(proposal.t0 + 4 * HOUR)
    listing.castVote(proposal.id, FOR, sender=people.alice)
    clock.next_block_at(proposal.t0 + LATE_FROM)
    listing.castVote(proposal.id, FOR, sender=people.bob)
    clock.reach(proposal.t0 + END)
    assert state(proposal.id) == "AwaitingVeto"


def test_a_quorum_reached_late_is_a_turn_too(listing, people, clock, proposal, state):
    clock.next_block_at(proposal.t0 + 4 * HOUR)
    listing.castVote(proposal.id, FOR, sender=people.dave)
    clock.next_block_at(proposal.t0 + LATE_FROM)
    listing.castVote(proposal.id, FOR, sender=people.carol)
    clock.reach(proposal.t0 + END)
    assert state(proposal.id) == "Objection"


def test_a_batch_of_ballots_turns_the_result_as_one_vote(listing, people, clock, proposal, ballot):
    clock.next_block_at(proposal.t0 + LATE_FROM)
    ballots = [ballot(person, proposal.id) for person in (people.alice, people.bob)]
    receipt = listing.castVotesBySig(proposal.id, ballots, sender=people.relayer)
    assert len(receipt.events.filter(listing.ListingExtended)) == 1
