"""One address for all customers of a chain, each named by a memo.

Rules:
    * The memo is a number with a check digit, written and read by the chain's own tag code: a digit that
      is off, or a number never handed out, belongs to nobody.
    * The shared address is recorded like any other, so that it stays watched for ever.

Example:
    desk = MemoDesk(Address(chain_id, "r..."), TagCode(lambda number: str(tag_of(number)), number_of), memo_store)
    address, memo = desk.place_for(CustomerId("alice"))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from custody.primitives.address import Address
from custody.primitives.errors import InvalidInput
from custody.primitives.ids import CustomerId
from custody.wallets.deposit import NOBODY
from custody.wallets.ports import DepositStore, MemoStore


@dataclass(frozen=True, slots=True)
class TagCode:
    """How a chain writes a customer's number.

    Attributes:
        write: Number from 1 -> memo with its check digit.
        read: Memo -> number; raises InvalidInput for a memo that is damaged or no number at all.
    """

    write: Callable[[int], str]
    read: Callable[[str], int]


class MemoDesk:
    """Hands out memos of one shared address, and knows whose they are (`deposit_rules.MemoBook`)."""

    def __init__(self, address: Address, code: TagCode, memos: MemoStore) -> None:
        self.address = address
        self._code = code
        self._memos = memos

    def watch(self, deposits: DepositStore) -> None:
        """Record the shared address; the same again changes nothing."""
        deposits.add_address(self.address, NOBODY, 0)

    def place_for(self, customer: CustomerId) -> tuple[Address, str]:
        """Return the shared address and the customer's memo, a new one at the first call.

        Raises:
            InvalidInput: No customer is named.
        """
        if customer == NOBODY:
            raise InvalidInput("a memo needs a customer")
        return self.address, self._code.write(self._memos.number_of(self.address.chain, customer))

    def customer_of(self, memo: str) -> CustomerId | None:
        """The customer; None for a memo that is missing, damaged or was never handed out."""
        try:
            number = self._code.read(memo)
        except InvalidInput:
            return None
        # The same number in another spelling (leading zeros) was never handed out.
        return self._memos.customer_at(self.address.chain, number) if self._code.write(number) == memo else None
