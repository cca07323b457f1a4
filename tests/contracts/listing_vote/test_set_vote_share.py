import ape
import pytest


@pytest.mark.parametrize("who", ["mallory", "guardian", "operator", "deployer"])
def test_refuses_anyone_but_the_admin(listing, people, who):
    with ape.reverts(listing.AccessControlUnauthorizedAccount):
        listing.setVoteShare(8_000, sender=getattr(people, who))


@pytest.mark.parametrize("share", [0, 6_999, 10_001, 2**16])
def test_refuses_a_share_below_the_floor_or_above_all(listing, people, share):
    with ape.reverts(listing.ShareOutOfBounds, shareBps=share):
        listing.setVoteShare(share, sender=people.admin)


def test_g14_a_new_share_counts_from_the_next_epoch(listing, people, clock):
    receipt = listing.setVoteShare(10_000, sender=people.admin)
    epoch = listing.epochOf(receipt.timestamp)
    assert listing.voteShareBps(epoch) == 7_000
    assert listing.voteShareBps(epoch + 1) == 10_000
    clock.reach((epoch + 1) * listing.EPOCH_S())
    listing.setVoteShare(8_000, sender=people.admin)
    assert listing.voteShareBps(epoch + 1) == 10_000
    assert listing.voteShareBps(epoch + 2) == 8_000


def test_with_a_full_share_the_operator_lists_nothing_alone(listing, people, clock, enlist, asset):
    receipt = listing.setVoteShare(10_000, sender=people.admin)
    clock.reach((listing.epochOf(receipt.timestamp) + 1) * listing.EPOCH_S())
    enlist(4)
    assert listing.operatorListingsLeft() == 0
    with ape.reverts(listing.OperatorShareUsed):
        listing.recordOperatorListing(asset.fields, sender=people.operator)
