"""Is every execution of a Safe ours? Read for the monitor of each nonce as it becomes final.

Rules:
    * A nonce counts as ours if what was executed with it, by the chain's own events, is one of our payments, or the
      rejection that moves nothing. That its number was given out is not enough.
    * Each nonce is looked up once; one that is not ours is looked up again, and the alarm lasts as long.
    * An execution that is not found proves nothing: the reading fails, and is taken again.

Example:
    SafeCounter(reader, withdrawals).read()
"""

from __future__ import annotations

from collections.abc import Set

from custody.chains.evm.conflict import parse_conflict_key
from custody.chains.evm.executions import find_execution, safe_nonce
from custody.chains.evm.outer_tx import Gas
from custody.chains.evm.plan import SafePlan, safe_tx_of
from custody.chains.evm.reader import SafeReader
from custody.monitor.rules import LaneReading
from custody.primitives.chain import BlockRef
from custody.primitives.errors import NodeUnavailable
from custody.withdrawals.ports import WithdrawalStore
from custody.withdrawals.states import LIVE_PAYMENTS, PaymentState

RECHECKED = 256
"""Nonces looked up again after a restart; older ones were looked up when they became final."""
_WAITING = frozenset({PaymentState.IN_FLIGHT, PaymentState.MINED})


class SafeCounter:
    """Follows the nonce of one hot Safe."""

    def __init__(self, reader: SafeReader, withdrawals: WithdrawalStore) -> None:
        self._reader, self._withdrawals = reader, withdrawals
        self._known: dict[int, Set[str]] = {}
        self._checked: int | None = None  # below it, every nonce is known to be ours

    def read(self) -> LaneReading:
        """Look up what became final since the last reading.

        Raises:
            NodeUnavailable: The node does not answer, or does not show an execution.
        """
        wallet, node = self._reader.wallet, self._reader.node
        live, waits = self._keys(LIVE_PAYMENTS), self._keys(_WAITING)  # before the chain: what ends meanwhile is known
        final = node.block_at(max(0, node.tip().height - self._reader.chain.final_depth + 1))
        used = safe_nonce(node, wallet.safe, final)
        self._known |= live
        if self._checked is None:
            self._checked = min(used, max(min(self._keys(set(PaymentState)), default=used), used - RECHECKED))
        executed = {nonce: self._executed(nonce, final) for nonce in range(self._checked, used)}
        if any(digest not in self._ours(nonce) for nonce, digest in executed.items()):  # as after a restart
            self._known |= self._keys(set(PaymentState))
        ours = {nonce for nonce, digest in executed.items() if digest in self._ours(nonce)}
        while self._checked in ours:
            self._checked += 1
        self._known = {nonce: hashes for nonce, hashes in self._known.items() if nonce >= self._checked}
        below = {self._checked - 1}  # where the rule begins to look, even if nothing above it is ours
        above = {nonce for nonce in live if nonce >= used}
        waiting = frozenset(nonce for nonce in waits if nonce >= used)
        return LaneReading(wallet.id, 0, used, frozenset(ours | below | above), waiting)

    def _executed(self, nonce: int, final: BlockRef) -> str:
        wallet, node = self._reader.wallet, self._reader.node
        execution = find_execution(node, wallet.safe, nonce, final)
        if execution is None:
            raise NodeUnavailable(f"{node.params.chain.id}: {wallet.safe}: the execution of nonce {nonce} is not found")
        return execution.safe_tx_hash

    def _ours(self, nonce: int) -> Set[str]:
        """What may be executed with a nonce: our payments on it, and the rejection."""
        rejection = safe_tx_of(self._reader.wallet, SafePlan((), nonce, Gas(0, 0, 0, 0))).hash().hex()
        return self._known.get(nonce, frozenset()) | {rejection}

    def _keys(self, states: Set[PaymentState]) -> dict[int, Set[str]]:
        """Nonces that payments of this Safe hold, with what they execute."""
        wallet, found = self._reader.wallet, dict[int, set[str]]()
        for payment in self._withdrawals.payments(states, self._reader.chain.id):
            if payment.wallet_id == wallet.id:
                key = parse_conflict_key(payment.conflict_key)
                found.setdefault(key.nonce, set()).add(key.safe_tx_hash)
        return dict(found)
