// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Asset, Lane, Skip, State, Terms, VetoReason} from "./ListingTypes.sol";

/// @title Events and refusals of the listing vote
interface IListingVote {
    /// @notice A proposal was made; T0 is the time of this block.
    event ListingProposed(
        uint256 indexed id,
        bytes32 indexed assetId,
        address indexed proposer,
        Lane lane,
        Asset asset,
        Terms terms,
        uint256 quorumVotes,
        string uri
    );

    /// @notice A screener declined the proposal; the deposit went back.
    event ListingRejected(uint256 indexed id, address indexed screener, string reason);

    /// @notice A screener marked the proposal as spam or fraud; the deposit was slashed.
    event ListingMarkedSpam(uint256 indexed id, address indexed screener, string reason, bytes32 evidenceHash);

    /// @notice A vote was counted; `yes` and `no` are base units of MEXT.
    event ListingVoteCast(uint256 indexed id, address indexed voter, uint256 yes, uint256 no, string reason);

    /// @notice One ballot of a batch was passed over; the others count.
    event BallotSkipped(uint256 indexed id, address indexed voter, Skip why);

    /// @notice The result turned to yes late; votes against are taken until `until`.
    event ListingExtended(uint256 indexed id, uint256 until);

    /// @notice The Council vetoed; `count` is the number of vetoes with this reason so far.
    event ListingVetoed(uint256 indexed id, VetoReason indexed reason, uint256 count);

    /// @notice The vote passed and the veto period is over; open the market before `slaDeadline`.
    event ListingApproved(uint256 indexed id, bytes32 indexed assetId, Lane lane, uint256 slaDeadline);

    /// @notice The vote failed.
    event ListingDefeated(uint256 indexed id, uint256 yes, uint256 no);

    /// @notice The market is open.
    event ListingConfirmed(uint256 indexed id, bytes32 indexed assetId, bool withinSla);

    /// @notice The market was not open in time.
    event SlaBreached(uint256 indexed id, uint256 slaDeadline);

    /// @notice The exchange lists without a vote, paid by the credits of this epoch.
    event OperatorListed(bytes32 indexed assetId, Asset asset, uint256 indexed epoch);

    /// @notice A deposit went back to the proposer, in base units of MEXT.
    event DepositReturned(uint256 indexed id, address indexed proposer, uint256 amount);

    /// @notice A deposit went to the treasury, in base units of MEXT.
    event DepositSlashed(uint256 indexed id, uint256 amount);

    /// @notice Rules for the future proposals of a lane.
    event LaneSet(Lane indexed lane, Terms terms);

    /// @notice No new proposals before `until`.
    event Paused(uint256 until);

    /// @notice Share that votes must have in the listings, from `epoch` on.
    event VoteShareSet(uint256 shareBps, uint256 indexed epoch);

    error ZeroAddress();
    error DuplicateScreener(address screener);
    error TooFewScreeners();
    error TreasuryIsVault();
    error NotInState(uint256 id, State current);
    error UnknownSupport(uint8 support);
    error YesClosed(uint256 id);
    error AlreadyVoted(uint256 id, address voter);
    error NoWeight(uint256 id, address voter);
    error MoreThanWeight(uint256 yes, uint256 no, uint256 weight);
    error TextLength(uint256 length, uint256 limit);
    error TooManyBallots(uint256 count, uint256 limit);
    error GasTooLow();
    error UnderPause(uint256 until);
    error PauseLength(uint256 seconds_, uint256 limit);
    error PauseTooSoon(uint256 allowedAt);
    error ReasonMissing();
    error AssetInvalid();
    error CodeChanged(bytes32 expected, bytes32 found);
    error AssetTaken(uint256 id);
    error AlreadyListed(bytes32 assetId);
    error AttestationCount(uint256 given, uint256 wanted);
    error AttestationOrder();
    error AttestationExpired(address screener);
    error AttestationRefused(address screener);
    error ExpeditedShareUsed(uint256 epoch);
    error OperatorShareUsed(uint256 epoch);
    error ShareOutOfBounds(uint256 shareBps);
    error TermsOutOfBounds(string field);
    error TooEarly(uint256 earliest);
    error BreachRecorded(uint256 id);
}
