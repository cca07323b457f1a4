"""The hot wallet of an asset over a day, from the chain and the records of custody alone: the books have no say here.

    start of the day + deposits + refills - payments - fees - what may be on its way  <=  what is there now

Rules:
    * The day begins at a calm moment, with nothing on its way; the oldest one of the last 24 hours of this run counts.
      A house that is never calm is not judged: an alarm would be a guess.
    * Whatever is not known to the unit errs towards silence: fees count with their caps, and all that is on its way as
      if it had left.
    * From the tiers behind it, what comes to a hot wallet is a refill; what goes elsewhere never was in one.
    * Balance first, records afterwards: what is in the block was in the records before.

Example:
    day = HotDay(part, stores).read(now_ms)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Set
from dataclasses import dataclass
from typing import Protocol

from custody.monitor.rules import DayOfHot
from custody.store.deposits import SqlDepositStore
from custody.store.flows import SqlFlows
from custody.store.sweeps import SqlSweepStore
from custody.store.withdrawals import SqlWithdrawalStore
from custody.wallets.deposit import DepositState
from custody.wallets.sweep import SweepState
from custody.withdrawals.facts import Tier
from custody.withdrawals.states import AttemptState
from exchange.app.chain_parts import ChainParts
from exchange.app.watching import UNDER_WAY

DAY_MS = 86_400_000
MARK_EVERY_MS = 3_600_000
SET_BACK_MS = 3_600_000
"""A clock may be set back by this much, and no payment is overlooked."""
_BEHIND = frozenset({Tier.WARM.value, Tier.COLD.value})
"""Tiers that refill the hot one and pay no customer."""
_ON_CHAIN = frozenset(DepositState) - {
    DepositState.VANISHED, DepositState.REVERSING, DepositState.REVERSED, DepositState.SUSPENSE
}  # fmt: skip


class DayStores(Protocol):
    """The records of custody that are read."""

    @property
    def deposits(self) -> SqlDepositStore: ...  # noqa: D102
    @property
    def withdrawals(self) -> SqlWithdrawalStore: ...  # noqa: D102
    @property
    def sweeps(self) -> SqlSweepStore: ...  # noqa: D102
    @property
    def flows(self) -> SqlFlows: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class _Mark:
    """A calm moment: what was there, what had come, and what had ended shortly before it."""

    at_ms: int
    held: int
    come: int
    sweep_fees: int
    settled: Set[str]
    payments: Set[str]


class HotDay:
    """Reads the native coin of one chain."""

    def __init__(self, part: ChainParts, stores: DayStores) -> None:
        self._part, self._stores = part, stores
        self._marks: deque[_Mark] = deque()
        self._fees: dict[str, int] = {}  # of ended payments, which do not change any more

    def read(self, now_ms: int) -> DayOfHot | None:
        """Read once.

        Args:
            now_ms: Milliseconds since 1970 UTC.

        Returns:
            The day; None where nothing can be said now.

        Raises:
            NodeUnavailable: The node does not answer.
        """
        part, stores = self._part, self._stores
        tip = part.source.tip()
        held = part.hot_balance().units
        scanned = stores.deposits.scanned_tip(part.chain.id)
        if scanned is None or scanned.hash != tip.hash or part.source.tip() != tip:
            return None  # a block came meanwhile, or its deposits are not known yet
        lent = part.lent_gas()
        way = self._on_its_way() + lent.moving
        ended = stores.sweeps.sweeps(part.chain, (SweepState.FINAL,))
        fees = sum((each.fee or each.tx.fee_max).units for each in ended)
        while self._marks and self._marks[0].at_ms < now_ms - DAY_MS:
            self._marks.popleft()
        held, come = held - lent.settled, self._come()
        if stores.deposits.scanned_tip(part.chain.id) != scanned:
            return None  # the scanner went on, and the balance did not
        day = self._day(held, come, way, fees)
        if way == 0 and (not self._marks or now_ms - self._marks[-1].at_ms >= MARK_EVERY_MS):
            since = now_ms - SET_BACK_MS
            settled, payments = stores.flows.settled(part.native.symbol, since), self._ended(since)
            self._marks.append(_Mark(now_ms, held, come, fees, frozenset(settled), payments))
        return day

    def _day(self, held: int, come: int, way: int, sweep_fees: int) -> DayOfHot | None:
        if not self._marks:
            return None
        first = self._marks[0]
        since = first.at_ms - SET_BACK_MS
        settled = self._stores.flows.settled(self._part.native.symbol, since)
        paid = [each for name, each in settled.items() if name not in first.settled]
        hot = {address.text for address in self._part.hot_addresses()}
        refilled = sum(each.units for each in paid if each.source in _BEHIND and each.to in hot)
        out = sum(each.units for each in paid if each.source not in _BEHIND)
        ended = self._ended(since) - first.payments
        self._fees = {each: self._fees[each] if each in self._fees else self._fee_max(each) for each in ended}
        fees = sum(self._fees.values()) + sweep_fees - first.sweep_fees
        return DayOfHot(first.held, held, come - first.come + refilled, out + fees, way)

    def _ended(self, since_ms: int) -> frozenset[str]:
        """Payments of the chain that ended since then; those of tokens took coins as a fee, too."""
        symbols = [self._part.native.symbol, *(token.asset.symbol for token in self._part.tokens)]
        return self._stores.flows.ended_payments(symbols, since_ms)

    def _come(self) -> int:
        """Base units of all deposits that the chain holds or held for us, dust and foreign money included."""
        found = self._stores.deposits.totals(self._part.chain.id)
        return sum(each.units for each in found if each.asset == self._part.native.symbol and each.state in _ON_CHAIN)

    def _on_its_way(self) -> int:
        """Most that payments and sweeps that are not ended may have taken already, or will."""
        part, stores = self._part, self._stores
        moving = [each for each in stores.withdrawals.withdrawals(UNDER_WAY) if each.to.chain == part.chain.id]
        units = sum(each.amount.units for each in moving if each.amount.asset == part.native)
        units += sum(map(self._fee_max, {each.payment_id for each in moving if each.payment_id}))
        waiting = stores.sweeps.sweeps(part.chain, (SweepState.STORED,))
        return units + sum(each.tx.fee_max.units for each in waiting)

    def _fee_max(self, payment_id: str) -> int:
        """Most that a payment took, or may take, out of the hot wallet as its fee."""
        if self._part.fee_paid is None:
            return 0  # a float pays, which is no reserve
        warm = self._part.warm
        if warm is not None and self._stores.withdrawals.payment(payment_id).wallet_id == warm.lane.wallet_id:
            return 0
        native, attempts = self._part.native, self._stores.withdrawals.attempts(payment_id)
        signed = [(each.state, each.signed.fee_max) for each in attempts if each.signed is not None]
        caps = [(state, fee.units) for state, fee in signed if fee.asset == native]
        mined = [units for state, units in caps if state is AttemptState.MINED]
        return sum(mined) if mined else max((units for _, units in caps), default=0)
