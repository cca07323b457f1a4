"""The moves of one kind among all that a chain keeps on record, for whoever follows that kind and no other.

Rules:
    * Deposit accounts have places from zero; gatherings have `GATHERING_PLACE`; children of payments lie below it.
    * Each kind has its own proof of death: nobody follows, or sends again, what somebody else looks after.

Example:
    Sweeper(lane, MovesAt(store, lambda place: place == GATHERING_PLACE), signer, wallet_id)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from custody.primitives.chain import Chain
from custody.wallets.sweep import Sweep, SweepState, SweepStore

GATHERING_PLACE = -1
"""Below all deposit accounts, of which a UTXO chain has none."""


class MovesAt:
    """`SweepStore` over another one, showing fewer moves."""

    def __init__(self, store: SweepStore, is_ours: Callable[[int], bool]) -> None:
        """Bind it.

        Args:
            store: Of all moves.
            is_ours: Place of a move -> whether it is of the kind.
        """
        self._store, self._is_ours = store, is_ours

    def save_sweep(self, chain: Chain, sweep: Sweep) -> None:
        """Insert or replace a move, durably."""
        self._store.save_sweep(chain, sweep)

    def sweeps(self, chain: Chain, states: Sequence[SweepState]) -> Sequence[Sweep]:
        """Moves of a chain in these states, of the kind."""
        return [each for each in self._store.sweeps(chain, states) if self._is_ours(each.index)]
