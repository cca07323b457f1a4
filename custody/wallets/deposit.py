"""A deposit and its life: seen in a block, credited at depth, final, or taken back by a reorg.

Rules:
    * The credit's identity is (network, txid, index), unique for ever; a second sighting of the same
      identity never makes a second credit.
    * Zero confirmations never credit; CREDITED is reversible, FINAL is not.
    * The books and this record are two stores, so each booking is announced first: CREDITING and
      REVERSING are saved before the ledger is asked, and whatever a crash leaves there is completed.
    * After a reorg the same payment may be mined again: it is the same deposit with a new
      generation, so that reversal and new credit each have a transfer id of their own.

Example:
    >>> DEPOSIT.next(DepositState.SEEN, DepositEvent.REACH_CREDIT_DEPTH)
    <DepositState.CREDITING: 'crediting'>
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from custody.primitives.amount import Amount
from custody.primitives.chain import BlockRef
from custody.primitives.encoding import digest
from custody.primitives.ids import CustomerId, TxId
from custody.primitives.lifecycle import Lifecycle

DEPOSIT_TAG = "mext/deposit/1"


class DepositState(StrEnum):
    """Where a deposit stands."""

    SEEN = "seen"  # in a block, not deep enough
    CREDITING = "crediting"  # deep enough; the ledger is being asked
    CREDITED = "credited"  # the customer can trade it; reversible
    FINAL = "final"  # cannot be taken back
    IGNORED = "ignored"  # below the floor of the asset
    VANISHED = "vanished"  # its block was reorganised away, and nothing had been credited
    REVERSING = "reversing"  # its block is gone; the ledger is being asked
    REVERSED = "reversed"  # reorganised away after the credit, and the credit was taken back
    SUSPENSE = "suspense"  # reorganised away, but the customer had spent it: a person must decide


class DepositEvent(StrEnum):
    """What moves a deposit."""

    REACH_CREDIT_DEPTH = "reach credit depth"
    REACH_FINAL_DEPTH = "reach final depth"
    LOSE_BLOCK = "lose block"
    BOOK = "book"
    FAIL_TO_BOOK = "fail to book"
    SEE_AGAIN = "see again"
    FALL_BELOW_FLOOR = "fall below floor"


_S, _E = DepositState, DepositEvent
DEPOSIT = Lifecycle(
    "deposit",
    {
        (_S.SEEN, _E.REACH_CREDIT_DEPTH): _S.CREDITING,
        (_S.SEEN, _E.FALL_BELOW_FLOOR): _S.IGNORED,
        (_S.SEEN, _E.LOSE_BLOCK): _S.VANISHED,
        (_S.IGNORED, _E.LOSE_BLOCK): _S.VANISHED,
        (_S.CREDITING, _E.BOOK): _S.CREDITED,
        (_S.CREDITED, _E.REACH_FINAL_DEPTH): _S.FINAL,
        (_S.CREDITED, _E.LOSE_BLOCK): _S.REVERSING,
        (_S.REVERSING, _E.BOOK): _S.REVERSED,
        (_S.REVERSING, _E.FAIL_TO_BOOK): _S.SUSPENSE,
        (_S.VANISHED, _E.SEE_AGAIN): _S.SEEN,
        (_S.REVERSED, _E.SEE_AGAIN): _S.SEEN,
        (_S.SUSPENSE, _E.SEE_AGAIN): _S.CREDITED,
    },
)


@dataclass(frozen=True, slots=True)
class Deposit:
    """One payment to one of our customers' addresses.

    Attributes:
        txid, index: Identity together with the network.
        customer: Whom it belongs to.
        amount: What the address really gained.
        block: The block that holds it now (or held it last).
        state: Where it stands.
        generation: How often it was seen anew after a reorg, from 0.
    """

    txid: TxId
    index: int
    customer: CustomerId
    amount: Amount
    block: BlockRef
    state: DepositState
    generation: int = 0

    @property
    def key(self) -> str:
        """Text form of the identity."""
        return f"{self.block.chain}/{self.txid}/{self.index}"


def transfer_id(deposit: Deposit, purpose: str) -> int:
    """Derive the ledger transfer id of a credit or a reversal.

    Args:
        deposit: The deposit.
        purpose: "credit" or "reversal".

    Returns:
        128-bit integer, the same whenever it is computed.
    """
    block = deposit.block
    hashed = digest(DEPOSIT_TAG, purpose, block.chain, deposit.txid, deposit.index, deposit.generation)
    return int.from_bytes(hashed[:16], "big")
