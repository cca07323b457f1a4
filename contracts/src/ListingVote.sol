// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {MEXT} from "./MEXT.sol";
import {ListingAdmission} from "./listing/ListingAdmission.sol";
import {ListingBallots} from "./listing/ListingBallots.sol";
import {ListingRules} from "./listing/ListingRules.sol";
import {
    Asset,
    Attestation,
    Ending,
    Lane,
    Proposal,
    Roles,
    State,
    Terms,
    VetoReason
} from "./listing/ListingTypes.sol";

/// @title Holders of MEXT decide which tokens the exchange lists
/// @notice A proposal runs on a clock that nobody can stop: screening, voting, veto, finalization by
/// anyone, market open. What anyone fails to do in time becomes visible and holds nothing up.
///
/// - Weight is the lesser of the votes one second and one day (and a second) before the proposal:
///   tokens borrowed for a moment, bought or re-delegated on the last day weigh nothing.
/// - A deposit leaves once: back to the proposer, or to the treasury for spam and for proposals that
///   nearly nobody voted on.
/// - Nothing loops over voters, apart from a bounded batch of signed ballots.
///
/// Amounts are base units of MEXT (18 decimals), times are seconds of `block.timestamp`, shares are
/// basis points, intervals are half open.
contract ListingVote is ListingAdmission {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;
    using ListingRules for Proposal;

    uint256 public constant PAUSE_LIMIT_S = 72 hours;
    /// @notice Least time between the end of a pause and the next one, so that pauses do not chain.
    uint256 public constant PAUSE_REST_S = 72 hours;
    uint256 private constant MIN_SCREENERS = 2;
    uint256 private constant URI_LIMIT_BYTES = 256;

    /// @notice Receives slashed deposits.
    address public immutable treasury;
    /// @notice Number of proposals so far; also the id of the latest. Ids start at 1.
    uint256 public proposalCount;
    /// @notice End of the current or last pause of new proposals.
    uint256 public pausedUntil;
    /// @notice Vetoes so far, by reason.
    mapping(VetoReason reason => uint256 count) public vetoCount;
    mapping(Lane lane => Terms) private _lanes;

    /// @param token_ The voting token, in which deposits are paid as well.
    /// @param treasury_ Receives slashed deposits.
    /// @param roles Final holders of all roles.
    constructor(MEXT token_, address treasury_, Roles memory roles) ListingBallots(token_) {
        if (treasury_ == address(0)) revert ZeroAddress();
        if (treasury_ == address(token_.vault())) revert TreasuryIsVault();
        treasury = treasury_;
        _grantFinal(DEFAULT_ADMIN_ROLE, roles.admin);
        _grantFinal(GUARDIAN_ROLE, roles.guardian);
        _grantFinal(OPERATOR_ROLE, roles.operator);
        if (roles.screeners.length < MIN_SCREENERS) revert TooFewScreeners();
        for (uint256 i = 0; i < roles.screeners.length; ++i) _grantFinal(SCREENER_ROLE, roles.screeners[i]);
        _lanes[Lane.Regular] = ListingRules.initialTerms(Lane.Regular);
        _lanes[Lane.Expedited] = ListingRules.initialTerms(Lane.Expedited);
    }

    // ---- anyone -------------------------------------------------------------------------------

    /// @notice Proposes to list a token; takes the lane's deposit from the caller.
    /// @param lane Regular or expedited.
    /// @param asset The token; if it lives on this chain, its code hash is checked.
    /// @param uri Where the proposal can be read, 1 to 256 bytes.
    /// @param attestations None for the regular lane; two of different screeners, in ascending order
    /// of their addresses, for the expedited one.
    /// @return id Number of the proposal.
    function propose(
        Lane lane,
        Asset calldata asset,
        string calldata uri,
        Attestation[] calldata attestations
    ) external returns (uint256 id) {
        if (block.timestamp < pausedUntil) revert UnderPause(pausedUntil);
        uint256 length = bytes(uri).length;
        if (length == 0 || length > URI_LIMIT_BYTES) revert TextLength(length, URI_LIMIT_BYTES);
        bytes32 assetId = _verifyUnlisted(asset);
        uint256 attempt = _attemptsFor(asset);
        if (lane == Lane.Expedited) {
            _verifyAttestations(assetId, uri, attempt, attestations);
            _takeExpeditedPlace();
        } else if (attestations.length != 0) {
            revert AttestationCount(attestations.length, 0);
        }
        id = ++proposalCount;
        _recordAttempt(asset, id);
        _open(id, assetId, lane, asset);
        _announce(id, asset, uri);
        IERC20(address(token)).safeTransferFrom(msg.sender, address(this), _proposals[id].terms.deposit);
    }

    /// @notice Ends the vote once the veto period is over, and settles the deposit.
    function finalize(uint256 id) external {
        Proposal storage p = _proposals[id];
        State current = p.stateAt(block.timestamp);
        bool passed = current == State.AwaitingVeto;
        if (p.ending != Ending.None || (!passed && current != State.Defeated)) revert NotInState(id, current);
        uint256 earliest = p.finalizableAt();
        if (block.timestamp < earliest) revert TooEarly(earliest);
        if (passed) {
            p.ending = Ending.Approved;
            emit ListingApproved(id, p.assetId, p.lane, p.deadlineOf());
            _returnDeposit(id, p);
            return;
        }
        _end(p, Ending.Defeated);
        emit ListingDefeated(id, p.yes, p.no);
        if (p.isFutile()) _slashDeposit(id, p);
        else _returnDeposit(id, p);
    }

    /// @notice Records that an approved market was not opened in time.
    function markBreached(uint256 id) external {
        Proposal storage p = _proposals[id];
        if (p.ending != Ending.Approved) revert NotInState(id, p.stateAt(block.timestamp));
        if (block.timestamp < p.deadlineOf()) revert TooEarly(p.deadlineOf());
        if (p.breached) revert BreachRecorded(id);
        _recordBreach(id, p);
    }

    // ---- screeners ----------------------------------------------------------------------------

    /// @notice Declines a proposal before its voting starts; the deposit goes back.
    function reject(uint256 id, string calldata reason) external onlyRole(SCREENER_ROLE) {
        Proposal storage p = _screened(id, reason);
        _end(p, Ending.Rejected);
        emit ListingRejected(id, msg.sender, reason);
        _returnDeposit(id, p);
    }

    /// @notice Marks a proposal as spam or fraud before its voting starts; the deposit is lost.
    /// @param evidenceHash keccak256 of the evidence, which is published elsewhere.
    function markSpam(uint256 id, string calldata reason, bytes32 evidenceHash) external onlyRole(SCREENER_ROLE) {
        if (evidenceHash == bytes32(0)) revert ReasonMissing();
        Proposal storage p = _screened(id, reason);
        _end(p, Ending.Spam);
        emit ListingMarkedSpam(id, msg.sender, reason, evidenceHash);
        _slashDeposit(id, p);
    }

    // ---- guardian -----------------------------------------------------------------------------

    /// @notice Stops a proposal that is not yet finalizable; the deposit goes back.
    function veto(uint256 id, VetoReason reason) external onlyRole(GUARDIAN_ROLE) {
        if (reason == VetoReason.Unspecified) revert ReasonMissing();
        Proposal storage p = _proposals[id];
        State current = p.stateAt(block.timestamp);
        bool running = current == State.Screening || current == State.Active || current == State.Objection;
        if (!running && (current != State.AwaitingVeto || block.timestamp >= p.finalizableAt())) {
            revert NotInState(id, current);
        }
        _end(p, Ending.Vetoed);
        uint256 count = ++vetoCount[reason];
        emit ListingVetoed(id, reason, count);
        _returnDeposit(id, p);
    }

    /// @notice Takes no new proposals for some seconds, at most 72 hours; running ones go on.
    function pauseNew(uint256 seconds_) external onlyRole(GUARDIAN_ROLE) {
        if (seconds_ == 0 || seconds_ > PAUSE_LIMIT_S) revert PauseLength(seconds_, PAUSE_LIMIT_S);
        uint256 allowedAt = pausedUntil == 0 ? 0 : pausedUntil + PAUSE_REST_S;
        if (block.timestamp < allowedAt) revert PauseTooSoon(allowedAt);
        pausedUntil = block.timestamp + seconds_;
        emit Paused(pausedUntil);
    }

    // ---- operator -----------------------------------------------------------------------------

    /// @notice Confirms that the market of an approved proposal is open. Refused if the token's code
    /// on this chain is no longer the one that was voted on.
    function confirmListed(uint256 id) external onlyRole(OPERATOR_ROLE) {
        Proposal storage p = _proposals[id];
        State current = p.stateAt(block.timestamp);
        if (current != State.Approved) revert NotInState(id, current);
        _verifyUnchanged(p);
        p.ending = Ending.Listed;
        isListed[p.assetId] = true;
        _countVoteListing(p.lane == Lane.Regular);
        bool withinSla = block.timestamp < p.deadlineOf();
        emit ListingConfirmed(id, p.assetId, withinSla);
        if (!withinSla && !p.breached) _recordBreach(id, p);
    }

    /// @notice Records a listing that the exchange makes without a vote, paid by credits.
    function recordOperatorListing(Asset calldata asset) external onlyRole(OPERATOR_ROLE) {
        bytes32 assetId = _verifyUnlisted(asset);
        isListed[assetId] = true;
        uint256 epoch = _countOperatorListing();
        emit OperatorListed(assetId, asset, epoch);
    }

    // ---- admin --------------------------------------------------------------------------------

    /// @notice Sets the rules of a lane for proposals to come, within constant bounds.
    function setLane(Lane lane, Terms calldata terms) external onlyRole(DEFAULT_ADMIN_ROLE) {
        ListingRules.verifyTerms(lane, terms);
        _lanes[lane] = terms;
        emit LaneSet(lane, terms);
    }

    /// @notice Sets the least share of listings by vote, from the next epoch on; never below 70 %.
    function setVoteShare(uint256 shareBps) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setVoteShare(shareBps);
    }

    // ---- views --------------------------------------------------------------------------------

    /// @notice Rules that the next proposal of a lane will copy.
    function termsOf(Lane lane) external view returns (Terms memory) {
        return _lanes[lane];
    }

    // ---- inside -------------------------------------------------------------------------------

    function _open(uint256 id, bytes32 assetId, Lane lane, Asset calldata asset) private {
        Proposal storage p = _proposals[id];
        Terms memory terms = _lanes[lane];
        uint256 supply = token.getPastTotalSupply(block.timestamp - 1);
        p.proposer = msg.sender;
        p.startedAt = uint48(block.timestamp);
        p.lane = lane;
        p.assetId = assetId;
        p.token = asset.token;
        p.quorumVotes = ListingRules.quorumOf(supply, terms.quorumBps).toUint96();
        p.chainId = asset.chainId;
        p.terms = terms;
    }

    function _announce(uint256 id, Asset calldata asset, string calldata uri) private {
        Proposal storage p = _proposals[id];
        emit ListingProposed(id, p.assetId, p.proposer, p.lane, asset, p.terms, p.quorumVotes, uri);
    }

    function _screened(uint256 id, string calldata reason) private view returns (Proposal storage p) {
        if (bytes(reason).length == 0) revert ReasonMissing();
        _verifyText(reason);
        p = _proposals[id];
        State current = p.stateAt(block.timestamp);
        if (current != State.Screening) revert NotInState(id, current);
    }

    /// @dev An ending without a listing gives the expedited place back.
    function _end(Proposal storage p, Ending ending) private {
        p.ending = ending;
        if (p.lane == Lane.Expedited) _freeExpeditedPlace(p.startedAt);
    }

    function _recordBreach(uint256 id, Proposal storage p) private {
        p.breached = true;
        emit SlaBreached(id, p.deadlineOf());
    }

    function _returnDeposit(uint256 id, Proposal storage p) private {
        emit DepositReturned(id, p.proposer, p.terms.deposit);
        IERC20(address(token)).safeTransfer(p.proposer, p.terms.deposit);
    }

    function _slashDeposit(uint256 id, Proposal storage p) private {
        emit DepositSlashed(id, p.terms.deposit);
        IERC20(address(token)).safeTransfer(treasury, p.terms.deposit);
    }

    function _grantFinal(bytes32 role, address holder) private {
        if (holder == address(0)) revert ZeroAddress();
        if (!_grantRole(role, holder)) revert DuplicateScreener(holder);
    }
}
