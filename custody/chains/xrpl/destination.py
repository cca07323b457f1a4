"""What the ledger says of a destination, before an intent is made: asked again, it may say something else.

Example:
    verify_destination(node, address, amount, tag)
"""

from __future__ import annotations

from custody.chains.xrpl.node import XrplNode
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.errors import Refused

REQUIRE_DEST = 0x00020000
DEPOSIT_AUTH = 0x01000000
DISALLOW_XRP = 0x00080000


class DestinationRefuses(Refused):
    """The destination's account does not take such a payment."""

    code = "destination_refuses"


def verify_destination(node: XrplNode, to: Address, amount: Amount, tag: int | None) -> None:
    """Refuse a payment that the ledger would answer with a claimed fee.

    Args:
        node: Whom to ask.
        to: A checked address.
        amount: In drops.
        tag: Destination tag; None for none.

    Raises:
        DestinationRefuses: It wants a tag, no XRP, or only payments it authorised; or the account does not exist and
            gets less than its reserve.
    """
    view = node.view()
    account = node.account(to.text, view.index)
    if account is None:
        if amount.units < view.base_reserve_drops:
            least = view.base_reserve_drops
            raise DestinationRefuses(
                f"{to} does not exist yet; the first payment is at least {least} drops", to=to.text
            )
        return
    if account.flags & REQUIRE_DEST and tag is None:
        raise DestinationRefuses(f"{to} takes payments with a destination tag only", to=to.text)
    if account.flags & (DEPOSIT_AUTH | DISALLOW_XRP):
        raise DestinationRefuses(f"{to} takes no XRP from strangers", to=to.text)
