// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {MEXT} from "../MEXT.sol";
import {ListingRules} from "./ListingRules.sol";
import {ListingShare} from "./ListingShare.sol";
import {ListingSignatures} from "./ListingSignatures.sol";
import {Ballot, Proposal, Skip, State} from "./ListingTypes.sol";

/// @title Casting and counting of votes on listings
/// @notice One vote per address and proposal. A weight is counted once because it is read from
/// checkpoints of two moments before the proposal, where each token stands with one delegate.
abstract contract ListingBallots is ListingSignatures, ListingShare {
    using SafeCast for uint256;
    using ListingRules for Proposal;

    /// @notice Votes must have been held this long before the proposal to count.
    uint256 public constant SEASONING_S = 1 days;
    uint256 public constant REASON_LIMIT_BYTES = 1_024;
    uint256 public constant BATCH_LIMIT = 200;
    uint8 private constant AGAINST = 0;
    uint8 private constant FOR = 1;

    /// @notice The token whose votes count and in which deposits are paid.
    MEXT public immutable token;
    mapping(uint256 id => Proposal) internal _proposals;
    mapping(uint256 id => mapping(address voter => bool)) private _voted;

    /// @dev Votes that wait to be added to the tally, in base units.
    struct Sum {
        uint256 yes;
        uint256 no;
    }

    constructor(MEXT token_) {
        if (address(token_) == address(0)) revert ZeroAddress();
        token = token_;
    }

    /// @notice Votes with the whole weight of the caller.
    /// @param support 0 against, 1 for.
    function castVote(uint256 id, uint8 support) external {
        _castWhole(id, support, "");
    }

    /// @notice Votes, and says why in at most 1,024 bytes.
    function castVoteWithReason(uint256 id, uint8 support, string calldata reason) external {
        _verifyText(reason);
        _castWhole(id, support, reason);
    }

    /// @notice Votes with parts of the caller's weight both ways; what is left over abstains.
    /// @param yes Weight for, base units of MEXT.
    /// @param no Weight against, base units of MEXT.
    function castVoteSplit(uint256 id, uint256 yes, uint256 no) external {
        (Proposal storage p, bool yesOpen) = _openPolls(id);
        if (_voted[id][msg.sender]) revert AlreadyVoted(id, msg.sender);
        if (yes > 0 && !yesOpen) revert YesClosed(id);
        uint256 weight = _weightAt(msg.sender, p.startedAt);
        if (weight == 0 || (yes == 0 && no == 0)) revert NoWeight(id, msg.sender);
        if (yes > weight || no > weight - yes) revert MoreThanWeight(yes, no, weight);
        _voted[id][msg.sender] = true;
        emit ListingVoteCast(id, msg.sender, yes, no, "");
        _count(id, p, Sum(yes, no));
    }

    /// @notice Hands in signed ballots of others, at most 200. One that cannot count is passed over
    /// with an event; it never stops the others.
    function castVotesBySig(uint256 id, Ballot[] calldata ballots) external {
        if (ballots.length > BATCH_LIMIT) revert TooManyBallots(ballots.length, BATCH_LIMIT);
        (Proposal storage p, bool yesOpen) = _openPolls(id);
        uint256 startedAt = p.startedAt;
        Sum memory sum;
        for (uint256 i = 0; i < ballots.length; ++i) {
            Ballot calldata ballot = ballots[i];
            (bool counts, uint256 weight, Skip why) = _judge(id, ballot, startedAt, yesOpen);
            if (!counts) {
                emit BallotSkipped(id, ballot.voter, why);
                continue;
            }
            _voted[id][ballot.voter] = true;
            _addTo(sum, id, ballot.voter, ballot.support, weight, "");
        }
        _count(id, p, sum);
    }

    /// @notice Where a proposal stands now.
    function stateOf(uint256 id) external view returns (State) {
        return _proposals[id].stateAt(block.timestamp);
    }

    /// @notice The stored proposal; all zero if there is none.
    function proposalOf(uint256 id) external view returns (Proposal memory) {
        return _proposals[id];
    }

    /// @notice Whether the votes cast so far would carry the proposal.
    function isPassing(uint256 id) external view returns (bool) {
        Proposal storage p = _proposals[id];
        return p.passes(p.yes, p.no);
    }

    /// @notice Whether `voter` has voted on the proposal.
    function hasVoted(uint256 id, address voter) external view returns (bool) {
        return _voted[id][voter];
    }

    /// @notice Weight of `voter` on a proposal, in base units: the lesser of its votes one second and
    /// one day before the proposal. Zero for an unknown proposal.
    function weightOf(uint256 id, address voter) external view returns (uint256) {
        uint256 startedAt = _proposals[id].startedAt;
        return startedAt == 0 ? 0 : _weightAt(voter, startedAt);
    }

    function _verifyText(string calldata text) internal pure {
        uint256 length = bytes(text).length;
        if (length > REASON_LIMIT_BYTES) revert TextLength(length, REASON_LIMIT_BYTES);
    }

    function _castWhole(uint256 id, uint8 support, string memory reason) private {
        if (support > FOR) revert UnknownSupport(support);
        (Proposal storage p, bool yesOpen) = _openPolls(id);
        if (support == FOR && !yesOpen) revert YesClosed(id);
        if (_voted[id][msg.sender]) revert AlreadyVoted(id, msg.sender);
        uint256 weight = _weightAt(msg.sender, p.startedAt);
        if (weight == 0) revert NoWeight(id, msg.sender);
        _voted[id][msg.sender] = true;
        Sum memory sum;
        _addTo(sum, id, msg.sender, support, weight, reason);
        _count(id, p, sum);
    }

    function _judge(
        uint256 id,
        Ballot calldata ballot,
        uint256 startedAt,
        bool yesOpen
    ) private view returns (bool counts, uint256 weight, Skip why) {
        if (ballot.support > FOR || (ballot.support == FOR && !yesOpen)) return (false, 0, Skip.BadSupport);
        if (_voted[id][ballot.voter]) return (false, 0, Skip.AlreadyVoted);
        bytes32 digest = ballotDigest(ballot.voter, id, ballot.support);
        if (!_isSignedBy(ballot.voter, digest, ballot.signature)) return (false, 0, Skip.BadSignature);
        weight = _weightAt(ballot.voter, startedAt);
        if (weight == 0) return (false, 0, Skip.NoWeight);
        return (true, weight, why);
    }

    function _addTo(
        Sum memory sum,
        uint256 id,
        address voter,
        uint8 support,
        uint256 weight,
        string memory reason
    ) private {
        if (support == AGAINST) {
            sum.no += weight;
            emit ListingVoteCast(id, voter, 0, weight, reason);
        } else {
            sum.yes += weight;
            emit ListingVoteCast(id, voter, weight, 0, reason);
        }
    }

    /// @dev Refuses outside voting and objection period; in the latter yes is closed.
    function _openPolls(uint256 id) private view returns (Proposal storage p, bool yesOpen) {
        p = _proposals[id];
        State current = p.stateAt(block.timestamp);
        if (current != State.Active && current != State.Objection) revert NotInState(id, current);
        yesOpen = current == State.Active;
    }

    /// @dev Adds to the tally. A turn to yes in the last tenth opens the objection period, once.
    function _count(uint256 id, Proposal storage p, Sum memory sum) private {
        uint256 yes = p.yes;
        uint256 no = p.no;
        uint256 newYes = yes + sum.yes;
        uint256 newNo = no + sum.no;
        p.yes = newYes.toUint96();
        p.no = newNo.toUint96();
        if (p.extended || !p.isLate(block.timestamp)) return;
        if (p.passes(newYes, newNo) && !p.passes(yes, no)) {
            p.extended = true;
            emit ListingExtended(id, p.pollsCloseAt());
        }
    }

    function _weightAt(address voter, uint256 startedAt) private view returns (uint256) {
        uint256 snapshot = startedAt - 1;
        uint256 latest = token.getPastVotes(voter, snapshot);
        uint256 seasoned = token.getPastVotes(voter, snapshot - SEASONING_S);
        return latest < seasoned ? latest : seasoned;
    }
}
