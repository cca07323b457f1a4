"""A deposit and its life: seen in a block, credited at depth, final, or taken back by a reorg.

Rules:
    * The credit's identity is (network, txid, index), unique for ever; a second sighting of the same
      identity never makes a second credit.
    * Zero confirmations never credit. CREDITED is reversible; FINAL is taken back only behind a reorg
      that officers accepted.
    * What nobody may have yet stands aside: UNATTRIBUTED has no customer, QUARANTINED has an objection.
      Both are recorded, credited to nobody, and leave that place only by a decision of officers.
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
NOBODY = CustomerId("")
"""Customer of a deposit that nobody is known for; as owner of an address: ask the memo."""


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
    SUSPENSE = "suspense"  # reorganised away, but the customer had spent it: frozen until officers decide
    UNATTRIBUTED = "unattributed"  # memo missing or unknown, or another network's address: officers decide
    QUARANTINED = "quarantined"  # a listed sender, or the books refuse it: officers decide


class DepositEvent(StrEnum):
    """What moves a deposit."""

    REACH_CREDIT_DEPTH = "reach credit depth"
    REACH_FINAL_DEPTH = "reach final depth"
    LOSE_BLOCK = "lose block"
    BOOK = "book"
    FAIL_TO_BOOK = "fail to book"
    SEE_AGAIN = "see again"
    FALL_BELOW_FLOOR = "fall below floor"
    LACK_OWNER = "lack owner"
    HOLD_BACK = "hold back"
    CLEAR = "clear"  # officers said whose it is, or that it may pass
    COLLECT = "collect"  # officers have the credit taken back now: from the customer, or from the house


_S, _E = DepositState, DepositEvent
DEPOSIT = Lifecycle(
    "deposit",
    {
        (_S.SEEN, _E.REACH_CREDIT_DEPTH): _S.CREDITING,
        (_S.SEEN, _E.FALL_BELOW_FLOOR): _S.IGNORED,
        (_S.SEEN, _E.LOSE_BLOCK): _S.VANISHED,
        (_S.SEEN, _E.LACK_OWNER): _S.UNATTRIBUTED,
        (_S.SEEN, _E.HOLD_BACK): _S.QUARANTINED,
        (_S.UNATTRIBUTED, _E.CLEAR): _S.SEEN,
        (_S.UNATTRIBUTED, _E.LOSE_BLOCK): _S.VANISHED,
        (_S.QUARANTINED, _E.CLEAR): _S.SEEN,
        (_S.QUARANTINED, _E.LOSE_BLOCK): _S.VANISHED,
        (_S.IGNORED, _E.LOSE_BLOCK): _S.VANISHED,
        (_S.CREDITING, _E.BOOK): _S.CREDITED,
        (_S.CREDITING, _E.FAIL_TO_BOOK): _S.QUARANTINED,
        (_S.CREDITED, _E.REACH_FINAL_DEPTH): _S.FINAL,
        (_S.CREDITED, _E.LOSE_BLOCK): _S.REVERSING,
        (_S.FINAL, _E.LOSE_BLOCK): _S.REVERSING,  # the scanner stops before this until officers accept the fork
        (_S.REVERSING, _E.BOOK): _S.REVERSED,
        (_S.REVERSING, _E.FAIL_TO_BOOK): _S.SUSPENSE,
        (_S.VANISHED, _E.SEE_AGAIN): _S.SEEN,
        (_S.REVERSED, _E.SEE_AGAIN): _S.SEEN,
        (_S.SUSPENSE, _E.SEE_AGAIN): _S.CREDITED,
        (_S.SUSPENSE, _E.COLLECT): _S.REVERSING,
    },
)


@dataclass(frozen=True, slots=True)
class Deposit:
    """One payment to one of our customers' addresses.

    Attributes:
        txid, index: Identity together with the network.
        customer: Whom it belongs to; NOBODY while that is not known.
        amount: What the address really gained.
        block: The block that holds it now (or held it last).
        state: Where it stands.
        generation: How often it was seen anew after a reorg, or booked anew by officers, from 0.
        to: The address of ours that gained.
        memo: What the sender wrote beside it.
        senders: Where the coins came from, as far as the chain tells.
        reason: Why it stands where it stands, for people; empty where nothing is unusual.
        not_before_s: Earliest credit, seconds since 1970 UTC; 0 where nothing is delayed.
        is_released: Officers looked at the objection and let it pass: it is not screened again.
        refund_to: Where officers want it sent back to; it is then the house's until that is paid.
    """

    txid: TxId
    index: int
    customer: CustomerId
    amount: Amount
    block: BlockRef
    state: DepositState
    generation: int = 0
    to: str = ""
    memo: str = ""
    senders: tuple[str, ...] = ()
    reason: str = ""
    not_before_s: int = 0
    is_released: bool = False
    refund_to: str = ""

    @property
    def key(self) -> str:
        """Text form of the identity."""
        return f"{self.block.chain}/{self.txid}/{self.index}"


def uncredited_units(state: DepositState, units: int, rest: int) -> int:
    """Say by how much the chain holds more (or less) than was credited because of deposits.

    Args:
        state: Theirs.
        units: Their base units together.
        rest: What of each is below one unit of the books, together: it is never credited.

    Returns:
        Base units; negative for credits that are spent while their coins are gone.
    """
    match state:
        case DepositState.IGNORED | DepositState.UNATTRIBUTED | DepositState.QUARANTINED:
            return units
        case DepositState.CREDITED | DepositState.FINAL:
            return rest
        case DepositState.SUSPENSE:
            return rest - units
        case _:
            return 0


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
