// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ListingBallots} from "./ListingBallots.sol";
import {ListingRules} from "./ListingRules.sol";
import {Asset, Attestation, Proposal, State} from "./ListingTypes.sol";

/// @title What may be put to the vote
/// @notice One live proposal per token, none for a listed asset; on this chain the code is checked
/// when the token is proposed and again when its market opens.
abstract contract ListingAdmission is ListingBallots, AccessControl {
    using ListingRules for Proposal;

    /// @notice May reject a proposal or mark it as spam while it is screened; attests expedited ones.
    bytes32 public constant SCREENER_ROLE = keccak256("SCREENER_ROLE");
    /// @notice May veto with a reason, and pause new proposals for a while.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");
    /// @notice The exchange: confirms open markets, lists by itself within the share.
    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");

    /// @notice Attestations that an expedited proposal needs.
    uint256 public constant ATTESTATIONS = 2;

    /// @notice Whether a market is open for this asset, by vote or by the operator.
    mapping(bytes32 assetId => bool) public isListed;

    /// @dev Last proposal for a token, and how many there were.
    struct Slot {
        uint128 latestId;
        uint128 attempts;
    }

    mapping(uint64 chainId => mapping(address token => Slot)) private _slots;

    /// @notice Latest proposal for a token (0 if none), and the number of proposals for it.
    function proposalsFor(uint64 chainId, address asset) external view returns (uint256 latestId, uint256 attempts) {
        Slot storage slot = _slots[chainId][asset];
        return (slot.latestId, slot.attempts);
    }

    /// @notice Identity under which an asset is listed.
    function assetIdOf(Asset calldata asset) public pure returns (bytes32) {
        return ListingRules.assetIdOf(asset.chainId, asset.token, asset.codeHash);
    }

    function _attemptsFor(Asset calldata asset) internal view returns (uint256) {
        return _slots[asset.chainId][asset.token].attempts;
    }

    function _recordAttempt(Asset calldata asset, uint256 id) internal {
        Slot storage slot = _slots[asset.chainId][asset.token];
        slot.latestId = uint128(id);
        slot.attempts += 1;
    }

    /// @dev The token is real as far as this chain can tell, not listed, and under no running vote.
    function _verifyUnlisted(Asset calldata asset) internal view returns (bytes32 assetId) {
        if (asset.chainId == 0 || asset.token == address(0) || asset.codeHash == bytes32(0)) revert AssetInvalid();
        if (asset.chainId == block.chainid) {
            if (asset.token.code.length == 0) revert AssetInvalid();
            if (asset.token.codehash != asset.codeHash) revert CodeChanged(asset.codeHash, asset.token.codehash);
        }
        assetId = assetIdOf(asset);
        if (isListed[assetId]) revert AlreadyListed(assetId);
        uint256 latest = _slots[asset.chainId][asset.token].latestId;
        if (latest != 0 && !_isOver(_proposals[latest].stateAt(block.timestamp))) revert AssetTaken(latest);
    }

    /// @dev States in which the same token may be proposed again.
    function _isOver(State current) private pure returns (bool) {
        return current == State.Defeated || current == State.Rejected || current == State.Spam
            || current == State.Vetoed || current == State.Lapsed;
    }

    function _verifyAttestations(
        bytes32 assetId,
        string calldata uri,
        uint256 attempt,
        Attestation[] calldata attestations
    ) internal view {
        if (attestations.length != ATTESTATIONS) revert AttestationCount(attestations.length, ATTESTATIONS);
        if (attestations[0].screener >= attestations[1].screener) revert AttestationOrder();
        for (uint256 i = 0; i < ATTESTATIONS; ++i) {
            Attestation calldata given = attestations[i];
            if (block.timestamp >= given.deadline) revert AttestationExpired(given.screener);
            bytes32 digest = diligenceDigest(assetId, msg.sender, uri, attempt, given.deadline);
            if (!hasRole(SCREENER_ROLE, given.screener) || !_isSignedBy(given.screener, digest, given.signature)) {
                revert AttestationRefused(given.screener);
            }
        }
    }

    /// @dev On this chain: the token still has the code that was voted on.
    function _verifyUnchanged(Proposal storage p) internal view {
        if (p.chainId != block.chainid) return;
        bytes32 found = ListingRules.assetIdOf(p.chainId, p.token, p.token.codehash);
        if (found != p.assetId) revert CodeChanged(p.assetId, found);
    }
}
