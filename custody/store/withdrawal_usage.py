"""What the limits count: the live reservations of a key, added in Python from exact columns."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Engine, bindparam
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from custody.primitives.ids import WithdrawalId
from custody.store.plain_rows import key_pages
from custody.store.withdrawal_tables import UsageRow
from custody.withdrawals.facts import Scope, UsageKey

_SCOPE_COLUMN = {
    Scope.CUSTOMER: UsageRow.customer,
    Scope.OWNER: UsageRow.owner,
    Scope.DESTINATION: UsageRow.destination,
    Scope.ASSET: UsageRow.asset,
    Scope.TIER: UsageRow.tier,
    Scope.HOUSE: UsageRow.house,
}

_RESERVED = select_columns(col(UsageRow.withdrawal_id)).where(
    col(UsageRow.withdrawal_id).in_(bindparam("ids", expanding=True)), col(UsageRow.live)
)
"""Made once: putting a statement together costs as much as carrying it out."""


def reserved_for(engine: Engine, withdrawal_ids: Collection[WithdrawalId]) -> frozenset[WithdrawalId]:
    """Return those of these whose share of the limits is reserved."""
    found: set[WithdrawalId] = set()
    with engine.connect() as connection:
        for some in key_pages(withdrawal_ids):
            found |= set(connection.scalars(_RESERVED, {"ids": some}))
    return frozenset(found)


def reserved_total(session: Session, key: UsageKey, without: WithdrawalId, now_s: int) -> int:
    """Add up the live reservations of a key within its window.

    Args:
        session: Reads them in the caller's transaction.
        key: Scope, value, asset and window.
        without: A withdrawal that is left out.
        now_s: Now, seconds since 1970 UTC.

    Returns:
        Base units, or units of the reference currency where the key names no asset.
    """
    counted = UsageRow.reference if key.asset is None else UsageRow.units
    where = (
        (col(_SCOPE_COLUMN[key.scope]) == key.value)
        & (col(UsageRow.at_s) > now_s - key.window_s)
        & (col(UsageRow.withdrawal_id) != without)
        & col(UsageRow.live)
    )
    if key.asset is not None:
        where &= col(UsageRow.asset) == key.asset
    return sum(session.exec(select(counted).where(where)))
