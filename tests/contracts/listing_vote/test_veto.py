import ape
import pytest

HOUR = 3600
DEPOSIT = 50_000 * 10**18
FOR = 1
SECURITY, SANCTIONS = 1, 3


@pytest.mark.parametrize("who", ["mallory", "screener_a", "operator", "admin"])
def test_refuses_anyone_but_the_guardian(listing, people, proposal, who):
    with ape.reverts(listing.AccessControlUnauthorizedAccount):
        listing.veto(proposal.id, SECURITY, sender=getattr(people, who))


def test_refuses_a_veto_without_a_reason(listing, people, proposal):
    with ape.reverts(listing.ReasonMissing):
        listing.veto(proposal.id, 0, sender=people.guardian)


def test_refuses_to_veto_what_is_defeated_already(listing, people, clock, proposal):
    clock.next_block_at(proposal.t0 + 34 * HOUR)
    with ape.reverts(listing.NotInState):
        listing.veto(proposal.id, SECURITY, sender=people.guardian)


def test_refuses_to_veto_an_approval(listing, people, carry):
    made = carry()
    with ape.reverts(listing.NotInState):
        listing.veto(made.id, SECURITY, sender=people.guardian)


@pytest.mark.parametrize("offset_s", [60, 4 * HOUR, 33 * HOUR])
def test_stops_a_proposal_at_any_time_before_and_returns_the_deposit(
    listing, people, mext, clock, proposal, state, offset_s
):
    before = mext.balanceOf(people.proposer)
    clock.next_block_at(proposal.t0 + offset_s)
    listing.veto(proposal.id, SANCTIONS, sender=people.guardian)
    assert state(proposal.id) == "Vetoed"
    assert mext.balanceOf(people.proposer) - before == DEPOSIT


def test_counts_vetoes_by_reason(listing, people, propose):
    for expected in (1, 2):
        receipt = listing.veto(propose().id, SANCTIONS, sender=people.guardian)
        assert receipt.events.filter(listing.ListingVetoed)[0]["count"] == expected
    assert listing.vetoCount(SANCTIONS) == 2
    assert listing.vetoCount(SECURITY) == 0


def test_a_vetoed_proposal_takes_no_votes(listing, people, clock, proposal):
    listing.veto(proposal.id, SECURITY, sender=people.guardian)
    clock.next_block_at(proposal.t0 + 4 * HOUR)
    with ape.reverts(listing.NotInState):
        listing.castVote(proposal.id, FOR, sender=people.alice)
