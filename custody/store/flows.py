"""What left and what came, hour by hour, from the books of custody: the history that forecasts learn from.

Rules:
    * Reads only: with `open_reading` it works beside a running installation and on a stopped one.
    * A withdrawal counts in the hour it was settled, a deposit in the hour it was credited; a deposit that a
      reorg took back counts nowhere.
    * The first hour is that of the first event, or the last half year; hours in which nothing happened are zero.
    * Sums are added in Python from exact columns.

Example:
    flows = SqlFlows(open_reading(Path(".mext/custody.sqlite")))
    flows.hourly("BTC", until_hour=500_000).hours
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from custody.store.database import for_reading
from custody.store.deposit_rows import CreditTimeRow, DepositRow
from custody.store.withdrawal_tables import WithdrawalRow
from custody.wallets.demand import MAX_WEEKS, WEEK_H, FlowHistory
from custody.wallets.deposit import DepositState
from custody.withdrawals.facts import Kind
from custody.withdrawals.states import WithdrawalState

HOUR_S = 3_600
HOUR_MS = HOUR_S * 1_000


@dataclass(frozen=True, slots=True)
class Paid:
    """One settled withdrawal: the wallet tier that paid, the address that received, and base units."""

    source: str
    to: str
    units: int


class SqlFlows:
    """Implements the history over the tables of withdrawals and deposits."""

    def __init__(self, engine: Engine) -> None:
        self._reading = for_reading(engine)

    def hourly(self, symbol: str, until_hour: int) -> FlowHistory:
        """Customer flows of an asset, of whole hours only.

        Args:
            symbol: The asset.
            until_hour: The present hour, which is not whole yet, in hours since 1970 UTC.
        """
        earliest = until_hour - MAX_WEEKS * WEEK_H
        out = self._settled(symbol, earliest, until_hour)
        come = self._credited(symbol, earliest, until_hour)
        first = min((*out, *come), default=until_hour)
        hours = range(first, until_hour)
        return FlowHistory(first, tuple(out.get(hour, 0) for hour in hours), tuple(come.get(hour, 0) for hour in hours))

    def ended_payments(self, symbols: Collection[str], since_ms: int) -> frozenset[str]:
        """Payments with a withdrawal of these assets that was settled or refunded since then, ms since 1970 UTC."""
        ends = (WithdrawalState.SETTLED.value, WithdrawalState.REFUNDED.value)
        question = select(WithdrawalRow.payment_id).where(
            col(WithdrawalRow.state).in_(ends),
            col(WithdrawalRow.asset).in_(symbols),
            col(WithdrawalRow.moved_at_ms) > since_ms,
        )
        with Session(self._reading) as session:
            return frozenset(session.exec(question)) - {""}

    def settled(self, symbol: str, since_ms: int) -> Mapping[str, Paid]:
        """What was paid of an asset since then, by id.

        Args:
            symbol: The asset.
            since_ms: Settled later than this, milliseconds since 1970 UTC.
        """
        question = select(WithdrawalRow.id, WithdrawalRow.source, WithdrawalRow.to, WithdrawalRow.units).where(
            WithdrawalRow.state == WithdrawalState.SETTLED.value,
            WithdrawalRow.asset == symbol,
            col(WithdrawalRow.moved_at_ms) > since_ms,
        )
        with Session(self._reading) as session:
            return {found: Paid(source, to, units) for found, source, to, units in session.exec(question)}

    def _settled(self, symbol: str, earliest: int, until: int) -> dict[int, int]:
        question = select(WithdrawalRow.moved_at_ms, WithdrawalRow.units).where(
            WithdrawalRow.state == WithdrawalState.SETTLED.value,
            WithdrawalRow.kind == Kind.CUSTOMER.value,
            WithdrawalRow.asset == symbol,
            col(WithdrawalRow.moved_at_ms) >= earliest * HOUR_MS,
            col(WithdrawalRow.moved_at_ms) < until * HOUR_MS,
        )
        with Session(self._reading) as session:
            return _by_hour((at_ms // HOUR_MS, units) for at_ms, units in session.exec(question))

    def _credited(self, symbol: str, earliest: int, until: int) -> dict[int, int]:
        kept = (DepositState.CREDITED.value, DepositState.FINAL.value)
        question = (
            select(CreditTimeRow.at_s, DepositRow.units)
            .join(DepositRow, col(DepositRow.key) == col(CreditTimeRow.key))
            .where(
                DepositRow.asset == symbol,
                col(DepositRow.state).in_(kept),
                col(CreditTimeRow.at_s) >= earliest * HOUR_S,
                col(CreditTimeRow.at_s) < until * HOUR_S,
            )
        )
        with Session(self._reading) as session:
            return _by_hour((at_s // HOUR_S, units) for at_s, units in session.exec(question))


def _by_hour(events: Iterable[tuple[int, int]]) -> dict[int, int]:
    sums: dict[int, int] = {}
    for hour, units in events:
        sums[hour] = sums.get(hour, 0) + units
    return sums
