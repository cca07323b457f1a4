// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IListingVote} from "../../contracts/src/listing/IListingVote.sol";
import {ListingVote} from "../../contracts/src/ListingVote.sol";
import {MEXT} from "../../contracts/src/MEXT.sol";
import {Asset, Attestation, Ballot, Lane, State} from "../../contracts/src/listing/ListingTypes.sol";
import {ListingWorld} from "./ListingWorld.sol";
import {Test, Vm} from "./Vm.sol";

/// @notice Borrows, delegates, proposes and pays back in one transaction.
contract FlashBorrower {
    function attack(MEXT token, ListingVote listing, Asset calldata asset, uint256 loan) external returns (uint256 id) {
        token.transferFrom(msg.sender, address(this), loan);
        token.delegate(address(this));
        token.approve(address(listing), loan);
        id = listing.propose(Lane.Regular, asset, "ipfs://attack", new Attestation[](0));
        token.transfer(msg.sender, token.balanceOf(address(this)));
    }

    function vote(ListingVote listing, uint256 id) external {
        listing.castVote(id, 1);
    }
}

contract ListingVoteFuzz is ListingWorld {
    function setUp() public {
        prepareWorld();
    }

    function testFuzz_g01_a_flash_loan_proposes_but_weighs_nothing(uint256 loan) public {
        loan = bound(loan, 50_000e18, 5e26);
        FlashBorrower thief = new FlashBorrower();
        token.approve(address(thief), loan);
        uint256 id = thief.attack(token, listing, newAsset(), loan);
        equal(listing.weightOf(id, address(thief)), 0, "weight");
        vm.warp(block.timestamp + 4 hours);
        vm.expectRevert(abi.encodeWithSelector(IListingVote.NoWeight.selector, id, address(thief)));
        thief.vote(listing, id);
    }

    function testFuzz_g03_g05_a_unit_that_moves_is_counted_at_most_once(
        uint256 amount,
        uint256 movedAfterS,
        uint256 proposedAfterS
    ) public {
        amount = bound(amount, 1, 6e25);
        movedAfterS = bound(movedAfterS, 1, 3 days);
        proposedAfterS = bound(proposedAfterS, 1, 3 days);
        vm.warp(block.timestamp + movedAfterS);
        vm.prank(ALICE);
        token.transfer(BOB, amount);
        vm.warp(block.timestamp + proposedAfterS);
        (uint256 id, ) = proposeAs(PROPOSER);
        uint256 weight = listing.weightOf(id, ALICE) + listing.weightOf(id, BOB);
        holds(weight <= 1e26, "counted twice");
        bool seasoned = proposedAfterS > 1 days;
        equal(weight, seasoned ? 1e26 : 1e26 - amount, "weight of the day");
    }

    function test_g08_code_that_changed_after_the_vote_is_not_listed() public {
        (uint256 id, Asset memory asset) = proposeAs(PROPOSER);
        uint256 t0 = block.timestamp;
        vm.warp(t0 + 4 hours);
        vm.prank(ALICE);
        listing.castVote(id, FOR);
        vm.warp(t0 + 44 hours);
        listing.finalize(id);
        vm.etch(asset.token, hex"6001600155");
        vm.prank(OPERATOR);
        (bool listed, bytes memory why) = address(listing).call(abi.encodeCall(listing.confirmListed, (id)));
        holds(!listed && bytes4(why) == IListingVote.CodeChanged.selector, "swapped code was listed");
    }

    function testFuzz_a_ballot_signed_for_one_chain_is_void_on_another(uint64 chain) public {
        vm.assume(chain != 0 && chain != block.chainid);
        address voter = vm.addr(77);
        token.transfer(voter, 1e25);
        vm.prank(voter);
        token.delegate(voter);
        vm.warp(block.timestamp + 2 days);
        (uint256 id, ) = proposeAs(PROPOSER);
        vm.warp(block.timestamp + 4 hours);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(77, listing.ballotDigest(voter, id, FOR));
        Ballot[] memory ballots = new Ballot[](1);
        ballots[0] = Ballot(voter, FOR, abi.encodePacked(r, s, v));
        uint256 here = block.chainid;
        vm.chainId(chain);
        listing.castVotesBySig(id, ballots);
        holds(!listing.hasVoted(id, voter), "counted on another chain");
        vm.chainId(here);
        listing.castVotesBySig(id, ballots);
        holds(listing.hasVoted(id, voter), "refused on its own chain");
    }
}

/// @notice Lives with proposals in any order and at any pace.
contract Life is ListingWorld {
    uint256 public proposals;
    uint256 public operatorListings;

    constructor() {
        prepareWorld();
    }

    function propose() external {
        proposeAs(PROPOSER);
        ++proposals;
    }

    function voteAlice(uint256 id, uint8 support) external {
        _vote(ALICE, id, support);
    }

    function voteBob(uint256 id, uint8 support) external {
        _vote(BOB, id, support);
    }

    function _vote(address who, uint256 id, uint8 support) private {
        vm.prank(who);
        try listing.castVote(_some(id), support % 2) {} catch {}
    }

    function reject(uint256 id) external {
        vm.prank(SCREENER);
        try listing.reject(_some(id), "no") {} catch {}
    }

    function markSpam(uint256 id) external {
        vm.prank(SCREENER);
        try listing.markSpam(_some(id), "spam", bytes32(uint256(1))) {} catch {}
    }

    function finalize(uint256 id) external {
        try listing.finalize(_some(id)) {} catch {}
    }

    function confirm(uint256 id) external {
        vm.prank(OPERATOR);
        try listing.confirmListed(_some(id)) {} catch {}
    }

    function listAlone() external {
        Asset memory asset = newAsset();
        vm.prank(OPERATOR);
        try listing.recordOperatorListing(asset) {
            ++operatorListings;
        } catch {}
    }

    /// @notice The whole way of a won vote, which single steps in random order seldom find.
    function listByVote() external {
        (uint256 id, ) = proposeAs(PROPOSER);
        ++proposals;
        vm.warp(block.timestamp + 4 hours);
        vm.prank(ALICE);
        listing.castVote(id, FOR);
        vm.warp(block.timestamp + 40 hours);
        listing.finalize(id);
        vm.prank(OPERATOR);
        listing.confirmListed(id);
    }

    function pass(uint256 seconds_) external {
        vm.warp(block.timestamp + bound(seconds_, 1 hours, 20 hours));
    }

    function _some(uint256 id) private view returns (uint256) {
        return bound(id, 1, proposals + 1);
    }

    function deposits() external view returns (uint256 held, uint256 open) {
        held = token.balanceOf(address(listing));
        for (uint256 id = 1; id <= proposals; ++id) {
            if (uint8(listing.proposalOf(id).ending) == 0) open += listing.proposalOf(id).terms.deposit;
        }
    }

    function counts(uint256 timestamp) external view returns (uint256 byVote, uint256 byOperator) {
        uint256 epoch = listing.epochOf(timestamp);
        return (listing.listingsOf(epoch).byVote, listing.listingsOf(epoch).byOperator);
    }
}

contract ListingVoteInvariants is Test {
    Life private _life;

    function setUp() public {
        _life = new Life();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_life);
    }

    function test_the_life_that_is_watched_reaches_operator_listings() public {
        for (uint256 i = 0; i < 3; ++i) _life.listByVote();
        _life.listAlone();
        equal(_life.operatorListings(), 1, "operator listings");
    }

    function invariant_what_is_held_are_the_open_deposits() public view {
        (uint256 held, uint256 open) = _life.deposits();
        equal(held, open, "deposits");
    }

    function invariant_g21_seven_of_ten_listings_come_from_votes() public view {
        (uint256 byVote, uint256 byOperator) = _life.counts(block.timestamp);
        holds(byVote * 10_000 >= 7_000 * (byVote + byOperator), "share of votes");
    }
}
