// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Speed of a listing proposal. The number is the one used in calls and events.
enum Lane {
    Regular, // 0: market open within 48 hours
    Expedited // 1: within 12 hours, against two due-diligence attestations
}

/// @notice Where a proposal stands. The time-based states are derived; nobody has to poke them.
enum State {
    Unknown, // 0: no such proposal
    Screening, // 1: screeners may reject it or mark it as spam
    Active, // 2: voting
    Objection, // 3: the result turned late: only votes against are taken
    Defeated, // 4: voted down, or the quorum was missed
    AwaitingVeto, // 5: voted through; the Council may veto, then anyone finalizes
    Approved, // 6: finalized; the market is to be opened
    Listed, // 7: the exchange confirmed the open market
    Rejected, // 8: a screener declined it
    Spam, // 9: a screener marked it as spam or fraud
    Vetoed, // 10: the Council vetoed it
    Lapsed // 11: approved, but not opened for so long that the approval ended
}

/// @notice How a proposal ended, as stored. `None` leaves its state to the clock.
enum Ending {
    None,
    Rejected,
    Spam,
    Vetoed,
    Defeated,
    Approved,
    Listed
}

/// @notice Reason of a veto; the count of each is public.
enum VetoReason {
    Unspecified, // 0: refused
    Security, // 1: fault in the token's code or keys
    Legal, // 2: the law of a place where the exchange works
    Sanctions, // 3: issuer or holders under sanctions
    Manipulation // 4: the vote was bought or attacked
}

/// @notice Why one ballot of a batch was passed over.
enum Skip {
    BadSupport, // 0: neither for nor against, or not allowed now
    AlreadyVoted, // 1
    NoWeight, // 2
    BadSignature // 3
}

/// @notice The token to be listed.
struct Asset {
    uint64 chainId; // EIP-155 number of the token's chain
    address token; // the token's contract
    bytes32 codeHash; // keccak256 of its runtime code; checked here if the chain is this one
}

/// @notice Rules of a lane, one storage slot. Copied into each proposal, so a change touches no
/// running vote. Offsets are seconds after T0, the block time of the proposal; intervals are half open.
struct Terms {
    uint24 votingStartS; // screening ends, voting starts
    uint24 votingEndS; // voting ends
    uint24 extensionS; // length of the objection period after a late turn
    uint24 vetoEndS; // the veto ends, anyone may finalize
    uint24 deadlineS; // the market is to be open before this
    uint16 quorumBps; // least turnout, in basis points of the supply at T0 - 1
    uint16 passBps; // share of votes for, in basis points of the votes cast
    bool strictMajority; // true: more than `passBps`; false: at least
    uint96 deposit; // base units of MEXT
}

/// @notice A stored proposal, five slots. The supply of 1e27 base units fits 96 bits 79 times.
struct Proposal {
    address proposer;
    uint48 startedAt; // T0
    Lane lane;
    Ending ending;
    bool extended; // a late turn opened the objection period
    bool breached; // the missed deadline was recorded
    bytes32 assetId;
    address token;
    uint96 quorumVotes; // least turnout in base units of MEXT, fixed at T0
    uint64 chainId;
    uint96 yes; // weight for, in base units of MEXT
    uint96 no; // weight against
    Terms terms;
}

/// @notice A screener's statement that it did the due diligence on this very proposal.
struct Attestation {
    address screener;
    uint48 deadline; // first second at which it is void
    bytes signature; // EIP-712 `DueDiligence`, by key or ERC-1271
}

/// @notice A signed vote, handed in by anyone.
struct Ballot {
    address voter;
    uint8 support; // 0 against, 1 for
    bytes signature; // EIP-712 `ListingBallot`, by key or ERC-1271
}

/// @notice Who holds the roles from the first block on. The deployer gets none.
struct Roles {
    address admin; // the Timelock: lanes, share, role changes
    address guardian; // the Council: veto, pause
    address operator; // the exchange: confirmations, own listings
    address[] screeners; // compliance keys, at least two
}
