"""From a payment in a block to a deposit: whose it is, whether it counts, and whether it is known.

Rules:
    * The identity is (network, txid, index). The same identity with another content is believed only
      after its block was left; otherwise the lane stops for people.
    * What officers decided about a payment holds when it is mined again unchanged.
    * No owner, no guess: UNATTRIBUTED.

Example:
    deposit = sight(seen, Owner(CustomerId("alice")), block, known=None, floor_units=10_000)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.chain import BlockRef, ChainId
from custody.primitives.errors import Conflict, InvalidInput, StaleState
from custody.primitives.ids import CustomerId, TxId
from custody.wallets.deposit import DEPOSIT, NOBODY, Deposit, DepositEvent, DepositState
from custody.wallets.deposit_rules import DepositRules

_TAKEN_BACK = (DepositState.REVERSED, DepositState.SUSPENSE)
_BEING_BOOKED = (DepositState.CREDITING, DepositState.REVERSING)
_LEFT = (DepositState.VANISHED, DepositState.REVERSED)


class DepositChanged(Conflict):
    """A node shows another payment under the identity of a deposit that still counts."""

    code = "deposit_changed"


class SeenPayment(Protocol):
    """A payment as a chain reader reports it (`custody.chains.port.SeenDeposit`)."""

    @property
    def txid(self) -> TxId: ...  # noqa: D102
    @property
    def index(self) -> int: ...  # noqa: D102
    @property
    def to(self) -> Address: ...  # noqa: D102
    @property
    def amount(self) -> Amount: ...  # noqa: D102
    @property
    def memo(self) -> str: ...  # noqa: D102
    @property
    def senders(self) -> tuple[str, ...]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a payment is.

    Attributes:
        customer: NOBODY if that cannot be told.
        reason: Why it cannot be told.
    """

    customer: CustomerId
    reason: str = ""


class WatchList:
    """All addresses whose payments matter on one chain, and who is behind each."""

    def __init__(self, own: Mapping[str, CustomerId], elsewhere: Mapping[str, ChainId], rules: DepositRules) -> None:
        """Gather the addresses.

        Args:
            own: Handed out on this chain: canonical text -> customer, NOBODY where the memo tells.
            elsewhere: Handed out on a sibling chain only: text -> that chain.
            rules: Memos and our own places.
        """
        self._own = own
        self._elsewhere = elsewhere
        self._rules = rules
        self.texts = frozenset(own) | frozenset(elsewhere)

    def owner(self, seen: SeenPayment) -> Owner | None:
        """Tell whose a payment is, never a guess; None for a move between our own wallets."""
        text, memos = seen.to.text, self._rules.memos
        if text not in self._own:
            return Owner(NOBODY, f"address was handed out on {self._elsewhere[text]}, not on {seen.to.chain}")
        if self._own[text] != NOBODY:
            return Owner(self._own[text])
        found = None if memos is None else memos.customer_of(seen.memo)
        if found is not None:
            return Owner(found)
        if seen.senders and self._rules.own_places.issuperset(seen.senders):
            return None
        return Owner(NOBODY, f"memo {seen.memo[:40]!r} belongs to nobody" if seen.memo else "memo is missing")


def sight(seen: SeenPayment, owner: Owner, block: BlockRef, known: Deposit | None, floor_units: int) -> Deposit | None:
    """Make the deposit a payment stands for.

    Args:
        seen: The payment.
        owner: Whose it is.
        block: Where it was seen.
        known: What is stored under its identity, if anything.
        floor_units: Smallest deposit that is credited, base units.

    Returns:
        The deposit to record; None for what is recorded already.

    Raises:
        StaleState: Officers have its credit taken back this moment; scan the block again.
        DepositChanged: Another payment under the identity of a deposit that still counts.
        InvalidInput, InvalidAmount: The reader reports what is no payment on this chain.
    """
    if seen.amount.positive().asset.chain != block.chain or seen.to.chain != block.chain:
        raise InvalidInput(f"{block.chain}: {seen.txid} reports an asset or address of another chain")
    fresh = Deposit(seen.txid, seen.index, owner.customer, seen.amount, block, DepositState.SEEN)
    fresh = replace(fresh, to=seen.to.text, memo=seen.memo, senders=seen.senders, reason=owner.reason)
    if known is not None:
        if known.state in _BEING_BOOKED and known.block != block:
            raise StaleState(f"{known.key} is being booked; its new block is scanned afterwards", key=known.key)
        is_same = _content(known) == _content(fresh)
        if not is_same and known.state not in _LEFT:
            raise DepositChanged(f"{known.key} in state {known.state.value} is now another payment", key=known.key)
        if not DEPOSIT.allows(known.state, DepositEvent.SEE_AGAIN):
            return None  # the same block, read twice
        fresh = _seen_again(fresh, known) if is_same else fresh
        # A number that was booked under is never used for another booking.
        fresh = replace(fresh, generation=known.generation + (known.state in _TAKEN_BACK))
    if fresh.state is not DepositState.SEEN:
        return fresh
    if seen.amount.units < floor_units:
        return replace(fresh, state=DEPOSIT.next(fresh.state, DepositEvent.FALL_BELOW_FLOOR))
    if fresh.customer == NOBODY:
        return replace(fresh, state=DEPOSIT.next(fresh.state, DepositEvent.LACK_OWNER))
    return fresh


def _content(deposit: Deposit) -> tuple[str, str, int, str]:
    return deposit.to, deposit.amount.asset.key, deposit.amount.units, deposit.memo


def _seen_again(fresh: Deposit, known: Deposit) -> Deposit:
    return replace(
        fresh,
        state=DEPOSIT.next(known.state, DepositEvent.SEE_AGAIN),
        customer=known.customer if known.customer != NOBODY else fresh.customer,
        reason="" if known.customer != NOBODY else fresh.reason,
        is_released=known.is_released and set(fresh.senders) <= set(known.senders),
        refund_to=known.refund_to,
    )
