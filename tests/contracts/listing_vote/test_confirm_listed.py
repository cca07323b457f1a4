import ape
import pytest

HOUR, DAY = 3600, 86_400


@pytest.mark.parametrize("who", ["mallory", "screener_a", "guardian", "admin", "proposer"])
def test_refuses_anyone_but_the_operator(listing, people, carry, who):
    made = carry()
    with ape.reverts(listing.AccessControlUnauthorizedAccount):
        listing.confirmListed(made.id, sender=getattr(people, who))


def test_refuses_what_is_not_approved(listing, people, proposal):
    with ape.reverts(listing.NotInState):
        listing.confirmListed(proposal.id, sender=people.operator)


def test_refuses_a_second_confirmation(listing, people, carry):
    made = carry()
    listing.confirmListed(made.id, sender=people.operator)
    with ape.reverts(listing.NotInState):
        listing.confirmListed(made.id, sender=people.operator)


def test_an_approval_lapses_thirty_days_after_its_deadline(listing, people, clock, carry, state):
    made = carry()
    clock.reach(made.t0 + 48 * HOUR + 30 * DAY - 1)
    assert state(made.id) == "Approved"
    clock.reach(made.t0 + 48 * HOUR + 30 * DAY)
    assert state(made.id) == "Lapsed"
    with ape.reverts(listing.NotInState):
        listing.confirmListed(made.id, sender=people.operator)


def test_a_lapsed_token_can_be_proposed_again(clock, carry, propose):
    made = carry()
    clock.reach(made.t0 + 48 * HOUR + 30 * DAY)
    assert propose(made.asset).id == made.id + 1


def test_counts_the_listing_in_the_epoch_of_its_confirmation(listing, people, carry):
    made = carry()
    receipt = listing.confirmListed(made.id, sender=people.operator)
    counts = listing.listingsOf(listing.epochOf(receipt.timestamp))
    assert (counts.byVote, counts.regular, counts.byOperator, counts.expedited) == (1, 1, 0, 0)
    assert listing.isListed(listing.assetIdOf(made.asset.fields))
