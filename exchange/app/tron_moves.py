"""Moves within a Tron wallet: sweeps of deposit accounts, and the TRX that the sweep of a token needs.

Rules:
    * Tokens first, TRX last: a sweep of the TRX would take what a token waits for.
    * One open move a deposit account, under keys of its own: a stuck sweep delays no withdrawal.
    * What the station pays is no fee of the wallet: its float is not part of the reserves.

Example:
    sweeper = Sweeper(TronMoves(reader, station), store, signer, "hot-trx")
"""

from __future__ import annotations

from custody.chains.port import SignedTx
from custody.chains.tron.broadcaster import TronBroadcaster
from custody.chains.tron.gas_station import is_worth_its_energy, missing_sun, top_up
from custody.chains.tron.move import AccountMove
from custody.chains.tron.reader import TronReader
from custody.chains.tron.sweep import SweepState, plan_sweep, sweep_state, sweepable
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import Finality
from custody.primitives.ids import TxId
from custody.wallets import sweep as sweeps
from custody.wallets.gas_loans import GasLoan, LentGas
from exchange.app.gas_station import Station

DAILY_LOAN_SUN = 10**8
"""Most that one deposit account may cost the station in 24 hours: 100 TRX, three sweeps at the highest price."""


class TronMoves:
    """Implements `custody.wallets.sweep.SweepLane` for the deposit accounts of a Tron wallet."""

    def __init__(self, reader: TronReader, station: Station) -> None:
        self.chain = reader.chain
        self._reader = reader
        self._station = station
        self._broadcaster = TronBroadcaster(reader.node)

    def plan(self, index: int) -> AccountMove | None:
        """Plan the next move of one account; None if nothing in it is worth it, or its budget is used up.

        Raises:
            InsufficientFunds: The station holds too little: fill it up.
            NodeUnavailable: No answer.
        """
        wallet = self._reader.wallet
        for token in wallet.tokens:
            move = self._for_token(index, token)
            if move is not None:
                return move
        state = self._state(index, wallet.params.native)
        return plan_sweep(wallet, state) if sweepable(wallet, state) else None

    def broadcast(self, tx: SignedTx) -> TxId:
        """Send stored bytes."""
        return self._broadcaster.broadcast(tx)

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of a move now."""
        return self._reader.move_finality(txid, conflict_key)

    def fee_paid(self, tx: SignedTx) -> Amount:
        """What the chain took out of the wallet for a final move, in sun: nothing where the station paid.

        Raises:
            FeeAboveSigned: The node says more than its bytes allow.
            NodeUnavailable: The node does not show its result now.
        """
        if any(loan.key == tx.conflict_key for loan in self._station.loans.loans(self.chain)):
            return Amount(0, self._reader.wallet.params.native)
        return self._reader.fee_paid(tx)

    def lent(self) -> LentGas:
        """TRX that the station gave to deposit accounts, in sun."""
        return self._station.lent(self.chain)

    def _for_token(self, index: int, token: Asset) -> AccountMove | None:
        wallet, worth = self._reader.wallet, self._station.worths.get(token.key)
        if worth is None:
            return None
        state = self._state(index, token)
        if not is_worth_its_energy(wallet, state, worth):
            return None
        return self._lend(state) if missing_sun(wallet, state) else plan_sweep(wallet, state)

    def _lend(self, state: SweepState) -> AccountMove | None:
        wallet, station = self._reader.wallet, self._station
        if wallet.station_address is None:
            return None
        # What is on its way counts as spent until it is final: the node refuses nothing that it could not pay.
        waiting = station.keys(self.chain, sweeps.SweepState.STORED)
        spent = sum(loan.cost for loan in station.loans.loans(self.chain) if loan.key in waiting)
        held = self._reader.node.balance(wallet.station_address, wallet.params.native)
        move = top_up(wallet, state, held - spent)
        lent = move.plan.payment.units
        loan = GasLoan(move.plan.conflict_key, move.plan.payment.to, lent, lent + move.fee.units, station.now_s())
        return move if station.lends(self.chain, loan) else None

    def _state(self, index: int, asset: Asset) -> SweepState:
        return sweep_state(self._reader.wallet, self._reader.node, index, asset)
