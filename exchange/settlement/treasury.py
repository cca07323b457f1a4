"""Treasury moves: what lies too much in hot goes to warm and cold, through the same policy as all else.

Without a warm wallet everything above a fixed band goes to cold. With one the plan decides: warm is filled up to its
target first, the rest goes to cold; each call asks for the next of these moves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from custody.monitor.reconcile import Books
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.errors import Refused, UnknownAsset
from custody.primitives.ids import IdempotencyKey
from custody.wallets.treasury import TreasuryBand, cold_share_ppm, plan_sweep_to_cold
from custody.wallets.treasury_moves import Purpose, Stock, TreasuryPlan
from custody.withdrawals.facts import Tier
from custody.withdrawals.records import Withdrawal
from custody.withdrawals.request import TREASURY, WithdrawalRequest
from custody.withdrawals.service import WithdrawalService
from custody.withdrawals.states import ENDED, WithdrawalState
from exchange.settlement.scale import ScaleBook

DEFAULT_BAND = TreasuryBand(cap_ppm=20_000, target_ppm=15_000)
"""Hot at most 2 % of liabilities; a sweep leaves 1.5 %."""


class NothingToMove(Refused):
    """Hot is within its cap."""

    code = "nothing_to_move"


@dataclass(frozen=True, slots=True)
class Tiers:
    """One asset's wallets.

    Attributes:
        cold_address: Where cold receives.
        hot, cold: What each tier holds now, by the chain.
        dust: Remainders of deposits and fees below one quantum, base units.
        warm: What the warm wallet holds; None where there is none.
        warm_address: Where it receives; None where moves to it are not configured.
    """

    cold_address: Address
    hot: Callable[[], Amount]
    cold: Callable[[], Amount]
    dust: Callable[[], int]
    warm: Callable[[], Amount] | None = None
    warm_address: Address | None = None


class Planner(Protocol):
    """Knows the bands."""

    def recorded(self, asset: Asset, now_s: int) -> TreasuryPlan | None:
        """What should move by the recorded stock; None while nothing is recorded."""
        ...

    def plan(self, asset: Asset, stock: Stock, owed: int, now_s: int) -> TreasuryPlan:
        """What should move by this stock and these liabilities, base units."""
        ...


@dataclass(frozen=True, slots=True)
class Holdings:
    """One asset at one moment.

    Attributes:
        hot, warm, cold: What the tiers hold on chain; warm is zero where there is no such wallet.
        owed: Liabilities, the house's own funds included.
        dust: Remainders below one quantum.
        cold_ppm: Share that is cold, in parts per million.
    """

    hot: Amount
    warm: Amount
    cold: Amount
    owed: Amount
    dust: Amount
    cold_ppm: int

    @property
    def held(self) -> Amount:
        """All tiers together."""
        return self.hot + self.warm + self.cold

    @property
    def difference(self) -> Amount:
        """Chain minus books: zero whenever nothing is on its way."""
        return Books(self.held, self.owed, self.dust, Amount(0, self.owed.asset)).difference()


class TreasuryDesk:
    """Shows the tiers and asks for moves."""

    def __init__(
        self,
        tiers: Mapping[str, Tiers],
        scales: ScaleBook,
        owed_quanta: Callable[[int], int],
        service: WithdrawalService,
        planner: Planner | None = None,
    ) -> None:
        """Bind the desk.

        Args:
            tiers: By asset symbol.
            scales: Quanta of each asset.
            owed_quanta: Asset number -> liabilities in quanta.
            service: Takes the move.
            planner: Says what goes to warm and what to cold; needed by assets with a warm wallet.
        """
        self._tiers = tiers
        self._scales = scales
        self._owed_quanta = owed_quanta
        self._service = service
        self._planner = planner
        self._rebalancing = threading.Lock()

    @property
    def assets(self) -> tuple[str, ...]:
        """Symbols with wallets."""
        return tuple(self._tiers)

    def holdings(self, symbol: str) -> Holdings:
        """Ask the chain and the books.

        Raises:
            UnknownAsset: No wallet holds it.
            NodeUnavailable: A node does not answer.
        """
        if symbol not in self._tiers:
            raise UnknownAsset(f"no wallet holds {symbol!r}; known: {', '.join(self._tiers)}", asset=symbol)
        tiers, scale = self._tiers[symbol], self._scales.of(symbol)
        hot, cold = tiers.hot(), tiers.cold()
        warm = tiers.warm() if tiers.warm is not None else Amount(0, hot.asset)
        owed, dust = scale.amount(self._owed_quanta(scale.number)), Amount(tiers.dust(), scale.asset)
        return Holdings(hot, warm, cold, owed, dust, cold_share_ppm(cold, hot + warm))

    def rebalance(self, officer: str, symbol: str, key: IdempotencyKey, now_ms: int) -> Withdrawal:
        """Ask for the move that brings hot back to its target.

        Raises:
            NothingToMove: Hot, less the moves on their way, is within its cap.
            UnknownAsset, NodeUnavailable: As `holdings`.
        """
        with self._rebalancing:  # two who ask at once must see each other's move
            held = self.holdings(symbol)
            to, move = self._next_move(symbol, held, self._others(symbol, key), now_ms // 1_000)
            if move.units == 0:
                raise NothingToMove(f"{symbol}: hot {held.hot.text()} is within the cap", asset=symbol)
            request = WithdrawalRequest(TREASURY, symbol, to.text, move.text(), memo="", idempotency_key=key)
            return self._service.request_move(officer, request, now_ms)

    def open_moves(self, symbol: str) -> list[Withdrawal]:
        """Moves of this asset on their way, between whichever tiers."""
        moves = self._service.list(frozenset(WithdrawalState) - ENDED, TREASURY)
        return [move for move in moves if move.amount.asset.symbol == symbol]

    def _others(self, symbol: str, key: IdempotencyKey) -> list[Withdrawal]:
        """Moves of this asset on their way, but for the one that is asked for again."""
        return [move for move in self.open_moves(symbol) if move.idempotency_key != key]

    def _next_move(
        self, symbol: str, held: Holdings, others: Sequence[Withdrawal], now_s: int
    ) -> tuple[Address, Amount]:
        """Where hot sends its excess next, and how much; zero if there is none.

        What is on its way counts as gone: asking twice must not move the same excess twice.
        """
        tiers, nothing = self._tiers[symbol], Amount(0, held.hot.asset)
        if tiers.warm_address is None or self._planner is None:
            leaving = sum((move.amount for move in others), nothing)
            return tiers.cold_address, plan_sweep_to_cold(held.hot - leaving, held.owed, DEFAULT_BAND)
        to_warm = sum(move.amount.units for move in others if move.to == tiers.warm_address)
        to_cold = sum(move.amount.units for move in others if move.to == tiers.cold_address)
        hot = max(0, held.hot.units - to_warm - to_cold)
        stock = Stock(hot, held.warm.units, held.cold.units, in_flight=to_warm, to_warm=to_warm)
        plan = self._planner.plan(held.hot.asset, stock, held.owed.units, now_s)
        for move in plan.moves:
            if move.purpose is Purpose.SWEEP and move.source is Tier.HOT:
                to = tiers.warm_address if move.destination is Tier.WARM else tiers.cold_address
                return to, Amount(move.units, held.hot.asset)
        return tiers.cold_address, nothing
