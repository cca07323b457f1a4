"""Small coins of a hot wallet are gathered while fees are low, so that it can still pay when they are high.

Rules:
    * At a calm rate, from `MIN_GATHERED` coins, for at most a tenth of what is gathered (`plan_consolidation`); one
      transaction at a time, to the wallet itself.
    * Signers sign it as a move of their own wallet, if their rules allow that: nobody is paid, so nobody approves.
    * A coin goes to a payment or to a gathering, never to both: before the bytes are stored every outpoint is
      reserved under the index that reserves those of payments. Who loses drops what it signed, unsent.
    * The reservation hangs on a payment record that pays no withdrawal and is VOID from its beginning; the pipeline
      never works on it. It is freed once the gathering is final or dead, or if a crash left it without bytes.
    * Coins of deposits that are not credited are left where they are.

Example:
    gatherer = CoinGatherer(lane, wallet, records, small_coins)
    gatherer.step()
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace

from custody.chains.port import SignedTx
from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.coins import Coins, UtxoPlan
from custody.chains.utxo.consolidation import plan_consolidation
from custody.chains.utxo.wallet import UtxoWallet
from custody.keys.material import Signature, SigningNeed
from custody.primitives.amount import Amount
from custody.primitives.chain import Finality
from custody.primitives.encoding import digest
from custody.primitives.errors import BadSignature, QuorumNotReached
from custody.primitives.ids import TxId
from custody.wallets.sweep import Sweeper, SweepState
from custody.withdrawals.lanes import Lane
from custody.withdrawals.ports import Change
from custody.withdrawals.records import Payment
from custody.withdrawals.states import PaymentState
from exchange.app.chain_parts import Records
from exchange.app.lane_signers import LaneSigners
from exchange.app.moves_at import GATHERING_PLACE, MovesAt

GATHERING_TAG = "mext/gathering/1"
REST_S = 30.0
"""How long nothing is looked for after nothing was found: a look goes through all coins of the wallet."""
HELD, FREED = "gathers small coins", "gathered small coins"
"""Notes of the record that holds the reservation."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """A gathering that wants its signatures; complete, it reserves its coins."""

    codec: UtxoCodec
    plan: UtxoPlan
    reserve: Callable[[tuple[str, ...]], None]

    def next_need(self, signatures: Sequence[Signature]) -> SigningNeed | None:
        """What must be signed next.

        Raises:
            QuorumNotReached: A signer gave a signature that does not hold. Tidying up stops no chain over that;
                payments name the signer and ask another.
        """
        try:
            return self.codec.next_need(self.plan, signatures)
        except BadSignature as error:
            raise QuorumNotReached(f"{self.codec.wallet.id}: nothing gathered: {error.message}") from error

    def assemble(self, signatures: Sequence[Signature]) -> SignedTx:
        """The complete transaction, once its coins are reserved.

        Raises:
            ResourceTaken: A payment took one of the coins meanwhile; the bytes are not kept.
        """
        made = self.codec.assemble(self.plan, signatures)  # of signatures that `next_need` verified
        self.reserve(self.codec.reservations(self.plan))
        return made


class CoinGatherer:
    """Gathers the small coins of one wallet. Its transactions are a lane of `Sweeper`."""

    def __init__(
        self,
        lane: Lane[Coins, UtxoPlan],
        wallet: UtxoWallet,
        records: Records,
        small_coins: Callable[[Set[str]], Coins],
    ) -> None:
        """Bind the gatherer.

        Args:
            lane: Of the wallet: its signers, its node.
            wallet: Whose coins.
            records: Reservations of payments, and stored moves.
            small_coins: Outpoints in use -> the smallest coins that may be spent.
        """
        self.chain = wallet.params.chain
        self._lane, self._wallet, self._codec = lane, wallet, UtxoCodec(wallet)
        self._records = records
        self._small_coins = small_coins
        self._moves = MovesAt(records.sweeps, lambda place: place == GATHERING_PLACE)
        self._sweeper = Sweeper(self, self._moves, LaneSigners(lane), wallet.id)
        self._rests_until = 0.0  # by the monotonic clock

    def step(self) -> None:
        """Follow the gathering that is under way, or begin one if it is worth while now.

        Raises:
            Unavailable: Node or signers do not answer; call again.
            Refused: Signers do not allow moves within the wallet, or the breaker is open.
            ResourceTaken: A payment was faster; call again.
        """
        if time.monotonic() < self._rests_until:
            return
        try:
            self._sweeper.step([GATHERING_PLACE])
        finally:
            if not self._free_ended():
                self._rests_until = time.monotonic() + REST_S

    def plan(self, _index: int) -> Gathering | None:
        """Plan a gathering; None while there are too few small coins, or fees are too high."""
        taken = self._records.withdrawals.reserved(self.chain.id)
        plan = plan_consolidation(self._wallet, self._small_coins(taken))
        return None if plan is None else Gathering(self._codec, plan, self._reserve)

    def broadcast(self, tx: SignedTx) -> TxId:
        """Send stored bytes."""
        return self._lane.broadcasters[0].broadcast(tx)

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of a gathering now."""
        return self._lane.reader.finality(txid, conflict_key)

    def fee_paid(self, tx: SignedTx) -> Amount:
        """What the chain took: inputs less output, as it was signed."""
        return tx.fee_max

    def _reserve(self, outpoints: tuple[str, ...]) -> None:
        now_ms = time.time_ns() // 1_000_000
        held = Payment(
            id="own-" + digest(GATHERING_TAG, now_ms, *outpoints)[:16].hex(),
            chain=self.chain.id,
            wallet_id=self._wallet.id,
            conflict_key=outpoints[0],
            withdrawal_ids=(),
            state=PaymentState.VOID,
            version=0,
            opened_at_ms=now_ms,
            note=HELD,
        )
        self._records.withdrawals.commit(Change(payments=(held,), reserve=(held.id, outpoints)))

    def _free_ended(self) -> bool:
        """Free the coins of gatherings that no stored bytes stand for any more; tell whether one is under way."""
        stored = {each.tx.conflict_key for each in self._moves.sweeps(self.chain, (SweepState.STORED,))}
        for held in self._records.withdrawals.payments({PaymentState.VOID}, self.chain.id):
            if (held.wallet_id, held.note) == (self._wallet.id, HELD) and held.conflict_key not in stored:
                freed = replace(held, note=FREED)
                self._records.withdrawals.commit(Change(payments=(freed,), free=(held.id,)))
        return bool(stored)
