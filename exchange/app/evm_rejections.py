"""A payment of a Safe whose execution reverts for good is rejected: its nonce is used up, and nothing moves.

What a destination refuses is found before anyone signs; this is for those that refuse only afterwards (attack A15).

Rules:
    * Only the payment whose turn it is, whose every transaction was mined and reverted, and that the chain would
      refuse again, or that has no try left. The ones behind it reverted because of it, and are tried again.
    * The payment is refunded by the pipeline once the rejection is final and so the payment DEAD; never here.
    * Rejections are signed by the owners like all else, without an intent: their rules must allow moves within the
      wallet. They are stored before they are sent, beside the sweeps, under the sender's counter value.

Example:
    SafeRejecter(lane, codec, reader, moves, (withdrawals, sweeps)).step()
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.conflict import account_key
from custody.chains.evm.executions import safe_nonce
from custody.chains.evm.plan import SafePlan, SafeState
from custody.chains.evm.reader import SafeReader
from custody.chains.port import SignedTx
from custody.keys.material import Signature, SigningNeed
from custody.wallets.sweep import Sweeper, SweepState
from custody.withdrawals.lanes import Lane
from custody.withdrawals.states import PaymentState
from exchange.app.evm_counters import OwnRecords
from exchange.app.evm_moves import SafeMoves
from exchange.app.lane_signers import LaneSigners

FIRST_PLACE = -1_000_000_000
"""Place of the rejection of nonce 0 among the moves of a chain, far below the fillers of the sender's counter."""
PATIENCE_STEPS = 5
"""How often a payment must be seen to be refused: a destination may be opened again, a block reorganised."""

SafeLane = Lane[SafeState, SafePlan]


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejection that wants its signatures."""

    codec: SafeCodec
    plan: SafePlan

    def next_need(self, signatures: Sequence[Signature]) -> SigningNeed | None:
        """What must be signed next."""
        return self.codec.next_need(self.plan, signatures)

    def assemble(self, signatures: Sequence[Signature]) -> SignedTx:
        """The complete transaction, under the counter value that it uses: that is what ends it."""
        wallet = self.codec.wallet
        used = account_key(wallet.params.chain_id, wallet.sender_address, self.plan.gas.nonce)
        return replace(self.codec.assemble(self.plan, signatures), conflict_key=used)


class SafeRejecter:
    """Frees one Safe from payments that can never be executed. Its rejections are a lane of `Sweeper`."""

    def __init__(
        self, lane: SafeLane, codec: SafeCodec, reader: SafeReader, moves: SafeMoves, records: OwnRecords
    ) -> None:
        self.chain = reader.chain
        self.broadcast, self.finality, self.fee_paid = moves.broadcast, moves.finality, moves.fee_paid
        self._lane, self._codec, self._reader = lane, codec, reader
        self._withdrawals, self._moves = records
        self._sweeper = Sweeper(self, self._moves, LaneSigners(lane), lane.wallet_id)
        self._seen: tuple[int, int] = (-1, 0)

    def step(self) -> None:
        """Follow open rejections, and open one where a payment has been refused often enough.

        Raises:
            Unavailable: Node or signers do not answer; call again.
            Refused: Signers do not allow moves within the wallet.
        """
        nonce = self._hopeless()
        seen, times = self._seen
        self._seen = (-1, 0) if nonce is None else (nonce, times + 1 if nonce == seen else 1)
        is_due = nonce is not None and self._seen[1] >= PATIENCE_STEPS
        self._sweeper.step([FIRST_PLACE - self._seen[0]] if is_due else [])

    def plan(self, index: int) -> Rejection:
        """Plan the rejection of one Safe nonce, given by its place, under the sender's next free counter value."""
        waiting = {move.tx.conflict_key for move in self._moves.sweeps(self.chain, (SweepState.STORED,))}
        sender = self._reader.sender(self._withdrawals.reserved(self.chain.id) | waiting)
        return Rejection(self._codec, self._codec.reject(FIRST_PLACE - index, sender))

    def _hopeless(self) -> int | None:
        """The Safe nonce whose turn it is, if what holds it was carried in vain and would be again."""
        wallet, node = self._reader.wallet, self._reader.node
        tip = node.tip()
        executed, used = safe_nonce(node, wallet.safe, tip), node.sequence(wallet.sender_address, tip)
        for payment in self._withdrawals.payments({PaymentState.IN_FLIGHT}):
            if (payment.chain, payment.wallet_id) != (self.chain.id, wallet.id):
                continue
            attempts = [each for each in self._withdrawals.attempts(payment.id) if each.signed is not None]
            plans = [self._codec.decode(each.plan) for each in attempts]
            if {plan.safe_nonce for plan in plans} != {executed}:
                continue
            if any(plan.gas.nonce >= used for plan in plans):
                return None  # one of its transactions may still be mined
            is_spent = len(plans) > self._lane.max_bumps
            is_refused = self._lane.trial is not None and self._lane.trial.refusal(plans[0])
            return executed if is_spent or is_refused else None
        return None
