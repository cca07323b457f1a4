"""Inclusion in a Merkle-sum tree: compute the root a path leads to, or judge it.

`root_from_inclusion` computes and does not judge; `verify_inclusion` compares.

Proven: this leaf stands in the tree and its amount is counted in the total. Not proven: who else stands there.

Example:
    verify_inclusion(Node(hash_of_my_leaf, 12_345), 5, path, Root(root, total, height))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody.primitives.errors import RootMismatch, VerificationFailed
from custody.reserves.leaf import AMOUNT_LIMIT, HASH_BYTES, MAX_HEIGHT, Node, node_hash


class LeafIndexOutside(VerificationFailed):
    """The position is not in the tree, or not a whole number."""

    code = "reserves_leaf_index"


class PathLengthWrong(VerificationFailed):
    """The path has not as many siblings as the tree has levels: a node may be posing as a leaf."""

    code = "reserves_path_length"


class NodeAmountWrong(VerificationFailed):
    """An amount, sibling sum or total is negative, too large or not canonical."""

    code = "reserves_amount"


class NodeHashWrong(VerificationFailed):
    """A hash is not 32 bytes, or not 64 lower-case hex digits."""

    code = "reserves_hash"


class TotalMismatch(VerificationFailed):
    """The path leads to another total than the published one."""

    code = "reserves_total"


@dataclass(frozen=True, slots=True)
class Root:
    """The top of a tree as a statement publishes it.

    Attributes:
        hash: 32 bytes.
        total: Ledger quanta owed.
        height: Levels above the leaves; the tree has exactly 2**height leaves.
    """

    hash: bytes
    total: int
    height: int


def root_from_inclusion(leaf: Node, index: int, height: int, path: Sequence[Node]) -> Node:
    """Compute the root that this inclusion proof leads to.

    Computes and does not judge; `verify_inclusion` compares. Requires 0 <= index < 2**height.

    Args:
        leaf: Leaf hash, 32 bytes, and its amount in ledger quanta.
        index: Position from 0; bit n says whether the node of level n is a right child.
        height: Levels of the tree, at most 32.
        path: Siblings from leaf to root, each a 32-byte hash and a sum in ledger quanta.

    Raises:
        LeafIndexOutside: Index outside the tree.
        PathLengthWrong: Not one sibling a level.
        NodeAmountWrong, NodeHashWrong: A value out of range.

    Spec: docs/proof-of-reserves.md; as RFC 6962 section 2.1.1, with sums committed on both sides.
    """
    if not 0 <= height <= MAX_HEIGHT or not 0 <= index < 1 << height:
        raise LeafIndexOutside(f"index {index} outside a tree of height {height}", index=index, height=height)
    if len(path) != height:
        raise PathLengthWrong(f"path of {len(path)} siblings in a tree of height {height}", height=height)
    for node in (leaf, *path):
        _require_node(node)
    current = leaf
    for level, sibling in enumerate(path):
        left, right = (sibling, current) if index >> level & 1 else (current, sibling)
        current = Node(node_hash(level, left, right), left.sum + right.sum)
    return current


def verify_inclusion(leaf: Node, index: int, path: Sequence[Node], root: Root) -> None:
    """Check that a leaf is counted in a tree: first the total, then the root.

    Raises:
        TotalMismatch: The sums do not add up to the published total.
        RootMismatch: The hashes do not lead to the published root.
        VerificationFailed: As `root_from_inclusion`.
    """
    computed = root_from_inclusion(leaf, index, root.height, path)
    if computed.sum != root.total:
        raise TotalMismatch(
            f"sums lead to {computed.sum}, published total {root.total}",
            computed=str(computed.sum),
            expected=str(root.total),
        )
    if computed.hash != root.hash:
        raise RootMismatch(
            f"path leads to root {computed.hash.hex()}, published {root.hash.hex()}",
            computed=computed.hash.hex(),
            expected=root.hash.hex(),
        )


def _require_node(node: Node) -> None:
    if type(node.sum) is not int or not 0 <= node.sum < AMOUNT_LIMIT:
        raise NodeAmountWrong("an amount or sibling sum is outside 0..2**120 - 1")
    if len(node.hash) != HASH_BYTES:
        raise NodeHashWrong(f"a hash of {len(node.hash)} bytes, not {HASH_BYTES}")
