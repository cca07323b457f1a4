"""Is every transaction of an account ours? Asked of each counter value as it becomes final.

Rules:
    * A value counts as ours only if a transaction in our records that carries it is on chain: a foreign one at a
      value that we gave out is found too.
    * Records are read in full only when a value is unknown, as after a restart.
    * What was found stays found: the next step asks the same values again.

Example:
    CounterWatch(reader, station_address, codec, (withdrawals, sweeps)).step()
"""

from __future__ import annotations

from collections.abc import Set

from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.conflict import account_key, reserved_nonces
from custody.chains.evm.nonces import verify_own_use
from custody.chains.evm.reader import SafeReader
from custody.wallets.sweep import SweepState, SweepStore
from custody.withdrawals.ports import WithdrawalStore
from custody.withdrawals.states import LIVE_PAYMENTS, PaymentState

RECHECKED = 256
"""Counter values asked again after a restart; older ones were asked when they became final."""

OwnRecords = tuple[WithdrawalStore, SweepStore]


class CounterWatch:
    """Follows the counter of one account that pays gas."""

    def __init__(self, reader: SafeReader, account: str, codec: SafeCodec, records: OwnRecords) -> None:
        self._reader = reader
        self._account = account
        self._codec = codec
        self._withdrawals, self._moves = records
        self._row = account_key(reader.wallet.params.chain_id, account, 0)
        self._txids: dict[int, set[str]] = {}
        self._checked: int | None = None

    def step(self) -> None:
        """Ask every value that became final since the last step.

        Raises:
            KeyUsedOutside: A transaction of the account is not ours.
            NodeUnavailable: No answer; the same values are asked again.
        """
        node = self._reader.node
        final = node.block_at(max(0, node.tip().height - self._reader.chain.final_depth + 1))
        used = node.sequence(self._account, final)
        checked = max(0, used - RECHECKED) if self._checked is None else self._checked
        self._remember(LIVE_PAYMENTS, (SweepState.STORED,), checked)
        if any(value not in self._txids for value in range(checked, used)):
            self._remember(set(PaymentState), tuple(SweepState), checked)
        ours = {value for value in range(checked, used) if self._is_on_chain(self._txids.get(value, set()))}
        verify_own_use(self._account, used, ours, checked)
        self._checked = max(checked, used)  # a node that fell behind is not asked twice
        self._txids = {value: txids for value, txids in self._txids.items() if value >= self._checked}

    def _is_on_chain(self, txids: Set[str]) -> bool:
        return any(self._reader.node.receipt(txid) is not None for txid in txids)

    def _remember(self, payments: Set[PaymentState], moves: tuple[SweepState, ...], first: int) -> None:
        """Note which of our transactions carry which counter values from `first` on."""
        chain, wallet = self._reader.chain, self._reader.wallet
        carried: list[tuple[str, str]] = [
            (move.tx.conflict_key, move.tx.txid) for move in self._moves.sweeps(chain, moves)
        ]
        for payment in self._withdrawals.payments(payments):
            if (payment.chain, payment.wallet_id) == (chain.id, wallet.id):
                for attempt in self._withdrawals.attempts(payment.id):
                    if attempt.signed is not None and attempt.plan:  # none where people found what paid
                        names = self._codec.reservations(self._codec.decode(attempt.plan))
                        carried += [(name, attempt.signed.txid) for name in names]
        for name, txid in carried:
            for value in reserved_nonces({name}, self._row):
                if value >= first:
                    self._txids.setdefault(value, set()).add(txid)
