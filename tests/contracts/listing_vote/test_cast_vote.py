import ape
import pytest

HOUR, DAY = 3600, 86_400
ETHER = 10**18
MILLION = 10**6 * ETHER
AGAINST, FOR = 0, 1


@pytest.mark.parametrize("support", [2, 255])
def test_refuses_any_support_but_for_and_against(listing, people, in_voting, support):
    with ape.reverts(listing.UnknownSupport, support=support):
        listing.castVote(in_voting.id, support, sender=people.alice)


def test_refuses_a_proposal_that_does_not_exist(listing, people):
    with ape.reverts(listing.NotInState):
        listing.castVote(77, FOR, sender=people.alice)


@pytest.mark.parametrize("again", [AGAINST, FOR])
def test_g10_refuses_a_second_vote(listing, people, in_voting, again):
    listing.castVote(in_voting.id, FOR, sender=people.alice)
    with ape.reverts(listing.AlreadyVoted, voter=people.alice):
        listing.castVote(in_voting.id, again, sender=people.alice)


def test_refuses_a_voter_without_votes(listing, people, in_voting):
    with ape.reverts(listing.NoWeight, voter=people.mallory):
        listing.castVote(in_voting.id, FOR, sender=people.mallory)


def test_refuses_a_holder_who_never_delegated(listing, people, in_voting):
    with ape.reverts(listing.NoWeight, voter=people.holder):
        listing.castVote(in_voting.id, FOR, sender=people.holder)


def test_g02_tokens_bought_after_the_proposal_weigh_nothing(listing, people, mext, clock, proposal):
    mext.transfer(people.late, MILLION, sender=people.holder)
    mext.invoke_transaction("delegate", people.late, sender=people.late)
    clock.next_block_at(proposal.t0 + 4 * HOUR)
    with ape.reverts(listing.NoWeight):
        listing.castVote(proposal.id, FOR, sender=people.late)


@pytest.mark.parametrize(("held_s", "counts"), [(12 * HOUR, False), (DAY, False), (DAY + 1, True), (2 * DAY, True)])
def test_g05_tokens_held_for_a_day_or_less_weigh_nothing(listing, people, mext, clock, propose, asset, held_s, counts):
    mext.invoke_transaction("delegate", people.late, sender=people.late)
    bought_at = mext.transfer(people.late, MILLION, sender=people.holder).timestamp
    clock.next_block_at(bought_at + held_s)
    made = propose(asset)
    assert made.t0 - bought_at == held_s
    assert listing.weightOf(made.id, people.late) == (MILLION if counts else 0)


def test_g03_votes_move_with_no_token_sent_on_after_voting(listing, people, mext, in_voting):
    listing.castVote(in_voting.id, FOR, sender=people.alice)
    mext.transfer(people.late, 60 * MILLION, sender=people.alice)
    mext.invoke_transaction("delegate", people.late, sender=people.late)
    with ape.reverts(listing.NoWeight):
        listing.castVote(in_voting.id, FOR, sender=people.late)
    assert listing.proposalOf(in_voting.id).yes == 60 * MILLION


def test_g04_a_unit_delegated_back_and_forth_counts_once(listing, people, mext, clock, propose):
    for delegatee in (people.bob, people.carol, people.alice, people.bob):
        mext.invoke_transaction("delegate", delegatee, sender=people.alice)
    clock.reach(clock.next + 2 * DAY)
    made = propose()
    assert listing.weightOf(made.id, people.alice) == 0
    assert listing.weightOf(made.id, people.bob) == (45 + 60) * MILLION
    assert listing.weightOf(made.id, people.carol) == 30 * MILLION


def test_g04_delegation_does_not_chain(listing, people, mext, clock, propose):
    mext.invoke_transaction("delegate", people.bob, sender=people.alice)
    mext.invoke_transaction("delegate", people.carol, sender=people.bob)
    clock.reach(clock.next + 2 * DAY)
    made = propose()
    assert listing.weightOf(made.id, people.bob) == 60 * MILLION
    assert listing.weightOf(made.id, people.carol) == (30 + 45) * MILLION


def test_g18_a_delegation_switched_on_the_last_day_counts_for_neither(listing, people, mext, clock, propose):
    mext.invoke_transaction("delegate", people.late, sender=people.alice)
    clock.reach(clock.next + HOUR)
    made = propose()
    assert listing.weightOf(made.id, people.alice) == 0
    assert listing.weightOf(made.id, people.late) == 0


def test_the_lesser_of_both_moments_counts(listing, people, mext, clock, propose):
    mext.transfer(people.holder, 20 * MILLION, sender=people.alice)
    clock.reach(clock.next + HOUR)
    made = propose()
    assert listing.weightOf(made.id, people.alice) == 40 * MILLION


def test_g38_refuses_a_reason_that_is_too_long(listing, people, in_voting):
    with ape.reverts(listing.TextLength, length=1_025, limit=1_024):
        listing.castVoteWithReason(in_voting.id, FOR, "x" * 1_025, sender=people.alice)


def test_counts_and_reports_each_side(listing, people, in_voting):
    listing.castVote(in_voting.id, FOR, sender=people.alice)
    receipt = listing.castVoteWithReason(in_voting.id, AGAINST, "too young", sender=people.bob)
    log = receipt.events.filter(listing.ListingVoteCast)[0]
    stored = listing.proposalOf(in_voting.id)
    assert (stored.yes, stored.no) == (60 * MILLION, 45 * MILLION)
    assert (log.voter, log.yes, log.no, log.reason) == (people.bob, 0, 45 * MILLION, "too young")
