import pytest
from eth_abi import encode
from eth_utils import keccak

from governance.ballots.typed import Ballot, BallotBox, InvalidBallot, Support, ballot_digest, typed_data

BOX = BallotBox(31337, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
VOTER = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
BALLOT = Ballot(BOX, VOTER, 7, Support.FOR)


def digest_from_the_standard(ballot):
    # Written out from EIP-712, without the library that the code uses.
    domain_type = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    domain = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [keccak(domain_type), keccak(b"ListingVote"), keccak(b"1"), ballot.box.chain_id, ballot.box.contract],
        )
    )
    kind = keccak(b"ListingBallot(address voter,uint256 id,uint8 support)")
    struct = keccak(
        encode(["bytes32", "address", "uint256", "uint8"], [kind, ballot.voter, ballot.listing, ballot.support])
    )
    return keccak(b"\x19\x01" + domain + struct)


@pytest.mark.parametrize("contract", ["", "0x12", VOTER.lower(), "0x" + "00" * 20, VOTER.swapcase()])
def test_refuses_a_contract_that_is_no_checked_address(contract):
    with pytest.raises(InvalidBallot):
        BallotBox(1, contract)


@pytest.mark.parametrize("chain_id", [0, -1, 1 << 256])
def test_refuses_a_chain_id_out_of_range(chain_id):
    with pytest.raises(InvalidBallot):
        BallotBox(chain_id, VOTER)


@pytest.mark.parametrize("voter", ["", VOTER.upper(), "0x" + "00" * 20])
def test_refuses_a_voter_that_is_no_checked_address(voter):
    with pytest.raises(InvalidBallot):
        Ballot(BOX, voter, 1, Support.FOR)


@pytest.mark.parametrize("listing", [0, -1, 1 << 256])
def test_refuses_a_proposal_number_out_of_range(listing):
    with pytest.raises(InvalidBallot):
        Ballot(BOX, VOTER, listing, Support.FOR)


@pytest.mark.parametrize("support", [2, -1, 255])
def test_refuses_any_support_but_the_two(support):
    with pytest.raises(InvalidBallot):
        Ballot(BOX, VOTER, 1, support)


@pytest.mark.parametrize(
    "other",
    [
        Ballot(BallotBox(1, BOX.contract), VOTER, 7, Support.FOR),
        Ballot(BallotBox(31337, VOTER), VOTER, 7, Support.FOR),
        Ballot(BOX, BOX.contract, 7, Support.FOR),
        Ballot(BOX, VOTER, 8, Support.FOR),
        Ballot(BOX, VOTER, 7, Support.AGAINST),
    ],
    ids=["chain", "contract", "voter", "proposal", "support"],
)
def test_every_field_changes_the_digest(other):
    assert ballot_digest(other) != ballot_digest(BALLOT)


@pytest.mark.parametrize("listing", [1, 7, 2**64, 2**256 - 1])
@pytest.mark.parametrize("support", list(Support))
def test_the_digest_is_that_of_the_standard(listing, support):
    ballot = Ballot(BOX, VOTER, listing, support)
    assert ballot_digest(ballot) == digest_from_the_standard(ballot)


def test_a_wallet_shows_the_vote_and_where_it_counts():
    shown = typed_data(BALLOT)
    assert shown["message"] == {"voter": VOTER, "id": 7, "support": 1}
    assert shown["domain"]["verifyingContract"] == BOX.contract
    assert shown["primaryType"] == "ListingBallot"
