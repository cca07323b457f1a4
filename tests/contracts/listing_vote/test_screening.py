import ape
import pytest

HOUR = 3600
DEPOSIT = 50_000 * 10**18
EVIDENCE = b"\x05" * 32


@pytest.mark.parametrize("who", ["mallory", "guardian", "operator", "admin", "proposer"])
def test_refuses_anyone_but_a_screener(listing, people, proposal, who):
    with ape.reverts(listing.AccessControlUnauthorizedAccount):
        listing.reject(proposal.id, "no", sender=getattr(people, who))
    with ape.reverts(listing.AccessControlUnauthorizedAccount):
        listing.markSpam(proposal.id, "no", EVIDENCE, sender=getattr(people, who))


def test_refuses_to_judge_without_a_reason(listing, people, proposal):
    with ape.reverts(listing.ReasonMissing):
        listing.reject(proposal.id, "", sender=people.screener_a)
    with ape.reverts(listing.ReasonMissing):
        listing.markSpam(proposal.id, "", EVIDENCE, sender=people.screener_a)


def test_refuses_to_slash_without_evidence(listing, people, proposal):
    with ape.reverts(listing.ReasonMissing):
        listing.markSpam(proposal.id, "spam", bytes(32), sender=people.screener_a)


def test_g38_refuses_a_reason_that_is_too_long(listing, people, proposal):
    with ape.reverts(listing.TextLength):
        listing.reject(proposal.id, "x" * 1_025, sender=people.screener_a)


def test_refuses_to_judge_twice_so_that_a_deposit_leaves_once(listing, people, proposal):
    listing.reject(proposal.id, "no", sender=people.screener_a)
    for judge in (
        lambda: listing.reject(proposal.id, "no", sender=people.screener_b),
        lambda: listing.markSpam(proposal.id, "spam", EVIDENCE, sender=people.screener_b),
        lambda: listing.veto(proposal.id, 1, sender=people.guardian),
        lambda: listing.finalize(proposal.id, sender=people.relayer),
    ):
        with ape.reverts(listing.NotInState):
            judge()


def test_g20_silence_of_all_screeners_admits(clock, proposal, state):
    clock.reach(proposal.t0 + 4 * HOUR)
    assert state(proposal.id) == "Active"


def test_a_rejection_gives_the_deposit_back(listing, people, mext, proposal, state):
    before = mext.balanceOf(people.proposer)
    receipt = listing.reject(proposal.id, "no custody for it", sender=people.screener_a)
    assert mext.balanceOf(people.proposer) - before == DEPOSIT
    assert mext.balanceOf(listing) == 0
    assert receipt.events.filter(listing.ListingRejected)[0].reason == "no custody for it"
    assert state(proposal.id) == "Rejected"


def test_spam_sends_the_deposit_to_the_treasury(listing, people, mext, proposal, state):
    receipt = listing.markSpam(proposal.id, "copy of a known token", EVIDENCE, sender=people.screener_b)
    assert mext.balanceOf(people.treasury) == DEPOSIT
    assert mext.balanceOf(listing) == 0
    assert receipt.events.filter(listing.ListingMarkedSpam)[0].evidenceHash == EVIDENCE
    assert receipt.events.filter(listing.DepositSlashed)[0].amount == DEPOSIT
    assert state(proposal.id) == "Spam"
