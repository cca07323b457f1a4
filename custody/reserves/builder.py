"""From a snapshot of the ledger to a statement, and from the statement to each customer's proof.

Rules:
    * Pure: the same snapshot, header and key give the same bytes, so a statement is rebuilt, not stored.
    * Refused: a total that is not the control account's, one account id for two people, a negative or
      oversized balance, a snapshot of another ledger point than the header's.
    * A loan to a user is never a negative leaf.

Proven by the result: whoever finds his balance in it is counted in the total. Not proven: that everybody is in it;
that is why proofs go to every customer, not only to those who ask.

Example:
    built = build_statement(LiabilitySnapshot(seq, head, rows, controls), header, k_master)
    proof = cut_user_proof(built, "alice@example.com")
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from custody.primitives.encoding import Json
from custody.primitives.errors import InvalidInput, NotFound, Refused
from custody.primitives.secret import Secret
from custody.reserves.balances import AssetSide
from custody.reserves.leaf import MAX_SHARDS, Subject, audit_key, subject_of
from custody.reserves.statement import Header, LedgerPoint, Statement, make_statement
from custody.reserves.tree import LiabilityTree, Row, TreeSpec, build_tree
from custody.reserves.verify import PROOF_FORMAT

DEFAULT_HEIGHT_FLOOR = 10
"""1,024 leaves at least: a small exchange does not show how small."""
MASTER_KEY_BYTES = 32


class ControlMismatch(Refused):
    """The customers' balances do not add up to the control account: a statement would be wrong."""

    code = "control_mismatch"


class AccountIdClash(Refused):
    """One account id stands for two rows: two people would share one leaf."""

    code = "account_id_clash"


class LiabilityRow(NamedTuple):
    """What one account is owed: position of the asset in the header, account id, ledger quanta."""

    ix: int
    account_id: str
    units: int


@dataclass(frozen=True, slots=True)
class LiabilitySnapshot:
    """Balances at one point of the ledger, including holds, pending withdrawals and the house's own accounts.

    Attributes:
        ledger_seq: Last journal sequence number counted.
        ledger_head: Hash of the journal's chain there, 64 hex digits.
        rows: At most one per asset and account.
        control_totals: Balance of the control account per asset of the header, from the other side of the books.
    """

    ledger_seq: int
    ledger_head: str
    rows: tuple[LiabilityRow, ...]
    control_totals: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """Choices that hide the number of users and the size of a balance.

    Attributes:
        height_floor: Lowest height of any tree, 1 to 32.
        shards: Amounts that a balance is split into, by (ix, account id); they add up to the balance.
    """

    height_floor: int = DEFAULT_HEIGHT_FLOOR
    shards: Mapping[tuple[int, str], tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BuiltStatement:
    """A statement with its trees; the trees and the key are private, only the statement is published."""

    header: Header
    statement: Statement
    trees: tuple[LiabilityTree, ...]
    k_master: Secret


def build_statement(
    snapshot: LiabilitySnapshot,
    header: Header,
    k_master: Secret,
    asset_side: AssetSide | None = None,
    plan: BuildPlan | None = None,
) -> BuiltStatement:
    """Build all trees and the statement.

    Args:
        snapshot: Balances.
        header: Final; its ledger point is the snapshot's.
        k_master: 32 bytes from the key store, the same for ever.
        asset_side: Reserves; None for a statement of liabilities alone.
        plan: Padding and splitting; the default pads to 1,024 leaves and splits nothing.

    Raises:
        InvalidInput, InvalidAmount: Malformed rows, key or plan.
        AccountIdClash: One account id twice.
        ControlMismatch: A total differs from its control account; both are named.
    """
    plan = plan or BuildPlan()
    if header.ledger != LedgerPoint(snapshot.ledger_seq, snapshot.ledger_head):
        raise InvalidInput(f"the snapshot is of ledger sequence {snapshot.ledger_seq}, the header of another point")
    if len(k_master.reveal()) != MASTER_KEY_BYTES:
        raise InvalidInput(f"K_master is not {MASTER_KEY_BYTES} bytes")
    _require_own_ids(snapshot, len(header.assets))
    rows = _leaf_rows(snapshot, header, plan)
    _require_controls(snapshot, header, rows)
    ctx, master = header.ctx(), k_master.reveal()
    trees = tuple(
        build_tree(TreeSpec(ctx, ix, asset.id, asset.decimals), rows[ix], master, plan.height_floor)
        for ix, asset in enumerate(header.assets)
    )
    roots = [tree.sums.root for tree in trees]
    fields = None if asset_side is None else asset_side.json(header, [root.total for root in roots])
    return BuiltStatement(header, make_statement(header, roots, fields), trees, k_master)


def cut_user_proof(built: BuiltStatement, account_id: str) -> dict[str, Json]:
    """Cut one customer's proof: a por-proof/1 with every leaf of this account.

    The result is private: it holds balances and the key that recognises this customer in later statements.

    Raises:
        NotFound: The account has no leaf in any tree.
    """
    subject = subject_of(built.header.exchange, account_id)
    claims = [claim for tree in built.trees if (claim := _claim(tree, subject)) is not None]
    if not claims:
        raise NotFound(f"{account_id}: no leaf in statement {built.header.seq}")
    return {
        "format": PROOF_FORMAT,
        "statement": built.statement.document,
        "audit_key": audit_key(built.k_master.reveal(), subject).hex(),
        "claims": claims,
    }


def _claim(tree: LiabilityTree, subject: Subject) -> Json | None:
    shards: list[Json] = []
    while (place := tree.places.get((subject, len(shards)))) is not None:
        path: list[Json] = [[node.hash.hex(), str(node.sum)] for node in tree.sums.path(place.position)]
        shards.append({"shard": len(shards), "index": place.position, "amount": str(place.amount), "path": path})
    return {"asset": tree.spec.asset_id, "ix": tree.spec.ix, "shards": shards} if shards else None


def _require_own_ids(snapshot: LiabilitySnapshot, assets: int) -> None:
    spellings: dict[str, str] = {}
    seen: set[tuple[int, str]] = set()
    for row in snapshot.rows:
        if not 0 <= row.ix < assets:
            raise InvalidInput(f"row of {row.account_id}: no asset {row.ix}")
        name = unicodedata.normalize("NFC", row.account_id)
        if (row.ix, name) in seen or spellings.setdefault(name, row.account_id) != row.account_id:
            raise AccountIdClash(f"account {row.account_id!r}: two rows of one asset, or two spellings of one id")
        seen.add((row.ix, name))


def _leaf_rows(snapshot: LiabilitySnapshot, header: Header, plan: BuildPlan) -> list[list[Row]]:
    rows: list[list[Row]] = [[] for _ in header.assets]
    used: set[tuple[int, str]] = set()
    for row in snapshot.rows:
        subject = subject_of(header.exchange, row.account_id)
        amounts = plan.shards.get((row.ix, row.account_id), (row.units,))
        used.add((row.ix, row.account_id))
        if not 0 < len(amounts) < MAX_SHARDS or sum(amounts) != row.units:
            raise InvalidInput(f"account {row.account_id!r}: shards do not add up to the balance")
        rows[row.ix].extend(Row(subject, shard, amount) for shard, amount in enumerate(amounts))
    if not plan.shards.keys() <= used:
        raise InvalidInput("shards are planned for an account that has no balance")
    return rows


def _require_controls(snapshot: LiabilitySnapshot, header: Header, rows: list[list[Row]]) -> None:
    if len(snapshot.control_totals) != len(header.assets):
        raise InvalidInput(f"{len(snapshot.control_totals)} control totals for {len(header.assets)} assets")
    for asset, leaves, control in zip(header.assets, rows, snapshot.control_totals, strict=True):
        total = sum(leaf.amount for leaf in leaves)
        if total != control:
            raise ControlMismatch(
                f"{asset.id}: customers' balances are {total}, the control account is {control}",
                asset=asset.id,
                total=str(total),
                control=str(control),
            )
