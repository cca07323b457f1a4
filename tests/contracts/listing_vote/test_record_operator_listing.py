# Credits of an epoch: a listing by vote gives three, one by the operator costs seven (G21).
import ape
import pytest

FOR = 1


@pytest.fixture
def list_alone(listing, people, new_asset):
    return lambda asset=None: listing.recordOperatorListing((asset or new_asset()).fields, sender=people.operator)


@pytest.mark.parametrize("who", ["mallory", "screener_a", "guardian", "admin"])
def test_refuses_anyone_but_the_operator(listing, people, asset, who):
    with ape.reverts(listing.AccessControlUnauthorizedAccount):
        listing.recordOperatorListing(asset.fields, sender=getattr(people, who))


def test_g21_refuses_without_any_listing_by_vote(listing, list_alone):
    with ape.reverts(listing.OperatorShareUsed):
        list_alone()


def test_refuses_a_listed_asset(listing, carry, people, list_alone, enlist):
    enlist(3)
    made = carry()
    listing.confirmListed(made.id, sender=people.operator)
    with ape.reverts(listing.AlreadyListed):
        list_alone(made.asset)


def test_refuses_an_asset_under_a_running_vote(listing, enlist, propose, list_alone):
    enlist(3)
    made = propose()
    with ape.reverts(listing.AssetTaken):
        list_alone(made.asset)


def test_g21_seven_of_ten_come_from_votes_in_any_order(listing, enlist, list_alone):
    by_vote = by_operator = 0
    for _ in range(5):
        enlist(1)
        by_vote += 1
        while True:
            affordable = 3 * by_vote >= 7 * (by_operator + 1)
            assert (listing.operatorListingsLeft() > 0) is affordable
            if not affordable:
                with ape.reverts(listing.OperatorShareUsed):
                    list_alone()
                break
            list_alone()
            by_operator += 1
        assert by_vote * 10_000 >= 7_000 * (by_vote + by_operator)
    assert (by_vote, by_operator) == (5, 2)


def test_g21_credits_end_with_the_epoch_and_its_edge_belongs_to_the_next(listing, clock, enlist, new_asset, list_alone):
    enlist(3)
    edge = (clock.next // listing.EPOCH_S() + 1) * listing.EPOCH_S()
    first, second = new_asset(), new_asset()
    clock.next_block_at(edge)
    with ape.reverts(listing.OperatorShareUsed):
        list_alone(first)
    assert listing.epochOf(edge) == listing.epochOf(edge - 1) + 1
    with ape.reverts(listing.OperatorShareUsed):
        list_alone(second)


def test_the_last_second_of_an_epoch_still_has_its_credits(listing, clock, enlist, asset, list_alone):
    enlist(3)
    edge = (clock.next // listing.EPOCH_S() + 1) * listing.EPOCH_S()
    clock.next_block_at(edge - 1)
    receipt = list_alone(asset)
    assert receipt.timestamp == edge - 1
    log = receipt.events.filter(listing.OperatorListed)[0]
    assert log.assetId == listing.assetIdOf(asset.fields)
    assert listing.isListed(log.assetId)
