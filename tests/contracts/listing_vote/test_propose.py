from dataclasses import replace

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak

HOUR, DAY = 3600, 86_400
ETHER = 10**18
DEPOSIT = 50_000 * ETHER
REGULAR, EXPEDITED, FOR = 0, 1, 1


@pytest.mark.parametrize("uri", ["", "x" * 257])
def test_g38_refuses_a_link_that_is_empty_or_too_long(listing, people, asset, uri):
    with ape.reverts(listing.TextLength):
        listing.propose(REGULAR, asset.fields, uri, [], sender=people.proposer)


def test_refuses_an_unknown_lane(listing, people, asset):
    call = listing.propose.encode_input(REGULAR, asset.fields, "ipfs://x", [])
    with ape.reverts():
        people.proposer.transfer(listing, 0, data=call[:4] + (2).to_bytes(32, "big") + call[36:])


def test_refuses_an_asset_without_chain_address_or_code_hash(listing, people, asset):
    for broken in (
        replace(asset, chain_id=0),
        replace(asset, token="0x" + "00" * 20),
        replace(asset, code_hash=bytes(32)),
    ):
        with ape.reverts(listing.AssetInvalid):
            listing.propose(REGULAR, broken.fields, "ipfs://x", [], sender=people.proposer)


def test_g08_refuses_a_code_hash_that_is_not_the_tokens(listing, people, asset):
    with ape.reverts(listing.CodeChanged):
        listing.propose(REGULAR, replace(asset, code_hash=b"\x01" * 32).fields, "ipfs://x", [], sender=people.proposer)


def test_refuses_an_address_of_this_chain_that_holds_no_code(listing, people, asset):
    with ape.reverts(listing.AssetInvalid):
        listing.propose(
            REGULAR, replace(asset, token=people.mallory.address).fields, "ipfs://x", [], sender=people.proposer
        )


def test_g19_refuses_a_second_proposal_while_one_runs(listing, people, proposal):
    with ape.reverts(listing.AssetTaken, id=proposal.id):
        listing.propose(REGULAR, proposal.asset.fields, "ipfs://again", [], sender=people.alice)


def test_g19_an_address_in_other_casing_is_the_same_asset(listing, people, proposal):
    lower = replace(proposal.asset, token=proposal.asset.token.lower())
    with ape.reverts(listing.AssetTaken, id=proposal.id):
        listing.propose(REGULAR, lower.fields, "ipfs://again", [], sender=people.alice)


def test_g19_another_code_hash_on_a_foreign_chain_is_no_way_around(listing, people, propose, asset):
    foreign = replace(asset, chain_id=10)
    made = propose(foreign)
    with ape.reverts(listing.AssetTaken, id=made.id):
        listing.propose(
            REGULAR, replace(foreign, code_hash=b"\x07" * 32).fields, "ipfs://again", [], sender=people.alice
        )


def test_the_same_address_on_another_chain_is_another_asset(propose, asset):
    here, there = propose(asset), propose(replace(asset, chain_id=10))
    assert here.id != there.id


def test_refuses_a_listed_asset(listing, people, carry):
    made = carry()
    listing.confirmListed(made.id, sender=people.operator)
    with ape.reverts(listing.AlreadyListed):
        listing.propose(REGULAR, made.asset.fields, "ipfs://again", [], sender=people.alice)


def test_refuses_while_new_proposals_are_paused(listing, people, asset, clock):
    until = listing.pauseNew(HOUR, sender=people.guardian).timestamp + HOUR
    clock.next_block_at(until - 1)
    with ape.reverts(listing.UnderPause, until=until):
        listing.propose(REGULAR, asset.fields, "ipfs://x", [], sender=people.proposer)
    listing.propose(REGULAR, asset.fields, "ipfs://x", [], sender=people.proposer)


def test_refuses_a_proposer_who_cannot_pay_the_deposit(listing, people, mext, asset):
    mext.approve(listing, 2**256 - 1, sender=people.mallory)
    with ape.reverts(mext.ERC20InsufficientBalance):
        listing.propose(REGULAR, asset.fields, "ipfs://x", [], sender=people.mallory)


def test_refuses_attestations_in_the_regular_lane(listing, people, asset, attest):
    with ape.reverts(listing.AttestationCount, given=2, wanted=0):
        listing.propose(REGULAR, asset.fields, "ipfs://x", attest(asset, "ipfs://x"), sender=people.proposer)


def test_refuses_views_of_a_proposal_that_does_not_exist(state, listing, people):
    assert state(999) == "Unknown"
    assert listing.weightOf(999, people.alice) == 0
    for call in (listing.finalize, listing.markBreached):
        with ape.reverts(listing.NotInState, id=999):
            call(999, sender=people.relayer)


def test_g14_a_running_proposal_keeps_the_terms_it_started_with(listing, people, clock, proposal, state):
    before = listing.proposalOf(proposal.id).terms
    longer = (8 * HOUR, 30 * HOUR, HOUR, 40 * HOUR, 46 * HOUR, 2_000, 9_000, True, 10**6 * ETHER)
    listing.setLane(REGULAR, longer, sender=people.admin)
    clock.next_block_at(proposal.t0 + 4 * HOUR)
    listing.castVote(proposal.id, FOR, sender=people.alice)
    clock.next_block_at(proposal.t0 + 44 * HOUR)
    listing.finalize(proposal.id, sender=people.relayer)
    assert state(proposal.id) == "Approved"
    assert tuple(listing.proposalOf(proposal.id).terms) == tuple(before)


def test_g13_the_quorum_is_fixed_at_the_proposal_whatever_is_burned_later(listing, people, mext, proposal):
    quorum = listing.proposalOf(proposal.id).quorumVotes
    mext.burn(10**8 * ETHER, sender=people.holder)
    assert listing.proposalOf(proposal.id).quorumVotes == quorum == 20 * 10**6 * ETHER


def test_the_same_token_may_be_proposed_again_after_a_rejection(listing, people, propose, proposal):
    listing.reject(proposal.id, "no", sender=people.screener_a)
    again = propose(proposal.asset)
    assert again.id == proposal.id + 1
    assert tuple(listing.proposalsFor(proposal.asset.chain_id, proposal.asset.token)) == (again.id, 2)


def test_takes_the_deposit_and_announces_everything_a_reader_needs(listing, people, mext, asset):
    held = mext.balanceOf(people.proposer)
    receipt = listing.propose(REGULAR, asset.fields, "ipfs://x", [], sender=people.proposer)
    log = receipt.events.filter(listing.ListingProposed)[0]
    assert mext.balanceOf(people.proposer) == held - DEPOSIT
    assert mext.balanceOf(listing) == DEPOSIT
    assert (log.id, log.proposer, log.lane, log.uri) == (1, people.proposer, REGULAR, "ipfs://x")
    assert log.assetId == listing.assetIdOf(asset.fields)
    assert tuple(log.terms) == tuple(listing.termsOf(REGULAR))
    assert log.quorumVotes == 20 * 10**6 * ETHER


def test_the_asset_id_is_the_hash_of_chain_address_and_code(listing, asset):
    expected = keccak(encode(["uint64", "address", "bytes32"], list(asset.fields)))
    assert listing.assetIdOf(asset.fields) == expected
