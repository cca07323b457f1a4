// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Merkle-sum tree of liabilities
/// @notice The bytes that are hashed hold the sums of both children, so that no node can claim less
/// than what stands below it. SHA-256, big-endian, fixed lengths.
library MerkleSum {
    uint256 internal constant MAX_HEIGHT = 32;

    /// @notice Bound of every amount and sum, so that a running sum never wraps 128 bits.
    uint256 internal constant SUM_LIMIT = 2 ** 120;

    uint8 private constant LEAF_TAG = 0x00;
    uint8 private constant NODE_TAG = 0x01;

    /// @notice A node beside the path: its hash, and the sum of the amounts below it.
    struct Sibling {
        bytes32 hash;
        uint128 sum; // ledger quanta
    }

    error PathTooLong(uint256 length);
    error IndexOutside(uint256 index, uint256 height);
    error SumOutOfRange(uint256 sum);

    /// @notice Hash of one customer's leaf (117 bytes).
    /// @param context Context of the asset in this statement.
    /// @param index Position from 0.
    /// @param subject Identity of the customer, hashed.
    /// @param salt Secret of this leaf.
    /// @param amount Balance in ledger quanta, below 2^120.
    function leafHash(
        bytes32 context,
        uint32 index,
        bytes32 subject,
        bytes32 salt,
        uint128 amount
    ) internal pure returns (bytes32) {
        if (amount >= SUM_LIMIT) revert SumOutOfRange(amount);
        return sha256(abi.encodePacked(LEAF_TAG, context, index, subject, salt, amount));
    }

    /// @notice Hash of an inner node (98 bytes); level 0 joins two leaves.
    function nodeHash(
        uint8 level,
        bytes32 left,
        uint128 leftSum,
        bytes32 right,
        uint128 rightSum
    ) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(NODE_TAG, level, left, leftSum, right, rightSum));
    }

    /// @notice Root and total that a path leads to. Computes and does not judge.
    /// @param path Siblings from leaf to root; as many as the tree is high, at most 32.
    function rootFromInclusion(
        bytes32 leaf,
        uint32 index,
        uint128 amount,
        Sibling[] memory path
    ) internal pure returns (bytes32 root, uint128 total) {
        if (path.length > MAX_HEIGHT) revert PathTooLong(path.length);
        if (uint256(index) >> path.length != 0) revert IndexOutside(index, path.length);
        if (amount >= SUM_LIMIT) revert SumOutOfRange(amount);
        root = leaf;
        total = amount;
        for (uint256 level = 0; level < path.length; ++level) {
            Sibling memory beside = path[level];
            if (beside.sum >= SUM_LIMIT) revert SumOutOfRange(beside.sum);
            bool isRight = (index >> level) & 1 == 1;
            root = isRight
                ? nodeHash(uint8(level), beside.hash, beside.sum, root, total)
                : nodeHash(uint8(level), root, total, beside.hash, beside.sum);
            total += beside.sum;
        }
        if (total >= SUM_LIMIT) revert SumOutOfRange(total);
    }
}
