// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IListingVote} from "./IListingVote.sol";

/// @title Who decides on listings: the count of each epoch
/// @notice Listings by vote earn the exchange the right to list by itself. With a share of 70 % each
/// vote listing gives 3 credits, and an operator listing costs 7. Credits end with their epoch, so in
/// every epoch, at every moment: listings by vote >= share x all listings.
///
/// An epoch is 91 days, counted from 1 January 1970; its first second belongs to it.
abstract contract ListingShare is IListingVote {
    uint256 public constant EPOCH_S = 91 days;

    /// @notice The share of listings by vote can never be set below this.
    uint256 public constant SHARE_FLOOR_BPS = 7_000;

    /// @notice Regular vote listings of the epoch that make room for one expedited proposal, so that
    /// at most one in five listings is expedited.
    uint256 public constant REGULAR_PER_EXPEDITED = 4;

    uint256 private constant BPS = 10_000;

    /// @notice Listings of one epoch.
    struct Epoch {
        uint32 byVote; // confirmed listings, both lanes
        uint32 regular; // those of the regular lane
        uint32 byOperator;
        uint32 expedited; // expedited proposals made in this epoch, failed ones taken off
    }

    struct Share {
        uint16 currentBps;
        uint16 nextBps;
        uint64 nextEpoch; // first epoch of `nextBps`
    }

    mapping(uint256 epoch => Epoch) private _epochs;
    Share private _share = Share(uint16(SHARE_FLOOR_BPS), uint16(SHARE_FLOOR_BPS), 0);

    /// @notice Number of the epoch that contains `timestamp` (seconds).
    function epochOf(uint256 timestamp) public pure returns (uint256) {
        return timestamp / EPOCH_S;
    }

    /// @notice Counts of an epoch.
    function listingsOf(uint256 epoch) external view returns (Epoch memory) {
        return _epochs[epoch];
    }

    /// @notice Least share of listings by vote in `epoch`, in basis points.
    function voteShareBps(uint256 epoch) public view returns (uint256) {
        return epoch >= _share.nextEpoch ? _share.nextBps : _share.currentBps;
    }

    /// @notice Operator listings that are possible now.
    function operatorListingsLeft() external view returns (uint256) {
        uint256 epoch = epochOf(block.timestamp);
        uint256 share = voteShareBps(epoch);
        Epoch storage count = _epochs[epoch];
        return (count.byVote * (BPS - share)) / share - count.byOperator;
    }

    /// @dev A new share counts from the next epoch: nobody changes the rule of a running count.
    function _setVoteShare(uint256 shareBps) internal {
        if (shareBps < SHARE_FLOOR_BPS || shareBps > BPS) revert ShareOutOfBounds(shareBps);
        uint256 epoch = epochOf(block.timestamp);
        uint256 current = voteShareBps(epoch);
        _share = Share(uint16(current), uint16(shareBps), uint64(epoch + 1));
        emit VoteShareSet(shareBps, epoch + 1);
    }

    function _countVoteListing(bool isRegular) internal {
        Epoch storage count = _epochs[epochOf(block.timestamp)];
        count.byVote += 1;
        if (isRegular) count.regular += 1;
    }

    /// @dev Multiplied out, so that no rounding helps either side.
    function _countOperatorListing() internal returns (uint256 epoch) {
        epoch = epochOf(block.timestamp);
        Epoch storage count = _epochs[epoch];
        uint256 operators = uint256(count.byOperator) + 1;
        if (count.byVote * BPS < voteShareBps(epoch) * (count.byVote + operators)) {
            revert OperatorShareUsed(epoch);
        }
        count.byOperator = uint32(operators);
    }

    function _takeExpeditedPlace() internal {
        uint256 epoch = epochOf(block.timestamp);
        Epoch storage count = _epochs[epoch];
        uint256 expedited = uint256(count.expedited) + 1;
        if (count.regular < REGULAR_PER_EXPEDITED * expedited) revert ExpeditedShareUsed(epoch);
        count.expedited = uint32(expedited);
    }

    /// @dev The place goes back to the epoch in which the proposal was made.
    function _freeExpeditedPlace(uint256 proposedAt) internal {
        _epochs[epochOf(proposedAt)].expedited -= 1;
    }
}
