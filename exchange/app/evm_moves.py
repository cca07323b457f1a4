"""Moves within an EVM wallet: sweeps of deposit accounts, the gas they need, and fillers of the sender's counter.

Rules:
    * Tokens first, coins last: a sweep of the coins would take the gas that a token waits for.
    * One open move a deposit account, and none of them uses the counter of withdrawals: a stuck sweep delays none.
    * What station and sender pay for gas is no fee of the wallet: their float is not part of the reserves.

Example:
    sweeper = Sweeper(SafeMoves(reader, station), store, signer, "hot-eth")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody.chains.evm.broadcaster import EvmBroadcaster
from custody.chains.evm.gas_station import is_worth_its_gas, missing_wei
from custody.chains.evm.reader import SafeBusy, SafeReader
from custody.chains.evm.sweep import SweepCodec, SweepPlan, SweepState, sweepable
from custody.chains.evm.sweep_reader import SweepReader
from custody.chains.evm.upkeep import AccountMove, filler, top_up
from custody.chains.port import SignedTx
from custody.keys.material import Signature, SigningNeed
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import Finality
from custody.primitives.errors import NodeUnavailable
from custody.primitives.ids import TxId
from custody.wallets import sweep as sweeps
from custody.wallets.gas_loans import GasLoan, LentGas
from exchange.app.gas_station import Station

DAILY_GAS_WEI = 10**16
"""Most that one deposit account may get in 24 hours: a hundredth of a coin."""


@dataclass(frozen=True, slots=True)
class PlannedSweep:
    """A sweep that wants its signature."""

    codec: SweepCodec
    plan: SweepPlan

    def next_need(self, signatures: Sequence[Signature]) -> SigningNeed | None:
        """What must be signed next."""
        return self.codec.next_need(self.plan, signatures)

    def assemble(self, signatures: Sequence[Signature]) -> SignedTx:
        """The complete transaction."""
        return self.codec.assemble(self.plan, signatures)


class SafeMoves:
    """Implements `custody.wallets.sweep.SweepLane` for the deposit accounts of a Safe."""

    def __init__(self, reader: SafeReader, station: Station) -> None:
        self.chain = reader.chain
        self._reader = reader
        self._station = station
        self._broadcaster = EvmBroadcaster(reader.node)

    def plan(self, index: int) -> PlannedSweep | AccountMove | None:
        """Plan the next move of one account; None if nothing in it is worth its gas, or its budget is used up."""
        for token in self._reader.wallet.tokens:
            move = self._for_token(index, token)
            if move is not None:
                return move
        state = self._state(index, self._reader.wallet.params.native)
        return self._sweep(state) if sweepable(state) else None

    def broadcast(self, tx: SignedTx) -> TxId:
        """Send stored bytes."""
        return self._broadcaster.broadcast(tx)

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of a move now."""
        return self._reader.finality(txid, conflict_key)

    def fee_paid(self, tx: SignedTx) -> Amount:
        """What the chain took out of the wallet for a final move, in wei: nothing where a float paid.

        Raises:
            NodeUnavailable: The node does not show its receipt now.
        """
        wallet = self._reader.wallet
        receipt = self._reader.node.receipt(tx.txid)
        if receipt is None:
            raise NodeUnavailable(f"{self.chain.id}: no receipt of {tx.txid} now")
        by_float = receipt.sender in (wallet.station_address, wallet.sender_address, *self._station.floats)
        return Amount(0 if by_float else receipt.fee_wei, wallet.params.native)

    def lent(self) -> LentGas:
        """Gas that the station gave to deposit accounts, in wei."""
        return self._station.lent(self.chain)

    def _for_token(self, index: int, token: Asset) -> PlannedSweep | AccountMove | None:
        worth = self._station.worths.get(token.key)
        if worth is None:
            return None
        state = self._state(index, token)
        if not is_worth_its_gas(state, worth, self._reader.wallet.params.pricing):
            return None
        if missing_wei(state) == 0:
            return self._sweep(state)
        return self._lend(index, missing_wei(state))

    def _sweep(self, state: SweepState) -> PlannedSweep:
        codec = SweepCodec(self._reader.wallet)  # only the hot wallet that takes deposits has one
        return PlannedSweep(codec, codec.plan((), state))

    def _lend(self, index: int, missing: int) -> AccountMove | None:
        wallet, station = self._reader.wallet, self._station
        if wallet.station_address is None:
            return None
        try:
            waiting = station.keys(self.chain, sweeps.SweepState.STORED)
            payer = self._reader.payer(wallet.station_address, waiting)
        except SafeBusy:
            return None  # its queue is full: this account's turn comes, and the others are not held up
        move = top_up(wallet, index, missing, payer)
        loan = GasLoan(move.conflict_key, move.to, missing, missing + move.gas.fee_max_wei, station.now_s())
        return move if station.lends(self.chain, loan) else None

    def _state(self, index: int, asset: Asset) -> SweepState:
        return SweepReader(self._reader, index, asset).spendable(frozenset())


class SenderFills:
    """Implements `custody.wallets.sweep.SweepLane` for gaps in the sender's counter."""

    def __init__(self, reader: SafeReader, moves: SafeMoves) -> None:
        self.chain = reader.chain
        self._reader = reader
        self.broadcast, self.finality, self.fee_paid = moves.broadcast, moves.finality, moves.fee_paid

    @staticmethod
    def place_of(nonce: int) -> int:
        """Place of a counter value among the moves of a chain, below all deposit accounts."""
        return -1 - nonce

    def plan(self, index: int) -> AccountMove:
        """Plan the filler of one counter value, given by its place."""
        wallet = self._reader.wallet
        return filler(wallet, -1 - index, self._reader.payer(wallet.sender_address, frozenset()))
