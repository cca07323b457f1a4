"""Treasury moves: everything above the hot target goes to cold, through the same policy as all else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from custody.monitor.reconcile import Books
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.errors import Refused, UnknownAsset
from custody.primitives.ids import IdempotencyKey
from custody.wallets.treasury import TreasuryBand, cold_share_ppm, plan_sweep_to_cold
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
    """

    cold_address: Address
    hot: Callable[[], Amount]
    cold: Callable[[], Amount]
    dust: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Holdings:
    """One asset at one moment.

    Attributes:
        hot, cold: What the tiers hold on chain.
        owed: Liabilities, the house's own funds included.
        dust: Remainders below one quantum.
        cold_ppm: Share that is cold, in parts per million.
    """

    hot: Amount
    cold: Amount
    owed: Amount
    dust: Amount
    cold_ppm: int

    @property
    def difference(self) -> Amount:
        """Chain minus books: zero whenever nothing is on its way."""
        return Books(self.hot + self.cold, self.owed, self.dust, Amount(0, self.owed.asset)).difference()


class TreasuryDesk:
    """Shows the tiers and asks for moves."""

    def __init__(
        self,
        tiers: Mapping[str, Tiers],
        scales: ScaleBook,
        owed_quanta: Callable[[int], int],
        service: WithdrawalService,
        band: TreasuryBand = DEFAULT_BAND,
    ) -> None:
        """Bind the desk.

        Args:
            tiers: By asset symbol.
            scales: Quanta of each asset.
            owed_quanta: Asset number -> liabilities in quanta.
            service: Takes the move.
            band: Cap and target of the hot share.
        """
        self._tiers = tiers
        self._scales = scales
        self._owed_quanta = owed_quanta
        self._service = service
        self._band = band
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
        owed, dust = scale.amount(self._owed_quanta(scale.number)), Amount(tiers.dust(), scale.asset)
        return Holdings(hot, cold, owed, dust, cold_share_ppm(cold, hot))

    def rebalance(self, officer: str, symbol: str, key: IdempotencyKey, now_ms: int) -> Withdrawal:
        """Ask for the move that brings hot back to its target.

        Raises:
            NothingToMove: Hot, less the moves on their way, is within its cap.
            UnknownAsset, NodeUnavailable: As `holdings`.
        """
        with self._rebalancing:  # two who ask at once must see each other's move
            held = self.holdings(symbol)
            # What is on its way counts as gone: asking twice must not move the same excess twice.
            on_its_way = sum((w.amount for w in self._open_moves(symbol, key)), Amount(0, held.hot.asset))
            move = plan_sweep_to_cold(held.hot - on_its_way, held.owed, self._band)
            if move.units == 0:
                raise NothingToMove(f"{symbol}: hot {held.hot.text()} is within the cap", asset=symbol)
            request = WithdrawalRequest(
                TREASURY, symbol, self._tiers[symbol].cold_address.text, move.text(), memo="", idempotency_key=key
            )
            return self._service.request_move(officer, request, now_ms)

    def _open_moves(self, symbol: str, key: IdempotencyKey) -> list[Withdrawal]:
        """Moves of this asset on their way, but for the one that is asked for again."""
        moves = self._service.list(frozenset(WithdrawalState) - ENDED, TREASURY)
        return [w for w in moves if w.amount.asset.symbol == symbol and w.idempotency_key != key]
