// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ListingVote} from "../../contracts/src/ListingVote.sol";
import {MEXT} from "../../contracts/src/MEXT.sol";
import {DevToken} from "../../contracts/src/devnet/DevToken.sol";
import {EmptyVault} from "../../contracts/src/devnet/EmptyVault.sol";
import {Asset, Attestation, Ballot, Lane, Roles} from "../../contracts/src/listing/ListingTypes.sol";
import {Test} from "./Vm.sol";

/// @notice A listing vote among seasoned holders.
abstract contract ListingWorld is Test {
    address internal constant ADMIN = address(0xA1);
    address internal constant GUARDIAN = address(0xA2);
    address internal constant OPERATOR = address(0xA3);
    address internal constant SCREENER = address(0xA4);
    address internal constant SECOND_SCREENER = address(0xA5);
    address internal constant TREASURY = address(0xA6);
    address internal constant PROPOSER = address(0xB0);
    address internal constant ALICE = address(0xB1);
    address internal constant BOB = address(0xB2);
    uint8 internal constant AGAINST = 0;
    uint8 internal constant FOR = 1;

    MEXT internal token;
    ListingVote internal listing;

    function prepareWorld() internal {
        vm.warp(229 * 91 days + 1 hours); // the first day of an epoch
        token = new MEXT(address(this), new EmptyVault());
        address[] memory screeners = new address[](2);
        (screeners[0], screeners[1]) = (SCREENER, SECOND_SCREENER);
        listing = new ListingVote(token, TREASURY, Roles(ADMIN, GUARDIAN, OPERATOR, screeners));
        _equip(PROPOSER, 1e25);
        _equip(ALICE, 6e25);
        _equip(BOB, 4e25);
        vm.warp(block.timestamp + 2 days);
    }

    function _equip(address holder, uint256 amount) private {
        token.transfer(holder, amount);
        vm.startPrank(holder);
        token.delegate(holder);
        token.approve(address(listing), type(uint256).max);
        vm.stopPrank();
    }

    function newAsset() internal returns (Asset memory) {
        address made = address(new DevToken("Token", "TOK", 1e18));
        return Asset(uint64(block.chainid), made, made.codehash);
    }

    function proposeAs(address who) internal returns (uint256 id, Asset memory asset) {
        asset = newAsset();
        vm.prank(who);
        id = listing.propose(Lane.Regular, asset, "ipfs://proposal", new Attestation[](0));
    }
}
