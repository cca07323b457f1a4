"""A Merkle-sum tree of one asset, in plain Python.

Rules:
    * Users and pads are sorted together by a keyed hash: neither place nor order tells anything.
    * Exactly 2**height leaves; height = max(floor, ceil(log2(rows))).
    * One leaf is one (subject, shard); an amount outside 0..2**120 - 1 is refused, and so is a total.

Example:
    tree = build_tree(TreeSpec(ctx, 0, "bip122:.../slip44:0", 8), rows, master, height_floor=10)
    tree.root.total, tree.path(5)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from operator import itemgetter
from typing import NamedTuple

from custody.primitives.errors import InvalidInput, LimitExceeded
from custody.primitives.invariant import invariant
from custody.reserves.leaf import (
    MAX_HEIGHT,
    AssetContext,
    AssetTree,
    Context,
    Node,
    Subject,
    asset_context,
    audit_key,
    leaf_hash,
    order_key,
    pad_of,
    require_amount,
    salt_of,
    sort_key,
)
from custody.reserves.proof import Root


class Row(NamedTuple):
    """One leaf before it has a place: whose, which shard, how many ledger quanta."""

    subject: Subject
    shard: int
    amount: int


class Place(NamedTuple):
    """Where a leaf stands, counted from 0, and what it holds."""

    position: int
    amount: int


@dataclass(frozen=True, slots=True)
class TreeSpec:
    """Which tree: the statement's context and the asset's row in the header."""

    ctx: Context
    ix: int
    asset_id: str
    decimals: int


@dataclass(frozen=True, slots=True)
class SumTree:
    """All levels of a tree; hashes and sums of a level in two parallel tuples, leaves first."""

    hashes: tuple[tuple[bytes, ...], ...]
    sums: tuple[tuple[int, ...], ...]

    @property
    def root(self) -> Root:
        """The published top."""
        return Root(self.hashes[-1][0], self.sums[-1][0], len(self.hashes) - 1)

    def path(self, index: int) -> tuple[Node, ...]:
        """Siblings of a leaf, from leaf to root.

        Raises:
            InvalidInput: No leaf stands there.
        """
        if not 0 <= index < len(self.hashes[0]):
            raise InvalidInput(f"no leaf {index} in a tree of {len(self.hashes[0])}", index=index)
        places = [(level, index >> level ^ 1) for level in range(len(self.hashes) - 1)]
        return tuple(Node(self.hashes[level][at], self.sums[level][at]) for level, at in places)


@dataclass(frozen=True, slots=True)
class LiabilityTree:
    """A tree and who stands where; the second half is private."""

    spec: TreeSpec
    ctx_a: AssetContext
    sums: SumTree
    places: Mapping[tuple[Subject, int], Place]


def tree_height(rows: int, floor: int) -> int:
    """Levels needed for so many rows.

    Args:
        rows: Users' leaves.
        floor: Lowest height; hides the number of users below 2**floor.

    Raises:
        InvalidInput: The floor is outside 1..32.
        LimitExceeded: More than 2**32 rows.
    """
    if not 1 <= floor <= MAX_HEIGHT:
        raise InvalidInput(f"height floor {floor} outside 1..{MAX_HEIGHT}")
    height = max(floor, (rows - 1).bit_length() if rows else 0)
    if height > MAX_HEIGHT:
        raise LimitExceeded(f"{rows} leaves do not fit height {MAX_HEIGHT}", rows=rows)
    return height


def build_tree(spec: TreeSpec, rows: Sequence[Row], master: bytes, height_floor: int) -> LiabilityTree:
    """Build the tree of one asset.

    Args:
        spec: Statement context and asset.
        rows: Users' leaves in any order; order does not change the result.
        master: K_master, from the key store.
        height_floor: Lowest height, 1 to 32.

    Raises:
        InvalidAmount: A row or the total is outside 0..2**120 - 1.
        InvalidInput: One (subject, shard) twice.
        LimitExceeded: Too many rows.
    """
    height = tree_height(len(rows), height_floor)
    ctx_a = asset_context(spec.ctx, AssetTree(spec.ix, spec.asset_id, spec.decimals, height))
    key = order_key(master, ctx_a)
    for row in rows:
        require_amount(row.amount)
    if len({row[:2] for row in rows}) != len(rows):
        raise InvalidInput(f"asset {spec.asset_id}: one leaf twice", asset=spec.asset_id)
    require_amount(sum(row.amount for row in rows))
    users = [(sort_key(key, row.subject, row.shard), row, b"") for row in rows]
    pads = [(rank, Row(subject, 0, 0), salt) for rank, subject, salt in _pads(key, (1 << height) - len(rows))]
    ordered = sorted([*users, *pads], key=itemgetter(0))
    invariant(len({entry[0] for entry in ordered}) == 1 << height, "sort keys are distinct")
    hashes: list[bytes] = []
    places: dict[tuple[Subject, int], Place] = {}
    for index, (_, (subject, shard, amount), pad_salt) in enumerate(ordered):
        salt = pad_salt or salt_of(audit_key(master, subject), ctx_a, shard)
        hashes.append(leaf_hash(ctx_a, index, (subject, salt), amount))
        if not pad_salt:
            places[subject, shard] = Place(index, amount)
    return LiabilityTree(spec, ctx_a, join(hashes, [row.amount for _, row, _ in ordered]), places)


def join(hashes: Sequence[bytes], sums: Sequence[int]) -> SumTree:
    """Build all levels above leaves that already have hashes.

    Args:
        hashes: 2**n leaf hashes, 32 bytes each.
        sums: Their amounts, as many.
    """
    invariant(len(hashes) == len(sums) > 0 and len(hashes) & (len(hashes) - 1) == 0, "a full binary tree")
    all_hashes, all_sums = [tuple(hashes)], [tuple(sums)]
    while len(all_hashes[-1]) > 1:
        level, below, amounts = len(all_hashes) - 1, all_hashes[-1], all_sums[-1]
        # The bytes of leaf.node_hash, written out: this loop is half the time of a statement.
        parts = [digest + amount.to_bytes(16, "big") for digest, amount in zip(below, amounts, strict=True)]
        tag = bytes([1, level])
        all_hashes.append(
            tuple(sha256(tag + left + right).digest() for left, right in zip(parts[::2], parts[1::2], strict=True))
        )
        all_sums.append(tuple(left + right for left, right in zip(amounts[::2], amounts[1::2], strict=True)))
    return SumTree(tuple(all_hashes), tuple(all_sums))


def _pads(key: bytes, count: int) -> Iterable[tuple[bytes, Subject, bytes]]:
    return (pad_of(key, number) for number in range(count))
