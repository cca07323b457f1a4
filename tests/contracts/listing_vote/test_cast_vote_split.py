import ape
import pytest

HOUR = 3600
MILLION = 10**24
FOR = 1


@pytest.mark.parametrize(
    ("yes", "no"),
    [(60 * MILLION + 1, 0), (0, 60 * MILLION + 1), (30 * MILLION, 30 * MILLION + 1), (2**256 - 1, 60 * MILLION)],
)
def test_g17_refuses_more_than_the_weight(listing, people, in_voting, yes, no):
    with ape.reverts(listing.MoreThanWeight):
        listing.castVoteSplit(in_voting.id, yes, no, sender=people.alice)


def test_refuses_an_empty_split(listing, people, in_voting):
    with ape.reverts(listing.NoWeight):
        listing.castVoteSplit(in_voting.id, 0, 0, sender=people.alice)


def test_refuses_a_voter_without_votes(listing, people, in_voting):
    with ape.reverts(listing.NoWeight):
        listing.castVoteSplit(in_voting.id, 0, 1, sender=people.mallory)


def test_g10_refuses_the_rest_of_a_split_as_a_second_vote(listing, people, in_voting):
    listing.castVoteSplit(in_voting.id, MILLION, 0, sender=people.alice)
    with ape.reverts(listing.AlreadyVoted):
        listing.castVoteSplit(in_voting.id, MILLION, 0, sender=people.alice)
    with ape.reverts(listing.AlreadyVoted):
        listing.castVote(in_voting.id, FOR, sender=people.alice)


def test_refuses_before_the_voting(listing, people, proposal):
    with ape.reverts(listing.NotInState):
        listing.castVoteSplit(proposal.id, 1, 0, sender=people.alice)


def test_counts_both_parts_and_leaves_the_rest_out(listing, people, in_voting):
    receipt = listing.castVoteSplit(in_voting.id, 20 * MILLION, 15 * MILLION, sender=people.alice)
    stored = listing.proposalOf(in_voting.id)
    log = receipt.events.filter(listing.ListingVoteCast)[0]
    assert (stored.yes, stored.no) == (log.yes, log.no) == (20 * MILLION, 15 * MILLION)
