"""Ticket making among the stored moves of a chain: the bytes survive a restart, and the fee reaches the books.

Example:
    keeper = TicketKeeper(codec, reader, broadcaster, signers, TicketRecords(store, chain))
"""

from __future__ import annotations

from custody.chains.port import SignedTx
from custody.primitives.amount import Amount
from custody.primitives.chain import Chain
from custody.wallets.sweep import Sweep, SweepState, SweepStore

TICKETS_PLACE = -1
"""Below all deposit accounts, of which a chain with tags has one."""


class TicketRecords:
    """Implements `custody.chains.xrpl.tickets.MoveRecords`."""

    def __init__(self, store: SweepStore, chain: Chain) -> None:
        self._store = store
        self._chain = chain

    def waiting(self) -> SignedTx | None:
        """Return the one that the ledger has not decided on, if any."""
        return next((each.tx for each in self._store.sweeps(self._chain, (SweepState.STORED,))), None)

    def keep(self, tx: SignedTx) -> None:
        """Store signed bytes before they are sent."""
        self._store.save_sweep(self._chain, Sweep(tx, TICKETS_PLACE, SweepState.STORED))

    def end(self, tx: SignedTx, fee: Amount | None) -> None:
        """Note what the ledger took; None if it is in no ledger and never will be."""
        state = SweepState.DEAD if fee is None else SweepState.FINAL
        self._store.save_sweep(self._chain, Sweep(tx, TICKETS_PLACE, state, fee))
