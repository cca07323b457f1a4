import ape
import pytest
from eth_utils import keccak

HOUR, DAY = 3600, 86_400
MILLION = 10**24
AGAINST, FOR = 0, 1
BAD_SUPPORT, ALREADY_VOTED, NO_WEIGHT, BAD_SIGNATURE = range(4)
REVERTS, BURNS_GAS, RETURNS_MUCH, RETURNS_LITTLE = 1, 2, 3, 4
SECP256K1_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def hand_in(listing, people):
    return lambda id_, ballots, **kwargs: listing.castVotesBySig(id_, ballots, sender=people.relayer, **kwargs)


@pytest.fixture
def skipped(listing):
    return lambda receipt: [(log.voter, log.why) for log in receipt.events.filter(listing.BallotSkipped)]


@pytest.fixture
def wallet(doubles, people, mext, clock):
    """A contract wallet of bob that carol's votes stand with, for more than a day."""
    made = people.deployer.deploy(doubles.WalletDouble, people.bob)
    mext.invoke_transaction("delegate", made, sender=people.carol)
    clock.reach(clock.next + 2 * DAY)
    return made


@pytest.fixture
def wallet_vote(listing, wallet, propose, clock, ballot, people):
    """The wallet's ballot, signed by its owner."""
    made = propose()
    clock.next_block_at(made.t0 + 4 * HOUR)
    _, support, signature = ballot(people.bob, made.id, FOR, voter_in_text=wallet.address)
    return made.id, (wallet.address, support, signature)


def test_refuses_a_batch_before_the_voting(listing, people, proposal, ballot, hand_in):
    with ape.reverts(listing.NotInState):
        hand_in(proposal.id, [ballot(people.alice, proposal.id)])


def test_g38_refuses_more_than_two_hundred_ballots(listing, people, in_voting, ballot, hand_in):
    with ape.reverts(listing.TooManyBallots, count=201, limit=200):
        hand_in(in_voting.id, [ballot(people.alice, in_voting.id)] * 201)


@pytest.mark.parametrize(
    "domain",
    [{"chainId": 1}, {"verifyingContract": "0x" + "22" * 20}, {"name": "OtherVote"}, {"version": "2"}],
    ids=lambda domain: next(iter(domain)),
)
def test_g10_a_ballot_of_another_domain_is_skipped(people, in_voting, ballot, hand_in, skipped, domain):
    receipt = hand_in(in_voting.id, [ballot(people.alice, in_voting.id, **domain)])
    assert skipped(receipt) == [(people.alice, BAD_SIGNATURE)]


def test_g10_a_ballot_of_another_proposal_is_skipped(people, propose, clock, ballot, hand_in, skipped):
    first, second = propose(), propose()
    clock.next_block_at(second.t0 + 4 * HOUR)
    receipt = hand_in(second.id, [ballot(people.alice, first.id)])
    assert skipped(receipt) == [(people.alice, BAD_SIGNATURE)]


def test_g10_a_ballot_handed_in_twice_counts_once(listing, people, in_voting, ballot, hand_in, skipped):
    given = ballot(people.alice, in_voting.id)
    receipt = hand_in(in_voting.id, [given, given])
    assert skipped(receipt) == [(people.alice, ALREADY_VOTED)]
    assert skipped(hand_in(in_voting.id, [given])) == [(people.alice, ALREADY_VOTED)]
    assert listing.proposalOf(in_voting.id).yes == 60 * MILLION


def test_a_ballot_after_a_direct_vote_is_skipped(listing, people, in_voting, ballot, hand_in, skipped):
    listing.castVote(in_voting.id, AGAINST, sender=people.alice)
    assert skipped(hand_in(in_voting.id, [ballot(people.alice, in_voting.id)])) == [(people.alice, ALREADY_VOTED)]


def test_a_relayer_cannot_turn_a_vote(people, in_voting, ballot, hand_in, skipped):
    voter, _, signature = ballot(people.alice, in_voting.id, FOR)
    assert skipped(hand_in(in_voting.id, [(voter, AGAINST, signature)])) == [(people.alice, BAD_SIGNATURE)]


def test_a_signature_of_somebody_else_is_skipped(people, in_voting, ballot, hand_in, skipped):
    forged = ballot(people.alice, in_voting.id, signer=people.mallory)
    assert skipped(hand_in(in_voting.id, [forged])) == [(people.alice, BAD_SIGNATURE)]


@pytest.mark.parametrize("signature", [b"", b"\x00" * 65, b"\x01" * 64, b"\xff" * 65, b"\x01" * 66])
def test_malformed_signatures_are_skipped_even_for_the_zero_address(people, in_voting, hand_in, skipped, signature):
    zero = "0x" + "00" * 20
    receipt = hand_in(in_voting.id, [(people.alice, FOR, signature), (zero, FOR, signature)])
    assert [why for _, why in skipped(receipt)] == [BAD_SIGNATURE, BAD_SIGNATURE]


def test_the_mirrored_form_of_a_signature_is_skipped(people, in_voting, ballot, hand_in, skipped):
    voter, support, raw = ballot(people.alice, in_voting.id)
    mirrored = raw[:32] + (SECP256K1_N - int.from_bytes(raw[32:64], "big")).to_bytes(32, "big") + bytes([55 - raw[64]])
    assert skipped(hand_in(in_voting.id, [(voter, support, mirrored)])) == [(people.alice, BAD_SIGNATURE)]


def test_unknown_support_and_missing_weight_are_skipped(people, in_voting, ballot, hand_in, skipped):
    ballots = [ballot(people.alice, in_voting.id, 2), ballot(people.mallory, in_voting.id)]
    assert skipped(hand_in(in_voting.id, ballots)) == [(people.alice, BAD_SUPPORT), (people.mallory, NO_WEIGHT)]


def test_g12_one_bad_ballot_does_not_stop_the_others(listing, people, in_voting, ballot, hand_in, skipped):
    ballots = [
        ballot(people.alice, in_voting.id, FOR),
        ballot(people.bob, in_voting.id, signer=people.mallory),
        ballot(people.carol, in_voting.id, AGAINST),
    ]
    receipt = hand_in(in_voting.id, ballots)
    stored = listing.proposalOf(in_voting.id)
    assert skipped(receipt) == [(people.bob, BAD_SIGNATURE)]
    assert (stored.yes, stored.no) == (60 * MILLION, 30 * MILLION)


@pytest.mark.parametrize("mood", [REVERTS, BURNS_GAS, RETURNS_LITTLE])
def test_g12_a_wallet_that_misbehaves_is_skipped_and_the_others_count(
    listing, people, wallet, wallet_vote, ballot, hand_in, skipped, mood
):
    id_, vote = wallet_vote
    wallet.setMood(mood, sender=people.mallory)
    receipt = hand_in(id_, [vote, ballot(people.alice, id_)])
    assert skipped(receipt) == [(wallet.address, BAD_SIGNATURE)]
    assert listing.proposalOf(id_).yes == 60 * MILLION
    assert receipt.gas_used < 500_000


def test_g12_a_wallet_signature_that_turned_invalid_is_skipped(people, wallet, wallet_vote, hand_in, skipped):
    id_, vote = wallet_vote
    wallet.setMood(REVERTS, sender=people.mallory)
    assert skipped(hand_in(id_, [vote])) == [(wallet.address, BAD_SIGNATURE)]


def test_the_answer_of_a_wallet_is_not_copied_whatever_its_length(people, wallet, wallet_vote, hand_in, skipped):
    id_, vote = wallet_vote
    wallet.setMood(RETURNS_MUCH, sender=people.mallory)
    receipt = hand_in(id_, [vote])
    assert skipped(receipt) == []


def test_a_wallet_ballot_cannot_be_used_for_another_wallet_of_the_owner(doubles, people, wallet_vote, hand_in, skipped):
    id_, (_, support, signature) = wallet_vote
    other = people.deployer.deploy(doubles.WalletDouble, people.bob)
    assert skipped(hand_in(id_, [(other.address, support, signature)])) == [(other.address, BAD_SIGNATURE)]


def test_a_relayer_who_starves_the_wallet_check_of_gas_is_refused(listing, wallet_vote, hand_in):
    id_, vote = wallet_vote
    with ape.reverts(listing.GasTooLow):
        hand_in(id_, [vote], gas_limit=150_000)


def test_a_contract_wallet_votes(listing, wallet_vote, hand_in):
    id_, vote = wallet_vote
    hand_in(id_, [vote])
    assert listing.proposalOf(id_).yes == 30 * MILLION


def test_anyone_hands_in_ballots_and_all_count(listing, people, in_voting, ballot, hand_in, skipped):
    voters = (people.alice, people.bob, people.carol, people.dave)
    receipt = hand_in(in_voting.id, [ballot(voter, in_voting.id) for voter in voters])
    assert skipped(receipt) == []
    assert [log.voter for log in receipt.events.filter(listing.ListingVoteCast)] == [v.address for v in voters]
    assert listing.proposalOf(in_voting.id).yes == 139 * MILLION


def test_the_digest_is_the_one_that_wallets_compute(listing, people, in_voting, typed_data):
    fields = ("address voter", "uint256 id", "uint8 support")
    text = {"voter": str(people.alice.address), "id": in_voting.id, "support": FOR}
    message = typed_data(listing, "ListingBallot", fields, text)
    assert listing.ballotDigest(people.alice, in_voting.id, FOR) == keccak(
        b"\x19" + message.version + message.header + message.body
    )
