"""Keeping the stock of tickets: when half of them are gone, the members make new ones.

Rules:
    * Making tickets pays nobody: signers sign it as a move of their own wallet, if their rules allow that.
    * One TicketCreate at a time: its bytes are sent again until the ledger decided on them. A restart forgets them;
      the account's sequence lets only one happen.

Example:
    keeper = TicketKeeper(codec, reader, broadcaster, [member.signer for member in lane.members])
    keeper.step(store.reserved(chain))
"""

from __future__ import annotations

from collections.abc import Sequence, Set

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


class TicketKeeper:
    """Keeps one wallet in tickets."""

    def __init__(
        self, codec: XrplCodec, reader: XrplReader, broadcaster: Broadcaster, signers: Sequence[Signer]
    ) -> None:
        self._codec = codec
        self._reader = reader
        self._broadcaster = broadcaster
        self._signers = signers
        self._sent: SignedTx | None = None
        self._paid: list[tuple[TxId, Amount]] = []

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
        if self._sent is not None:
            seen = self._reader.finality(self._sent.txid, self._sent.conflict_key)
            if seen in _WAITING:
                return self._broadcaster.broadcast(self._sent)
            if seen is not Finality.DEAD:  # final, or failed in a ledger: the fee is gone either way
                self._paid.append((self._sent.txid, self._sent.fee_max))
            self._sent = None
        state, stock = self._reader.spendable(reserved), self._codec.wallet.ticket_stock
        if state.held_tickets * 2 > stock:
            return None
        self._sent = self._signed(self._codec.plan_tickets(state, stock - state.held_tickets))
        return self._broadcaster.broadcast(self._sent)

    def paid(self) -> tuple[tuple[TxId, Amount], ...]:
        """What the ledger took for tickets made since the start of this process."""
        return tuple(self._paid)

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
