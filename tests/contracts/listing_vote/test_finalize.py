import ape
import pytest

HOUR = 3600
DEPOSIT = 50_000 * 10**18
MILLION = 10**24
AGAINST, FOR = 0, 1


@pytest.fixture
def finalize_after(listing, people, clock, proposal):
    """Vote as told, then finalize; gives the receipt."""

    def run(votes):
        clock.next_block_at(proposal.t0 + 4 * HOUR)
        for name, support in votes:
            listing.castVote(proposal.id, support, sender=getattr(people, name))
        clock.next_block_at(proposal.t0 + 44 * HOUR)
        return listing.finalize(proposal.id, sender=people.mallory)

    return run


def test_refuses_during_the_voting(listing, people, in_voting):
    with ape.reverts(listing.NotInState):
        listing.finalize(in_voting.id, sender=people.relayer)


def test_refuses_a_defeated_proposal_before_the_veto_period_ends(listing, people, clock, proposal):
    clock.next_block_at(proposal.t0 + 34 * HOUR)
    with ape.reverts(listing.TooEarly):
        listing.finalize(proposal.id, sender=people.relayer)


@pytest.mark.parametrize("votes", [[("alice", FOR)], [("alice", AGAINST)], []])
def test_refuses_a_second_time_so_that_a_deposit_leaves_once(listing, people, proposal, finalize_after, votes):
    finalize_after(votes)
    with ape.reverts(listing.NotInState):
        listing.finalize(proposal.id, sender=people.relayer)


def test_a_tie_is_a_defeat_in_the_regular_lane(listing, people, clock, proposal, state):
    clock.next_block_at(proposal.t0 + 4 * HOUR)
    listing.castVoteSplit(proposal.id, 30 * MILLION, 30 * MILLION, sender=people.alice)
    clock.reach(proposal.t0 + 44 * HOUR)
    assert state(proposal.id) == "Defeated"


def test_one_unit_more_than_half_passes(listing, people, clock, proposal, state):
    clock.next_block_at(proposal.t0 + 4 * HOUR)
    listing.castVoteSplit(proposal.id, 30 * MILLION, 30 * MILLION - 1, sender=people.alice)
    clock.reach(proposal.t0 + 44 * HOUR)
    assert state(proposal.id) == "AwaitingVeto"


@pytest.mark.parametrize(("yes", "expected"), [(20 * MILLION - 1, "Defeated"), (20 * MILLION, "AwaitingVeto")])
def test_the_quorum_is_met_by_its_last_unit(listing, people, clock, proposal, state, yes, expected):
    clock.next_block_at(proposal.t0 + 4 * HOUR)
    listing.castVoteSplit(proposal.id, yes, 0, sender=people.alice)
    clock.reach(proposal.t0 + 44 * HOUR)
    assert state(proposal.id) == expected


@pytest.mark.parametrize(("yes", "no", "expected"), [(6_667, 3_333, "AwaitingVeto"), (6_666, 3_334, "Defeated")])
def test_the_expedited_share_is_met_at_two_thirds_exactly(listing, people, clock, expedited, state, yes, no, expected):
    made = expedited()
    clock.next_block_at(made.t0 + HOUR)
    unit = 50 * MILLION // 10_000
    listing.castVoteSplit(made.id, yes * unit, no * unit, sender=people.alice)
    clock.reach(made.t0 + 11 * HOUR)
    assert state(made.id) == expected


def test_a_proposal_that_nearly_nobody_voted_on_loses_its_deposit(listing, people, mext, finalize_after):
    receipt = finalize_after([("dave", FOR)])
    assert receipt.events.filter(listing.DepositSlashed)[0].amount == DEPOSIT
    assert mext.balanceOf(people.treasury) == DEPOSIT


@pytest.mark.parametrize(("no", "returned"), [(5 * MILLION - 1, False), (5 * MILLION, True)])
def test_a_quarter_of_the_quorum_saves_the_deposit(listing, people, mext, clock, proposal, no, returned):
    clock.next_block_at(proposal.t0 + 4 * HOUR)
    listing.castVoteSplit(proposal.id, 0, no, sender=people.alice)
    clock.next_block_at(proposal.t0 + 44 * HOUR)
    receipt = listing.finalize(proposal.id, sender=people.relayer)
    assert bool(receipt.events.filter(listing.DepositReturned)) is returned
    assert bool(receipt.events.filter(listing.DepositSlashed)) is not returned
    assert mext.balanceOf(listing) == 0


def test_an_honest_defeat_returns_the_deposit(listing, people, mext, proposal, finalize_after, state):
    before = mext.balanceOf(people.proposer)
    receipt = finalize_after([("alice", AGAINST), ("bob", FOR)])
    log = receipt.events.filter(listing.ListingDefeated)[0]
    assert (log.yes, log.no) == (45 * MILLION, 60 * MILLION)
    assert mext.balanceOf(people.proposer) - before == DEPOSIT
    assert state(proposal.id) == "Defeated"


def test_g20_anyone_finalizes_an_approval_and_the_deposit_is_back(
    listing, people, mext, proposal, finalize_after, state
):
    before = mext.balanceOf(people.proposer)
    receipt = finalize_after([("alice", FOR), ("bob", AGAINST)])
    log = receipt.events.filter(listing.ListingApproved)[0]
    assert log.assetId == listing.assetIdOf(proposal.asset.fields)
    assert log.slaDeadline == proposal.t0 + 48 * HOUR
    assert mext.balanceOf(people.proposer) - before == DEPOSIT
    assert mext.balanceOf(listing) == 0
    assert state(proposal.id) == "Approved"
