"""Reconciliation: per asset, what the chain holds equals what we owe, to the last base unit.

Rules:
    * chain balance = quantum x liabilities + dust - in flight on chain, exactly, in base units.
    * A shortfall is an alarm; a surplus is one too, because it means that something was not booked.
    * While something is on its way, chain and books are read at slightly different moments: `Margins` then
      allows exactly what is on its way, in its direction, and nothing beyond. At rest that is nothing.

Example:
    >>> from custody.primitives.asset import Asset
    >>> from custody.primitives.chain import ChainId
    >>> btc = Asset("BTC", 8, ChainId("bitcoin"))
    >>> Books(Amount(90, btc), Amount(100, btc), Amount(0, btc), Amount(10, btc)).difference().units
    0
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.primitives.amount import Amount
from custody.primitives.errors import VerificationFailed


class OutOfBalance(VerificationFailed):
    """The chain and the books differ."""

    code = "out_of_balance"


@dataclass(frozen=True, slots=True)
class Books:
    """One asset at one moment.

    Attributes:
        on_chain: Sum over all our wallets and deposit addresses.
        owed: Liabilities, held and pending amounts included.
        dust: Remainders of deposits and fees below one quantum.
        in_flight: Left the chain wallets already, not yet booked as paid.
    """

    on_chain: Amount
    owed: Amount
    dust: Amount
    in_flight: Amount

    def difference(self) -> Amount:
        """On chain minus what should be there; zero when the books balance."""
        return self.on_chain + self.in_flight - self.owed - self.dust


def verify_balanced(books: Books) -> None:
    """Demand exact balance.

    Raises:
        OutOfBalance: With the difference in base units.
    """
    gap = books.difference()
    if gap.units != 0:
        asset = gap.asset.symbol
        raise OutOfBalance(
            f"{asset}: chain differs from the books by {gap.text()} {asset}", asset=asset, difference=str(gap.units)
        )


@dataclass(frozen=True, slots=True)
class Margins:
    """Chain against books while things are on their way; all in base units.

    Attributes:
        low, high: Least and most that chain minus books can be, from books read before and after the chain.
        outgoing: May have left the chain and not be booked: payments, fees.
        incoming: May be on the chain and not be booked: deposits not credited yet.
    """

    low: int
    high: int
    outgoing: int
    incoming: int

    @property
    def unexplained(self) -> int:
        """What nothing on its way explains: below zero for missing coins, above for coins nobody booked."""
        if self.high < -self.outgoing:
            return self.high + self.outgoing
        return max(0, self.low - self.incoming)
