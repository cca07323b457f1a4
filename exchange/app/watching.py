"""The monitor over a running installation: per asset, chain against books; per lane, what nobody answered.

Rules:
    * Books are read before and after the chain, and the chain's tip must stand still meanwhile: a reading over
      a new block is thrown away, the next one follows at once.
    * Balances are asked once a block. Chain and books are compared as soon as the records of the chain or what is owed
      changed, again and again while something looks wrong, and three times a second in any case: with the half second
      that an imbalance must last, the breaker is open a second after it began.
    * What is on its way widens the margins by exactly itself; at rest the balance is exact.
    * One loop an asset: a silent node of one chain delays no other.
    * An alarm is raised as an error of the loop, so that it stands on the status page as long as it lasts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from custody.monitor.breaker import FileBreaker
from custody.monitor.reconcile import Margins
from custody.monitor.rules import Alarm, AssetReading, LaneReading, unbalanced
from custody.monitor.watch import OutflowMeter, Watch
from custody.primitives.chain import BlockRef
from custody.primitives.errors import VerificationFailed
from custody.store.flows import HOUR_S
from custody.store.stock import StockSample
from custody.wallets.deposit import DepositState
from custody.wallets.sweep import SweepState
from custody.wallets.treasury import PPM
from custody.withdrawals.facts import Kind
from custody.withdrawals.ports import Page
from custody.withdrawals.records import Withdrawal
from custody.withdrawals.states import AttemptState, PaymentState, WithdrawalState
from exchange.app.chain_parts import ChainParts
from exchange.app.custody_room import CustodyRoom
from exchange.app.custody_steps import deposit_dust
from exchange.app.worker import Loop
from exchange.settlement.scale import AssetScale, ScaleBook

WATCH_INTERVAL_S = 0.1
REST_MS = 300
"""A good reading is good for so long while nothing is seen to change."""
MOST_MOVING = 1_000_000
"""More withdrawals on their way at once than any chain carries."""
WINDOW_MS = 3_600_000
MOST_HOURLY_PPM = 500_000
"""Half of all that is owed within an hour is a drain, whoever approved it. The signers' own buckets are far smaller."""
UNDER_WAY = frozenset(
    {
        WithdrawalState.ASSIGNED,
        WithdrawalState.SIGNED,
        WithdrawalState.BROADCASTING,
        WithdrawalState.BROADCAST,
        WithdrawalState.MINED,
        WithdrawalState.FINAL,
        WithdrawalState.NEEDS_REVIEW,
    }
)
_ON_CHAIN = (DepositState.SEEN, DepositState.CREDITING)
_OFF_CHAIN = (DepositState.REVERSING, DepositState.SUSPENSE)
_EVER_SEEN = (*_ON_CHAIN, DepositState.IGNORED, DepositState.CREDITED, DepositState.FINAL)


class AlarmRaised(VerificationFailed):
    """A rule of the monitor does not hold."""

    code = "alarm_raised"


@dataclass(frozen=True, slots=True)
class _Books:
    """What the books say, base units: debts with dust, and what is on its way by a name of its own."""

    due: int
    outgoing: Mapping[str, int]
    incoming: Mapping[str, int]


class AssetWatch:
    """Reads one asset and its lane, and has them judged."""

    def __init__(
        self, part: ChainParts, custody: CustodyRoom, scale: AssetScale, owed_quanta: Callable[[int], int], folder: Path
    ) -> None:
        """Bind the watch.

        Args:
            part: The chain.
            custody: Stores and fee books.
            scale: Quanta of the asset.
            owed_quanta: Asset number -> liabilities in quanta.
            folder: Where the breaker lies.
        """
        breaker = FileBreaker(folder / "breaker.json")
        self._part, self._custody, self._scale = part, custody, scale
        self._owed_quanta = owed_quanta
        self._balance, self._lane = Watch(breaker), Watch(breaker)
        self._meter = OutflowMeter(WINDOW_MS)
        self._left = 0  # what left within the window, when chain and scanner stood at the same block last
        self._recorded: StockSample | None = None
        self._held: tuple[BlockRef, tuple[int, int, int]] | None = None  # balances change with the tip and not else
        self._calm: tuple[tuple[int, int], int] | None = None  # what was judged good last, and when

    def step(self) -> None:
        """Read and judge once, unless all was well a moment ago and nothing changed since.

        Raises:
            AlarmRaised: A rule does not hold; the breaker is open if the rule says so.
            NodeUnavailable: The node does not answer; nothing can be judged.
        """
        now_ms = time.monotonic_ns() // 1_000_000
        signs = self._signs()
        if self._calm is not None and signs == self._calm[0] and now_ms - self._calm[1] < REST_MS:
            return
        self._calm = None
        alarms = self._lane.judge(self._lane_reading(), now_ms)
        reading = self._asset_reading(now_ms)
        if reading is not None:
            found = self._balance.judge(reading, now_ms)
            self._tell_gates(reading, found)
            alarms += found
        if alarms:
            raise AlarmRaised("; ".join(alarm.reason for alarm in alarms), rule=alarms[0].rule, scope=alarms[0].scope)
        if reading is not None and reading.margins.unexplained == 0:
            self._calm = (signs, now_ms)

    def _tell_gates(self, reading: AssetReading, found: Sequence[Alarm]) -> None:
        """Note the comparison for the gates; one that looks wrong and is not confirmed yet says nothing."""
        gap = reading.margins.unexplained
        is_short = any(alarm.stops for alarm in found if alarm.rule == unbalanced.__name__)
        if gap >= 0 or is_short:
            self._custody.notes.note_books(reading.symbol, time.time_ns() // 10**9, max(0, -gap))

    def _signs(self) -> tuple[int, int]:
        """How often the records of the chain changed, and what is owed: both are cheap to ask."""
        return self._custody.stores.bell.rung(self._part.chain.id), self._owed_quanta(self._scale.number)

    def _asset_reading(self, now_ms: int) -> AssetReading | None:
        if not self._custody.fees.has_stepped(self._part.chain.id):
            return None  # the fees' dust is not known before
        part, signs = self._part, self._signs()
        before = self._books()
        tip = part.source.tip()
        if self._held is None or self._held[0] != tip:
            held, self._held = part.held(), None
            if (newest := part.source.tip()) != tip:
                # On a chain that is faster than our reading there is no quiet moment: two equal readings make one.
                tip = newest
                if part.held() != held:
                    return None
            self._held = (tip, held)
        _, (hot, warm, cold) = self._held
        there = hot + warm + cold
        after = before if signs == self._signs() else self._books()
        outgoing, incoming = {**before.outgoing, **after.outgoing}, {**before.incoming, **after.incoming}
        margins = Margins(
            there - max(before.due, after.due),
            there - min(before.due, after.due),
            sum(outgoing.values()),
            sum(incoming.values()),
        )
        scanned = self._custody.stores.deposits.scanned_tip(part.chain.id)
        if scanned is None or scanned.hash != tip.hash:
            # A deposit of the newest block may not be known yet: only what is missing can be judged.
            margins = Margins(margins.low, margins.high, margins.outgoing, max(margins.low, margins.incoming))
        elif (come := self._come(tip)) is not None:
            self._left = self._meter.left(come - there, now_ms)
        self._record(StockSample(part.native.symbol, time.time_ns() // (HOUR_S * 10**9), hot, cold, after.due, warm))
        most = after.due * MOST_HOURLY_PPM // PPM
        return AssetReading(part.native.symbol, margins, self._left, most)

    def _come(self, tip: BlockRef) -> int | None:
        """All deposits up to this block; None if the scanner went on meanwhile, since the balance did not."""
        part, deposits = self._part, self._custody.stores.deposits
        seen = deposits.totals(part.chain.id)
        scanned = deposits.scanned_tip(part.chain.id)
        if scanned is None or scanned.hash != tip.hash:
            return None
        return sum(each.units for each in seen if each.asset == part.native.symbol and each.state in _EVER_SEEN)

    def _record(self, sample: StockSample) -> None:
        """Keep where the coins lie, whenever that changed."""
        if sample != self._recorded:
            self._custody.stores.stock.record(sample)
            self._recorded = sample

    def _books(self) -> _Books:
        part, stores, scale = self._part, self._custody.stores, self._scale
        here = stores.withdrawals.withdrawals(UNDER_WAY, page=Page(MOST_MOVING, chain=part.chain.id))
        moving = [each for each in here if each.amount.asset.symbol == part.native.symbol]
        outgoing = {str(each.id): each.amount.units for each in moving}
        # Between our own wallets coins are missing in one place or found in two while blocks settle.
        incoming: dict[str, int] = {str(each.id): each.amount.units for each in moving if each.kind is Kind.TREASURY}
        for states, side in ((_ON_CHAIN, incoming), (_OFF_CHAIN, outgoing)):
            for deposit in stores.deposits.in_states(part.chain.id, states):
                if deposit.amount.asset == part.native:
                    side[deposit.key] = deposit.amount.units
        for subject, fee in self._fees_on_their_way(moving):
            outgoing[f"fee {subject}"] = fee
            incoming[f"fee {subject}"] = scale.quantum
        owed = scale.amount(self._owed_quanta(scale.number)).units
        lent = part.lent_gas()
        if lent.moving:
            incoming["lent gas"] = lent.moving
        dust = self._custody.fees.dust(part.native.symbol) + deposit_dust(stores.deposits, scale)
        return _Books(owed + dust + lent.settled + part.opening_units, outgoing, incoming)

    def _fees_on_their_way(self, moving: Sequence[Withdrawal]) -> Iterator[tuple[str, int]]:
        """Fees out of wallets that count as reserves, and not booked yet."""
        part, stores, fees = self._part, self._custody.stores, self._custody.fees
        known: dict[str, int] = {}
        if part.fee_paid is not None:
            payments = {each.payment_id for each in moving if each.payment_id} | fees.due_payments(part.chain.id)
            for attempt in stores.withdrawals.attempts_of(payments):
                if attempt.signed is not None and attempt.signed.fee_max.asset == part.native:
                    known[attempt.signed.txid] = attempt.signed.fee_max.units
        for move in (*stores.sweeps.sweeps(part.chain, (SweepState.STORED,)), *fees.due_sweeps(part.chain)):
            known[move.tx.txid] = (move.fee or move.tx.fee_max).units
        booked = fees.booked([f"{part.chain.id}/{txid}" for txid in known])
        for txid, units in known.items():
            if f"{part.chain.id}/{txid}" not in booked:
                yield f"{part.chain.id}/{txid}", units

    def _lane_reading(self) -> LaneReading:
        lane, store = self._part.lane, self._custody.stores.withdrawals
        payments = store.payments({PaymentState.IN_FLIGHT}, self._part.chain.id)
        sent = [
            attempt.sent_at_ms
            for attempt in store.attempts_of([each.id for each in payments if each.wallet_id == lane.wallet_id])
            if attempt.state is AttemptState.MAYBE_SENT and attempt.sent_at_ms is not None
        ]
        oldest_ms = time.time_ns() // 1_000_000 - min(sent) if sent else 0
        return LaneReading(lane.wallet_id, max(0, oldest_ms) // 1_000)


def watch_loops(
    custody: CustodyRoom, scales: ScaleBook, owed_quanta: Callable[[int], int], folder: Path
) -> Iterator[Loop]:
    """The monitor's background work: one loop an asset.

    Args:
        custody: What is watched.
        scales: Quanta of each asset.
        owed_quanta: Asset number -> liabilities in quanta.
        folder: Where the breaker lies.
    """
    for part in custody.parts:
        symbol = part.native.symbol
        watch = AssetWatch(part, custody, scales.of(symbol), owed_quanta, folder)
        yield Loop(f"watch {symbol}", WATCH_INTERVAL_S, watch.step)
