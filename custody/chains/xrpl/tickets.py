"""Keeping the stock of tickets: when half of them are gone, the members make new ones.

Rules:
    * Making tickets pays nobody: signers sign it as a move of their own wallet, if their rules allow that.
    * One TicketCreate at a time, stored before it is sent: the same bytes are sent again until the ledger decided
      on them, also after a restart. What it took is told to the records, for the books.
    * Bytes that missed their last ledger are given up, whoever used their sequence: they pay nobody.

Example:
    keeper = TicketKeeper(codec, reader, broadcaster, [member.signer for member in lane.members], records)
    keeper.step(store.reserved(chain))
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Protocol

from custody.chains.port import Broadcaster, SignedTx
from custody.chains.xrpl.codec import XrplCodec
from custody.chains.xrpl.reader import XrplReader
from custody.chains.xrpl.state import XrplPlan
from custody.keys.material import Signature, Signer, SigningRequest
from custody.primitives.amount import Amount
from custody.primitives.chain import Finality
from custody.primitives.errors import QuorumNotReached, Refused, SignerUnavailable
from custody.primitives.ids import TxId

_WAITING = frozenset({Finality.UNKNOWN, Finality.PENDING})
_EXECUTED = frozenset({Finality.FINAL, Finality.FAILED})


class MoveRecords(Protocol):
    """Where moves of a wallet that are no withdrawals are kept."""

    def waiting(self) -> SignedTx | None:
        """Return the one that the ledger has not decided on, if any."""
        ...

    def keep(self, tx: SignedTx) -> None:
        """Store signed bytes, durably, before they are sent."""
        ...

    def end(self, tx: SignedTx, fee: Amount | None) -> None:
        """Note what the ledger took; None if it is in no ledger and never will be."""
        ...


class TicketKeeper:
    """Keeps one wallet in tickets."""

    def __init__(
        self,
        codec: XrplCodec,
        reader: XrplReader,
        broadcaster: Broadcaster,
        signers: Sequence[Signer],
        records: MoveRecords,
    ) -> None:
        self._codec = codec
        self._reader = reader
        self._broadcaster = broadcaster
        self._signers = signers
        self._records = records

    def step(self, reserved: Set[str]) -> TxId | None:
        """Look at the stock; make tickets if half of it is gone.

        Args:
            reserved: Reservations of payments in flight.

        Returns:
            The transaction that is under way; None if none is needed.

        Raises:
            QuorumNotReached: Too few signers answered, or their rules do not allow own moves.
            InsufficientFunds: The new reserve is not there.
            NodeUnavailable: No answer.
        """
        sent = self._records.waiting()
        if sent is not None:
            seen = self._reader.finality(sent.txid, sent.conflict_key)
            if seen in _WAITING and not self._reader.is_missed(sent.txid, sent.conflict_key):
                return self._broadcaster.broadcast(sent)
            # Final, or failed in a ledger: the fee is gone either way.
            self._records.end(sent, sent.fee_max if seen in _EXECUTED else None)
        state, stock = self._reader.spendable(reserved), self._codec.wallet.ticket_stock
        if state.held_tickets * 2 > stock:
            return None
        made = self._signed(self._codec.plan_tickets(state, stock - state.held_tickets))
        self._records.keep(made)
        return self._broadcaster.broadcast(made)

    def _signed(self, plan: XrplPlan) -> SignedTx:
        wallet = self._codec.wallet
        signatures: list[Signature] = []
        silent: list[str] = []
        for signer in self._signers:
            need = self._codec.next_need(plan, signatures)
            if need is None:
                break
            request = SigningRequest(wallet.params.chain.id, wallet.id, need.role, need.payload, (), ())
            try:
                signatures += signer.sign(request)
            except (SignerUnavailable, Refused) as error:
                silent.append(f"{signer.name}: {error.message}")
        if self._codec.next_need(plan, signatures) is not None:
            raise QuorumNotReached(f"{wallet.id}: no tickets without a quorum: {'; '.join(silent)}", wallet=wallet.id)
        return self._codec.assemble(plan, signatures)
