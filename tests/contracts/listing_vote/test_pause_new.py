import ape
import pytest

HOUR = 3600
LIMIT = 72 * HOUR
FOR = 1


@pytest.mark.parametrize("who", ["mallory", "screener_a", "operator", "admin"])
def test_refuses_anyone_but_the_guardian(listing, people, who):
    with ape.reverts(listing.AccessControlUnauthorizedAccount):
        listing.pauseNew(HOUR, sender=getattr(people, who))


@pytest.mark.parametrize("seconds", [0, LIMIT + 1, 2**255])
def test_refuses_a_length_outside_the_limit(listing, people, seconds):
    with ape.reverts(listing.PauseLength):
        listing.pauseNew(seconds, sender=people.guardian)


@pytest.mark.parametrize("after_s", [1, HOUR, LIMIT + HOUR - 1])
def test_refuses_pauses_that_chain(listing, people, clock, after_s):
    until = listing.pauseNew(HOUR, sender=people.guardian).timestamp + HOUR
    clock.next_block_at(until - HOUR + after_s)
    with ape.reverts(listing.PauseTooSoon, allowedAt=until + LIMIT):
        listing.pauseNew(HOUR, sender=people.guardian)


def test_allows_another_pause_after_the_rest(listing, people, clock):
    until = listing.pauseNew(LIMIT, sender=people.guardian).timestamp + LIMIT
    clock.next_block_at(until + LIMIT)
    listing.pauseNew(LIMIT, sender=people.guardian)
    assert listing.pausedUntil() == until + 2 * LIMIT


def test_leaves_running_proposals_alone(listing, people, clock, proposal, state):
    listing.pauseNew(LIMIT, sender=people.guardian)
    clock.next_block_at(proposal.t0 + 4 * HOUR)
    listing.castVote(proposal.id, FOR, sender=people.alice)
    clock.next_block_at(proposal.t0 + 44 * HOUR)
    listing.finalize(proposal.id, sender=people.relayer)
    listing.confirmListed(proposal.id, sender=people.operator)
    assert state(proposal.id) == "Listed"
