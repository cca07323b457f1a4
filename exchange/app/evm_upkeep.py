"""The sender's counter, kept gapless: gaps are filled, or proposed for rejection; foreign use is an alarm.

Rules:
    * A gap of the sender alone is filled by the sender itself, once no payment took it for a while.
    * A gap of the Safe needs its owners: it is reported with the rejection that closes it, and nothing is filled
      before, or the execution behind it would run too early.
    * The counters of sender and gas station are watched by `evm_counters`.

Example:
    SenderUpkeep(reader, codec, moves, (withdrawals, sweeps), signer).step()
"""

from __future__ import annotations

from collections.abc import Set

from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.conflict import account_key, nonce_key, reserved_nonces
from custody.chains.evm.executions import safe_nonce
from custody.chains.evm.nonces import Repair, gaps, repairs
from custody.chains.evm.reader import SafeReader
from custody.keys.material import Signer
from custody.primitives.errors import Conflict
from custody.wallets.sweep import Sweeper, SweepState
from exchange.app.evm_counters import CounterWatch, OwnRecords
from exchange.app.evm_moves import SafeMoves, SenderFills

PATIENCE_STEPS = 5
"""How often a gap must be seen before it is acted on: the next payment would take it by itself."""


class SafeNonceGap(Conflict):
    """Payments wait behind a nonce of the Safe that no payment holds; its owners must sign a rejection."""

    code = "safe_nonce_gap"


class SenderUpkeep:
    """Looks after the sender of one Safe."""

    def __init__(
        self,
        reader: SafeReader,
        codec: SafeCodec,
        moves: SafeMoves,
        records: OwnRecords,
        signer: Signer,
    ) -> None:
        self._reader = reader
        self._withdrawals, self._moves = records
        self._fills = Sweeper(SenderFills(reader, moves), self._moves, signer, reader.wallet.id)
        chain_id = reader.wallet.params.chain_id
        self._row = account_key(chain_id, reader.wallet.sender_address, 0)
        self._safe_row = nonce_key(chain_id, reader.wallet.safe, 0)
        payers = (reader.wallet.sender_address, reader.wallet.station_address)
        self._watches = [CounterWatch(reader, payer, codec, records) for payer in payers if payer is not None]
        self._seen: dict[Repair, int] = {}

    def step(self) -> None:
        """Watch the counter, then fill what holds transactions back.

        Raises:
            KeyUsedOutside: The sender, or the gas station, has a transaction that is not ours.
            SafeNonceGap: The Safe has a gap; the message names the rejection that closes it.
            Unavailable: Node or signer does not answer; call again.
        """
        for watch in self._watches:
            watch.step()
        waiting = self._moves.sweeps(self._reader.chain, (SweepState.STORED,))
        reserved = self._withdrawals.reserved(self._reader.chain.id) | {move.tx.conflict_key for move in waiting}
        wanted = self._repairs(reserved)
        self._seen = {repair: self._seen.get(repair, 0) + 1 for repair in wanted}
        due = [repair for repair, times in self._seen.items() if times >= PATIENCE_STEPS]
        for repair in due:
            if repair.safe_nonce is not None:
                raise SafeNonceGap(
                    f"wallet {self._reader.wallet.id}: nothing holds Safe nonce {repair.safe_nonce}, and payments "
                    f"wait behind it; reject it with counter value {repair.sender_nonce} of the sender",
                    safe_nonce=repair.safe_nonce,
                    sender_nonce=repair.sender_nonce,
                )
        self._fills.step([SenderFills.place_of(repair.sender_nonce) for repair in due])

    def _repairs(self, reserved: Set[str]) -> tuple[Repair, ...]:
        wallet, node = self._reader.wallet, self._reader.node
        tip = node.tip()
        senders, safes = reserved_nonces(reserved, self._row), reserved_nonces(reserved, self._safe_row)
        used = node.sequence(wallet.sender_address, tip)
        safe_gaps = gaps(safe_nonce(node, wallet.safe, tip), safes)
        return repairs(safe_gaps, gaps(used, senders), max(senders | {used - 1}) + 1)
