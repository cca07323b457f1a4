"""May a customer's money leave? What the deposits of a customer say about it.

Rules:
    * A customer with a spent credit whose coins are gone is frozen until officers settle it.
    * A credit that is not final yet must still lie in the account, free, in its own asset; otherwise nothing
      of that customer leaves: what was bought with it could be gone when the chain takes the deposit back.

Example:
    standing = standing_of(deposits, CustomerId("alice"), free={"BTC": 10_000}, quanta={"BTC": 1})
    standing.frozen, standing.unsettled
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from custody.primitives.ids import CustomerId
from custody.wallets.deposit import DepositState
from custody.wallets.ports import CustomerDeposits

_COUNTED = (DepositState.CREDITED, DepositState.REVERSING, DepositState.SUSPENSE)


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands against a withdrawal.

    Attributes:
        frozen: Why nothing may leave until officers decided; empty if nothing does.
        unsettled: Which credits must become final first; empty if none.
    """

    frozen: str = ""
    unsettled: str = ""


def standing_of(
    deposits: CustomerDeposits, customer: CustomerId, free: Mapping[str, int], quanta: Mapping[str, int]
) -> Standing:
    """Look at a customer's deposits.

    Args:
        deposits: By customer.
        customer: Who.
        free: Asset symbol -> base units the customer can dispose of, holds of withdrawals already taken off.
        quanta: Asset symbol -> base units of one unit of the books; remainders were never credited.
    """
    reversible = Counter[str]()
    for deposit in deposits.of_customer(customer, _COUNTED):
        if deposit.state is not DepositState.CREDITED:
            return Standing(frozen=f"deposit {deposit.key} left the chain after its credit was spent")
        symbol, units = deposit.amount.asset.symbol, deposit.amount.units
        reversible[symbol] += units - units % quanta.get(symbol, 1)
    open_assets = sorted(symbol for symbol, units in reversible.items() if free.get(symbol, 0) < units)
    return Standing(unsettled=f"deposits of {', '.join(open_assets)} are not final yet" if open_assets else "")
