# Every border of both lanes, one second before and on it: intervals are half open (G36).
import ape
import pytest

HOUR, MINUTE = 3600, 60
FOR = 1


@pytest.mark.parametrize(
    ("offset_s", "expected"),
    [
        (4 * HOUR - 1, "Screening"),
        (4 * HOUR, "Active"),
        (34 * HOUR - 1, "Active"),
        (34 * HOUR, "AwaitingVeto"),
        (44 * HOUR - 1, "AwaitingVeto"),
        (44 * HOUR, "AwaitingVeto"),
    ],
)
def test_g36_regular_lane_changes_state_on_the_second(listing, people, clock, proposal, state, offset_s, expected):
    if offset_s >= 34 * HOUR:
        clock.next_block_at(proposal.t0 + 4 * HOUR)
        listing.castVote(proposal.id, FOR, sender=people.alice)
    clock.reach(proposal.t0 + offset_s)
    assert state(proposal.id) == expected


@pytest.mark.parametrize(
    ("offset_s", "expected"),
    [
        (15 * MINUTE - 1, "Screening"),
        (15 * MINUTE, "Active"),
        (8 * HOUR + 15 * MINUTE - 1, "Active"),
        (8 * HOUR + 15 * MINUTE, "AwaitingVeto"),
        (11 * HOUR, "AwaitingVeto"),
    ],
)
def test_g36_expedited_lane_changes_state_on_the_second(listing, people, clock, expedited, state, offset_s, expected):
    made = expedited()
    if offset_s > 8 * HOUR:
        clock.next_block_at(made.t0 + 15 * MINUTE)
        listing.castVote(made.id, FOR, sender=people.alice)
    clock.reach(made.t0 + offset_s)
    assert state(made.id) == expected


@pytest.mark.parametrize("drift_s", [-15, -1])
def test_g36_a_vote_before_the_start_is_refused(listing, people, clock, proposal, drift_s):
    clock.next_block_at(proposal.t0 + 4 * HOUR + drift_s)
    with ape.reverts(listing.NotInState):
        listing.castVote(proposal.id, FOR, sender=people.alice)


@pytest.mark.parametrize("drift_s", [0, 15])
def test_g36_a_vote_on_the_end_or_after_is_refused(listing, people, clock, proposal, drift_s):
    clock.next_block_at(proposal.t0 + 34 * HOUR + drift_s)
    with ape.reverts(listing.NotInState):
        listing.castVote(proposal.id, FOR, sender=people.alice)


@pytest.mark.parametrize("offset_s", [4 * HOUR, 34 * HOUR - 1])
def test_the_first_and_the_last_second_of_voting_count(listing, people, clock, proposal, offset_s):
    clock.next_block_at(proposal.t0 + offset_s)
    listing.castVote(proposal.id, FOR, sender=people.alice)
    assert listing.hasVoted(proposal.id, people.alice)


def test_a_screener_is_too_late_on_the_first_second_of_voting(listing, people, clock, proposal):
    clock.next_block_at(proposal.t0 + 4 * HOUR)
    with ape.reverts(listing.NotInState):
        listing.reject(proposal.id, "late", sender=people.screener_a)


def test_a_screener_is_in_time_one_second_before(listing, people, clock, proposal, state):
    clock.next_block_at(proposal.t0 + 4 * HOUR - 1)
    listing.reject(proposal.id, "in time", sender=people.screener_a)
    assert state(proposal.id) == "Rejected"


def test_regular_veto_finalization_and_deadline_meet_without_a_gap(listing, people, clock, proposal):
    clock.next_block_at(proposal.t0 + 4 * HOUR)
    listing.castVote(proposal.id, FOR, sender=people.alice)
    clock.next_block_at(proposal.t0 + 44 * HOUR - 1)
    with ape.reverts(listing.TooEarly, earliest=proposal.t0 + 44 * HOUR):
        listing.finalize(proposal.id, sender=people.relayer)
    clock.next_block_at(proposal.t0 + 44 * HOUR)
    with ape.reverts(listing.NotInState):
        listing.veto(proposal.id, 1, sender=people.guardian)
    listing.finalize(proposal.id, sender=people.relayer)
    clock.next_block_at(proposal.t0 + 48 * HOUR - 1)
    receipt = listing.confirmListed(proposal.id, sender=people.operator)
    assert receipt.events.filter(listing.ListingConfirmed)[0].withinSla


def test_a_veto_one_second_before_finalization_counts(listing, people, clock, proposal, state):
    clock.next_block_at(proposal.t0 + 4 * HOUR)
    listing.castVote(proposal.id, FOR, sender=people.alice)
    clock.next_block_at(proposal.t0 + 44 * HOUR - 1)
    listing.veto(proposal.id, 1, sender=people.guardian)
    assert state(proposal.id) == "Vetoed"


def test_the_deadline_itself_is_late(listing, people, clock, carry):
    made = carry()
    clock.next_block_at(made.t0 + 48 * HOUR)
    receipt = listing.confirmListed(made.id, sender=people.operator)
    assert not receipt.events.filter(listing.ListingConfirmed)[0].withinSla
    assert len(receipt.events.filter(listing.SlaBreached)) == 1


def test_expedited_finalization_and_deadline_fall_on_hours_11_and_12(listing, people, clock, expedited):
    made = expedited()
    clock.next_block_at(made.t0 + 15 * MINUTE)
    listing.castVote(made.id, FOR, sender=people.alice)
    clock.next_block_at(made.t0 + 11 * HOUR - 1)
    with ape.reverts(listing.TooEarly, earliest=made.t0 + 11 * HOUR):
        listing.finalize(made.id, sender=people.relayer)
    receipt = listing.finalize(made.id, sender=people.relayer)
    assert receipt.timestamp == made.t0 + 11 * HOUR
    assert receipt.events.filter(listing.ListingApproved)[0].slaDeadline == made.t0 + 12 * HOUR
