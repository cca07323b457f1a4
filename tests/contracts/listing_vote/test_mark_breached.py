import ape
import pytest

HOUR, DAY = 3600, 86_400


def test_refuses_before_the_deadline(listing, people, clock, carry):
    made = carry()
    clock.next_block_at(made.t0 + 48 * HOUR - 1)
    with ape.reverts(listing.TooEarly, earliest=made.t0 + 48 * HOUR):
        listing.markBreached(made.id, sender=people.mallory)


def test_refuses_what_was_not_approved(listing, people, clock, proposal):
    clock.next_block_at(proposal.t0 + 48 * HOUR)
    with ape.reverts(listing.NotInState):
        listing.markBreached(proposal.id, sender=people.mallory)


def test_refuses_to_record_it_twice(listing, people, clock, carry):
    made = carry()
    clock.next_block_at(made.t0 + 48 * HOUR)
    listing.markBreached(made.id, sender=people.mallory)
    with ape.reverts(listing.BreachRecorded):
        listing.markBreached(made.id, sender=people.mallory)


def test_refuses_a_market_that_was_opened_in_time(listing, people, clock, carry):
    made = carry()
    listing.confirmListed(made.id, sender=people.operator)
    clock.next_block_at(made.t0 + 48 * HOUR)
    with ape.reverts(listing.NotInState):
        listing.markBreached(made.id, sender=people.mallory)


def test_a_late_confirmation_after_a_recorded_breach_reports_it_once(listing, people, clock, carry):
    made = carry()
    clock.next_block_at(made.t0 + 48 * HOUR)
    listing.markBreached(made.id, sender=people.mallory)
    receipt = listing.confirmListed(made.id, sender=people.operator)
    assert not receipt.events.filter(listing.SlaBreached)
    assert not receipt.events.filter(listing.ListingConfirmed)[0].withinSla


@pytest.mark.parametrize("offset_s", [48 * HOUR, 48 * HOUR + 40 * DAY])
def test_g20_anyone_records_a_breach_also_of_a_lapsed_approval(listing, people, clock, carry, offset_s):
    made = carry()
    clock.next_block_at(made.t0 + offset_s)
    receipt = listing.markBreached(made.id, sender=people.mallory)
    assert receipt.events.filter(listing.SlaBreached)[0].slaDeadline == made.t0 + 48 * HOUR
