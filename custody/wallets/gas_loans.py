"""Gas lent to deposit accounts: what each got, and how much a day one may get.

Rules:
    * A loan is recorded before it is signed, under the conflict key that it consumes. Signed bytes are stored before
      they are sent: a loan whose transaction was never stored lent nothing, and uses up no budget.
    * The budget is per account and for the 24 hours before: deposits of many worthless tokens to one address
      drain no more than that.
    * What was lent and arrived is in the wallet and owed to nobody: the books count it as dust.

Example:
    if fits(ledger.loans_of(chain, account), loan, limit_wei=10**16): ledger.save_loan(chain, loan)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from custody.primitives.chain import Chain

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class GasLoan:
    """One top-up.

    Attributes:
        key: Conflict key that its transaction consumes.
        account: Deposit account that gets it, in the chain's text form.
        lent: What arrives there, in base units of the native coin.
        cost: What it costs the station at most, the transfer's own fee included.
        at_s: When it was planned, seconds since 1970 UTC.
    """

    key: str
    account: str
    lent: int
    cost: int
    at_s: int


class GasLoanStore(Protocol):
    """Where loans are kept."""

    def save_loan(self, chain: Chain, loan: GasLoan) -> None:
        """Insert a loan, or replace the one with its key, durably."""
        ...

    def drop_loan(self, chain: Chain, key: str) -> None:
        """Forget a loan that never came to a signature; an unknown one is no change."""
        ...

    def loans_of(self, chain: Chain, account: str) -> Sequence[GasLoan]:
        """All loans to one account."""
        ...

    def loans(self, chain: Chain) -> Sequence[GasLoan]:
        """All loans on a chain."""
        ...


def fits(earlier: Iterable[GasLoan], loan: GasLoan, limit: int) -> bool:
    """Tell whether a loan stays within the account's budget of the last 24 hours.

    Args:
        earlier: Loans to the same account.
        loan: The one in question.
        limit: Most that all of them may cost together.
    """
    spent = sum(each.cost for each in earlier if each.key != loan.key and each.at_s > loan.at_s - DAY_S)
    return spent + loan.cost <= limit


@dataclass(frozen=True, slots=True)
class LentGas:
    """What the station's own coins add to a wallet, in base units of the native coin.

    Attributes:
        settled: Arrived for good: in the wallet, and owed to nobody.
        moving: May have arrived already.
    """

    settled: int = 0
    moving: int = 0


def lent_gas(loans: Iterable[GasLoan], final: Set[str], waiting: Set[str]) -> LentGas:
    """Add loans up.

    Args:
        loans: All loans on a chain.
        final, waiting: Conflict keys of transactions that are final, or signed and not final.
    """
    known = tuple(loans)
    settled = sum(loan.lent for loan in known if loan.key in final)
    return LentGas(settled, sum(loan.lent for loan in known if loan.key in waiting))
