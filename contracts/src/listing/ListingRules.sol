// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IListingVote} from "./IListingVote.sol";
import {Ending, Lane, Proposal, State, Terms} from "./ListingTypes.sol";

/// @title The rules of a listing vote, without storage of their own
/// @notice Everything that follows from a proposal and the clock. Intervals are half open:
/// the first second belongs to them, the last one to the next.
library ListingRules {
    uint256 internal constant BPS = 10_000;

    /// @notice An approval that was not used ends this long after the deadline it missed.
    uint256 internal constant APPROVAL_GRACE_S = 30 days;

    /// @notice A result that turns to yes in the last tenth of the voting opens the objection period.
    uint256 internal constant LATE_PART = 10;

    uint256 internal constant REGULAR_LIMIT_S = 48 hours;
    uint256 internal constant EXPEDITED_LIMIT_S = 12 hours;
    uint256 internal constant SCREENING_MIN_S = 15 minutes;
    uint256 internal constant VOTING_MIN_S = 4 hours;
    uint256 internal constant VETO_MIN_S = 1 hours;
    uint256 internal constant OPENING_MIN_S = 1 hours;
    uint256 internal constant QUORUM_MIN_BPS = 100;
    uint256 internal constant QUORUM_MAX_BPS = 2_000;
    uint256 internal constant PASS_MIN_BPS = 5_000;
    uint256 internal constant PASS_MAX_BPS = 9_000;
    uint256 internal constant DEPOSIT_MIN = 1_000e18;
    uint256 internal constant DEPOSIT_MAX = 1_000_000e18;

    /// @notice Rules that both lanes start with.
    function initialTerms(Lane lane) internal pure returns (Terms memory) {
        if (lane == Lane.Regular) {
            return Terms(4 hours, 34 hours, 2 hours, 44 hours, 48 hours, 200, 5_000, true, 50_000e18);
        }
        return Terms(15 minutes, 8 hours + 15 minutes, 45 minutes, 11 hours, 12 hours, 400, 6_667, false, 200_000e18);
    }

    /// @notice Refuses rules outside the constant bounds, so that no vote can be made a formality.
    function verifyTerms(Lane lane, Terms memory terms) internal pure {
        uint256 limitS = lane == Lane.Regular ? REGULAR_LIMIT_S : EXPEDITED_LIMIT_S;
        uint256 latestEndS = uint256(terms.votingEndS) + terms.extensionS;
        if (terms.votingStartS < SCREENING_MIN_S) revert IListingVote.TermsOutOfBounds("votingStartS");
        if (terms.votingEndS < terms.votingStartS + VOTING_MIN_S) revert IListingVote.TermsOutOfBounds("votingEndS");
        if (terms.vetoEndS < latestEndS + VETO_MIN_S) revert IListingVote.TermsOutOfBounds("vetoEndS");
        if (terms.deadlineS < terms.vetoEndS + OPENING_MIN_S || terms.deadlineS > limitS) {
            revert IListingVote.TermsOutOfBounds("deadlineS");
        }
        if (terms.quorumBps < QUORUM_MIN_BPS || terms.quorumBps > QUORUM_MAX_BPS) {
            revert IListingVote.TermsOutOfBounds("quorumBps");
        }
        if (terms.passBps < PASS_MIN_BPS || terms.passBps > PASS_MAX_BPS) {
            revert IListingVote.TermsOutOfBounds("passBps");
        }
        if (terms.passBps == PASS_MIN_BPS && !terms.strictMajority) {
            revert IListingVote.TermsOutOfBounds("strictMajority");
        }
        if (terms.deposit < DEPOSIT_MIN || terms.deposit > DEPOSIT_MAX) {
            revert IListingVote.TermsOutOfBounds("deposit");
        }
    }

    /// @notice Identity of an asset: chain, address and code, so that other code is another asset.
    function assetIdOf(uint64 chainId, address token, bytes32 codeHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(chainId, token, codeHash));
    }

    /// @notice Least turnout in base units, rounded up.
    function quorumOf(uint256 supply, uint256 quorumBps) internal pure returns (uint256) {
        return Math.ceilDiv(supply * quorumBps, BPS);
    }

    /// @notice Whether these votes carry the proposal: turnout reached, and share of yes reached.
    function passes(Proposal storage p, uint256 yes, uint256 no) internal view returns (bool) {
        uint256 turnout = yes + no;
        if (turnout == 0 || turnout < p.quorumVotes) return false;
        uint256 wanted = uint256(p.terms.passBps) * turnout;
        return p.terms.strictMajority ? yes * BPS > wanted : yes * BPS >= wanted;
    }

    /// @notice Whether the turnout was so low that the deposit is lost: under a quarter of the quorum.
    function isFutile(Proposal storage p) internal view returns (bool) {
        return 4 * (uint256(p.yes) + p.no) < p.quorumVotes;
    }

    /// @notice Whether `nowS` lies in the last tenth of the voting.
    function isLate(Proposal storage p, uint256 nowS) internal view returns (bool) {
        uint256 end = uint256(p.startedAt) + p.terms.votingEndS;
        uint256 length = p.terms.votingEndS - p.terms.votingStartS;
        return nowS >= end - length / LATE_PART && nowS < end;
    }

    /// @notice First second after the last vote can be cast.
    function pollsCloseAt(Proposal storage p) internal view returns (uint256) {
        uint256 end = uint256(p.startedAt) + p.terms.votingEndS;
        return p.extended ? end + p.terms.extensionS : end;
    }

    function finalizableAt(Proposal storage p) internal view returns (uint256) {
        return uint256(p.startedAt) + p.terms.vetoEndS;
    }

    function deadlineOf(Proposal storage p) internal view returns (uint256) {
        return uint256(p.startedAt) + p.terms.deadlineS;
    }

    /// @notice Where the proposal stands at `nowS`.
    function stateAt(Proposal storage p, uint256 nowS) internal view returns (State) {
        if (p.proposer == address(0)) return State.Unknown;
        if (p.ending != Ending.None) return _endedState(p, nowS);
        uint256 start = p.startedAt;
        if (nowS < start + p.terms.votingStartS) return State.Screening;
        if (nowS < start + p.terms.votingEndS) return State.Active;
        if (nowS < pollsCloseAt(p)) return State.Objection;
        return passes(p, p.yes, p.no) ? State.AwaitingVeto : State.Defeated;
    }

    function _endedState(Proposal storage p, uint256 nowS) private view returns (State) {
        Ending ending = p.ending;
        if (ending == Ending.Rejected) return State.Rejected;
        if (ending == Ending.Spam) return State.Spam;
        if (ending == Ending.Vetoed) return State.Vetoed;
        if (ending == Ending.Defeated) return State.Defeated;
        if (ending == Ending.Listed) return State.Listed;
        return nowS < deadlineOf(p) + APPROVAL_GRACE_S ? State.Approved : State.Lapsed;
    }
}
