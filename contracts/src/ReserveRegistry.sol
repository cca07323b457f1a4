// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {MerkleSum} from "./reserves/MerkleSum.sol";

/// @title Register of reserve statements
/// @notice One entry per statement: its digest, and the head of the statement log that contains it.
///
/// - Append only: no entry is ever changed, overwritten or removed, by anyone.
/// - Numbers run without a gap, cut-off times and log sizes rise strictly.
/// - A statement that is overdue shows: `isStale`.
/// - An auditor's countersignature is kept beside the entry and changes nothing in it.
///
/// Times are Unix seconds.
contract ReserveRegistry is AccessControl, EIP712 {
    /// @notice Publishes statements; to be a multisig.
    bytes32 public constant PUBLISHER_ROLE = keccak256("PUBLISHER_ROLE");
    /// @notice Countersigns statements, by key or ERC-1271.
    bytes32 public constant AUDITOR_ROLE = keccak256("AUDITOR_ROLE");

    bytes32 private constant AUDIT_TYPEHASH = keccak256("StatementAudit(uint64 seq,bytes32 statementDigest)");
    uint256 private constant URI_LIMIT_BYTES = 256;
    uint256 private constant MAX_AGE_LIMIT_S = 400 days;

    /// @notice What is kept of a statement.
    struct Entry {
        bytes32 statementDigest; // SHA-256, 32 bytes
        bytes32 logRoot; // RFC 6962 root of the statement log
        uint64 logSize; // entries in that log
        uint64 cutoff; // time the balances belong to
        uint64 publishedAt; // block time
    }

    /// @notice Longest time between a cut-off and the next, in seconds.
    uint64 public immutable maxAgeS;
    /// @notice Number of the latest statement; 0 before the first.
    uint64 public lastSeq;
    /// @notice Number under which a digest was published; 0 if it was not.
    mapping(bytes32 statementDigest => uint64 seq) public seqOf;
    mapping(uint64 seq => Entry) private _entries;
    mapping(uint64 seq => mapping(address auditor => bool)) private _countersigned;

    /// @notice A statement was published.
    event StatementPublished(
        uint64 indexed seq,
        bytes32 indexed statementDigest,
        bytes32 logRoot,
        uint64 logSize,
        uint64 cutoff,
        string uri
    );
    /// @notice An auditor countersigned a statement.
    event StatementCountersigned(uint64 indexed seq, address indexed auditor, bytes32 statementDigest);

    error ZeroAddress();
    error MaxAgeOutOfBounds(uint64 maxAgeS);
    error SeqOutOfOrder(uint64 given, uint64 expected);
    error DigestMissing();
    error DigestKnown(uint64 seq);
    error CutoffNotLater(uint64 given, uint64 last);
    error CutoffInFuture(uint64 given, uint256 blockTime);
    error LogNotLonger(uint64 given, uint64 last);
    error UriLength(uint256 length, uint256 limit);
    error UnknownStatement(uint64 seq);
    error NotAuditor(address auditor);
    error SignatureRefused(address auditor);
    error AlreadyCountersigned(uint64 seq, address auditor);

    /// @param admin Grants and revokes the roles: the Timelock. Has no power over entries.
    /// @param publisher First holder of PUBLISHER_ROLE.
    /// @param auditor First holder of AUDITOR_ROLE.
    /// @param maxAgeS_ Seconds after a cut-off, past which the register is stale; 1 to 400 days.
    constructor(
        address admin,
        address publisher,
        address auditor,
        uint64 maxAgeS_
    ) EIP712("ReserveRegistry", "1") {
        if (admin == address(0) || publisher == address(0) || auditor == address(0)) revert ZeroAddress();
        if (maxAgeS_ < 1 days || maxAgeS_ > MAX_AGE_LIMIT_S) revert MaxAgeOutOfBounds(maxAgeS_);
        maxAgeS = maxAgeS_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(PUBLISHER_ROLE, publisher);
        _grantRole(AUDITOR_ROLE, auditor);
    }

    /// @notice Appends a statement.
    /// @param seq `lastSeq` + 1.
    /// @param statementDigest Digest of the statement, never published before.
    /// @param logRoot Root of the statement log that contains it.
    /// @param logSize Entries in that log, more than last time.
    /// @param cutoff Time the balances belong to, later than last time and not in the future.
    /// @param uri Where the bundle can be fetched, 1 to 256 bytes.
    function publish(
        uint64 seq,
        bytes32 statementDigest,
        bytes32 logRoot,
        uint64 logSize,
        uint64 cutoff,
        string calldata uri
    ) external onlyRole(PUBLISHER_ROLE) {
        Entry storage last = _entries[lastSeq];
        if (seq != lastSeq + 1) revert SeqOutOfOrder(seq, lastSeq + 1);
        if (statementDigest == bytes32(0) || logRoot == bytes32(0)) revert DigestMissing();
        if (seqOf[statementDigest] != 0) revert DigestKnown(seqOf[statementDigest]);
        if (cutoff <= last.cutoff) revert CutoffNotLater(cutoff, last.cutoff);
        if (cutoff > block.timestamp) revert CutoffInFuture(cutoff, block.timestamp);
        if (logSize <= last.logSize) revert LogNotLonger(logSize, last.logSize);
        uint256 length = bytes(uri).length;
        if (length == 0 || length > URI_LIMIT_BYTES) revert UriLength(length, URI_LIMIT_BYTES);
        lastSeq = seq;
        seqOf[statementDigest] = seq;
        _entries[seq] = Entry(statementDigest, logRoot, logSize, cutoff, uint64(block.timestamp));
        emit StatementPublished(seq, statementDigest, logRoot, logSize, cutoff, uri);
    }

    /// @notice Records an auditor's signature; anyone may hand it in.
    /// @param auditor Holder of AUDITOR_ROLE at this moment.
    /// @param signature EIP-712 `StatementAudit` over chain, registry, number and digest.
    function countersign(uint64 seq, address auditor, bytes calldata signature) external {
        bytes32 digest = auditDigest(seq);
        if (!hasRole(AUDITOR_ROLE, auditor)) revert NotAuditor(auditor);
        if (_countersigned[seq][auditor]) revert AlreadyCountersigned(seq, auditor);
        if (!SignatureChecker.isValidSignatureNowCalldata(auditor, digest, signature)) {
            revert SignatureRefused(auditor);
        }
        _countersigned[seq][auditor] = true;
        emit StatementCountersigned(seq, auditor, _entries[seq].statementDigest);
    }

    /// @notice Whether a statement is overdue: none yet, or the last cut-off is older than allowed.
    function isStale() external view returns (bool) {
        return block.timestamp > uint256(_entries[lastSeq].cutoff) + maxAgeS;
    }

    /// @notice The latest entry; all zero before the first.
    function latest() external view returns (Entry memory) {
        return _entries[lastSeq];
    }

    /// @notice An entry by its number.
    function entryOf(uint64 seq) external view returns (Entry memory) {
        _verifyKnown(seq);
        return _entries[seq];
    }

    /// @notice Whether this auditor has countersigned this statement.
    function isCountersigned(uint64 seq, address auditor) external view returns (bool) {
        return _countersigned[seq][auditor];
    }

    /// @notice Digest that an auditor signs for a published statement.
    function auditDigest(uint64 seq) public view returns (bytes32) {
        _verifyKnown(seq);
        return _hashTypedDataV4(keccak256(abi.encode(AUDIT_TYPEHASH, seq, _entries[seq].statementDigest)));
    }

    /// @notice Hash of one customer's leaf; see `MerkleSum.leafHash`.
    function leafHash(
        bytes32 context,
        uint32 index,
        bytes32 subject,
        bytes32 salt,
        uint128 amount
    ) external pure returns (bytes32) {
        return MerkleSum.leafHash(context, index, subject, salt, amount);
    }

    /// @notice Root and total that a customer's path leads to; see `MerkleSum.rootFromInclusion`.
    function rootFromInclusion(
        bytes32 leaf,
        uint32 index,
        uint128 amount,
        MerkleSum.Sibling[] calldata path
    ) external pure returns (bytes32 root, uint128 total) {
        return MerkleSum.rootFromInclusion(leaf, index, amount, path);
    }

    function _verifyKnown(uint64 seq) private view {
        if (seq == 0 || seq > lastSeq) revert UnknownStatement(seq);
    }
}
