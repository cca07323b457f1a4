"""A payment of a UTXO chain that waits too long, and whose fee no replacement can raise, gets a child that pays for it.

Rules:
    * Replacement first: only what the pipeline says it cannot raise any further, and only while a node holds it.
    * A child spends the payment's own change to ourselves: it is no payment, and none can be made of it. It lives and
      dies with its parent, so nothing of it is paid again elsewhere.
    * One child a payment. Signers sign it without an intent: their rules must allow moves within the wallet.
    * Stored before it is sent, beside the sweeps, where its fee is booked from; sent again while it is nowhere.
    * Nothing is signed while the breaker is open.

Example:
    ChildPayer(lane, reader, (withdrawals, sweeps), breaker).step()
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from custody.chains.port import SignedTx
from custody.chains.utxo.broadcaster import UtxoBroadcaster
from custody.chains.utxo.child import Parent, child_key, plan_child
from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.coins import Coins, UtxoPlan, outpoint_of
from custody.chains.utxo.reader import UtxoReader
from custody.keys.material import Signature, SigningNeed
from custody.primitives.amount import Amount
from custody.primitives.chain import Finality
from custody.primitives.ids import TxId
from custody.wallets.sweep import Sweeper, SweepState, SweepStore
from custody.withdrawals.bumping import NO_BUMP_LEFT
from custody.withdrawals.lanes import Lane
from custody.withdrawals.ports import Breaker, WithdrawalStore
from custody.withdrawals.records import Payment
from custody.withdrawals.states import AttemptState, PaymentState
from exchange.app.lane_signers import LaneSigners
from exchange.app.moves_at import GATHERING_PLACE, MovesAt

UtxoLane = Lane[Coins, UtxoPlan]


@dataclass(frozen=True, slots=True)
class Child:
    """A child that wants its signatures."""

    codec: UtxoCodec
    plan: UtxoPlan

    def next_need(self, signatures: Sequence[Signature]) -> SigningNeed | None:
        """What must be signed next."""
        return self.codec.next_need(self.plan, signatures)

    def assemble(self, signatures: Sequence[Signature]) -> SignedTx:
        """The complete transaction; its conflict key is the payment's change."""
        return self.codec.assemble(self.plan, signatures)


class ChildPayer:
    """Looks after one wallet. Its children are a lane of `Sweeper`."""

    def __init__(
        self, lane: UtxoLane, reader: UtxoReader, records: tuple[WithdrawalStore, SweepStore], breaker: Breaker
    ) -> None:
        """Bind it.

        Args:
            lane: Signs and pays.
            reader: Of the same wallet.
            records: Payments, and where children are kept.
            breaker: Asked before anything is signed.
        """
        self.chain = reader.chain
        self._lane, self._reader, self._breaker = lane, reader, breaker
        self._withdrawals, self._moves = records[0], MovesAt(records[1], lambda place: place < GATHERING_PLACE)
        self._codec = UtxoCodec(reader.wallet)
        self._broadcaster = UtxoBroadcaster(reader.wallet.params, reader.node)
        self._sweeper = Sweeper(self, self._moves, LaneSigners(lane), lane.wallet_id)
        self._parents: Mapping[int, tuple[Payment, Parent]] = {}

    def step(self) -> None:
        """Follow open children, and make one for each payment that needs it.

        Raises:
            WithdrawalsFrozen: The breaker is open, and a payment needs a child.
            Unavailable: Node or signers do not answer; call again.
            Refused: Signers do not allow moves within the wallet.
        """
        self._parents = {place_of(parent.signed): (payment, parent) for payment, parent in self._waiting()}
        self._sweeper.step(())
        if self._parents:
            self._breaker.require_closed(self._lane.native, self._lane.wallet_id)
            self._sweeper.step(self._parents)

    def plan(self, index: int) -> Child | None:
        """Plan the child of one payment, given by its place; None if none would help."""
        payment, parent = self._parents[index]
        intents = (self._withdrawals.withdrawal(each).bound_intent() for each in payment.withdrawal_ids)
        most = sum(each.fee_max.units for each in intents)
        plan = plan_child(self._reader.wallet, parent, self._reader.fee_sat_per_kvb(), most)
        return None if plan is None else Child(self._codec, plan)

    def broadcast(self, tx: SignedTx) -> TxId:
        """Send stored bytes."""
        return self._broadcaster.broadcast(tx)

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of a child; it is dead with its parent, whose own end the pipeline proves."""
        said = self._reader.finality(txid, conflict_key)
        parent, _ = outpoint_of(conflict_key, self.chain.id)
        return Finality.DEAD if said is Finality.UNKNOWN and self._is_over(parent) else said

    def fee_paid(self, tx: SignedTx) -> Amount:
        """What the chain took for a final child: exactly what its bytes say."""
        return tx.fee_max

    def _waiting(self) -> Iterator[tuple[Payment, Parent]]:
        """Payments that no replacement helps any more, that a node holds, and that have no child yet."""
        known = {move.tx.conflict_key for move in self._moves.sweeps(self.chain, tuple(SweepState))}
        for payment in self._withdrawals.payments({PaymentState.IN_FLIGHT}, self.chain.id):
            if payment.wallet_id != self._lane.wallet_id or not payment.note.startswith(NO_BUMP_LEFT):
                continue
            newest = [each for each in self._withdrawals.attempts(payment.id) if each.signed is not None][-1]
            parent = Parent(self._codec.decode(newest.plan), newest.bytes_to_send())
            key = child_key(self._reader.wallet, parent)
            if key is not None and key not in known and self._is_pending(parent.signed):
                yield payment, parent

    def _is_pending(self, signed: SignedTx) -> bool:
        return self._reader.finality(signed.txid, signed.conflict_key) is Finality.PENDING

    def _is_over(self, txid: str) -> bool:
        """Tell whether a parent will never be mined: its payment is void, or another attempt of it is final."""
        for payment in self._withdrawals.payments({PaymentState.FINAL, PaymentState.VOID}, self.chain.id):
            for attempt in self._withdrawals.attempts(payment.id):
                if attempt.txid == txid:
                    return payment.state is PaymentState.VOID or attempt.state is not AttemptState.MINED
        return False


def place_of(parent: SignedTx) -> int:
    """Place of a payment's child among the moves of a chain: below that of gatherings, where no deposit account is."""
    return GATHERING_PLACE - 1 - int(parent.txid[:7], 16)
