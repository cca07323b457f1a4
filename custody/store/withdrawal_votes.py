"""The verdicts over withdrawals: kept, read, and marked so that a new one is noticed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Engine, func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from custody.primitives.approval import Approval
from custody.primitives.ids import WithdrawalId
from custody.store import withdrawal_rows as rows
from custody.store.plain_rows import all_columns, key_pages
from custody.store.withdrawal_tables import ApprovalRow


def keep_vote(engine: Engine, withdrawal_id: WithdrawalId, approval: Approval) -> None:
    """Keep a verdict; given again by the same approver, the later one counts."""
    same = (
        (col(ApprovalRow.withdrawal_id) == withdrawal_id)
        & (col(ApprovalRow.intent_hash) == approval.intent_hash)
        & (col(ApprovalRow.approver) == approval.approver)
        & (col(ApprovalRow.verdict) == approval.verdict.value)
    )
    with Session(engine) as session:
        row = session.exec(select(ApprovalRow).where(same)).first() or ApprovalRow(
            withdrawal_id=withdrawal_id,
            intent_hash=approval.intent_hash,
            approver=approval.approver,
            verdict=approval.verdict.value,
            at_s=approval.at_s,
            signature=approval.signature,
        )
        row.at_s, row.signature = approval.at_s, approval.signature
        session.add(row)
        session.commit()


def votes_over(engine: Engine, withdrawal_id: WithdrawalId) -> tuple[Approval, ...]:
    """Return all verdicts given for a withdrawal, in the order they came."""
    mine = all_columns(ApprovalRow).where(col(ApprovalRow.withdrawal_id) == withdrawal_id)
    with engine.connect() as connection:
        found = connection.execute(mine.order_by(col(ApprovalRow.id)))
        return tuple(rows.approval(row) for row in found)


def marks_of_votes(engine: Engine, withdrawal_ids: Collection[WithdrawalId]) -> Mapping[WithdrawalId, tuple[int, int]]:
    """Return how many verdicts each of these has, and the sum of their times: it changes with every verdict."""
    found: dict[WithdrawalId, tuple[int, int]] = {}
    marks = select_columns(col(ApprovalRow.withdrawal_id), func.count(), func.sum(ApprovalRow.at_s))
    with engine.connect() as connection:
        for some in key_pages(withdrawal_ids):
            mine = marks.where(col(ApprovalRow.withdrawal_id).in_(some)).group_by(col(ApprovalRow.withdrawal_id))
            found |= {WithdrawalId(each): (count, int(times)) for each, count, times in connection.execute(mine)}
    return found
