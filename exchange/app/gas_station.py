"""What a chain's gas station decides by: what tokens are worth, what was lent, and how much a day one account may get.

Example:
    if station.lends(chain, loan): return move
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from custody.chains.token_worth import TokenWorth
from custody.primitives.chain import Chain
from custody.wallets.gas_loans import GasLoan, GasLoanStore, LentGas, fits, lent_gas
from custody.wallets.sweep import SweepState, SweepStore
from exchange.app.chain_parts import Ingredients
from exchange.app.wallets import token_worths


@dataclass(frozen=True, slots=True)
class Station:
    """One chain's gas station.

    Attributes:
        worths: What each token is worth, by asset key; a token without an entry stays where it is.
        loans: What was lent.
        moves: All moves of the wallet's chain, to know which loans were made.
        now_s: Seconds since 1970 UTC.
        daily_limit: Most that one deposit account may cost in 24 hours, in base units of the native coin.
        floats: Accounts that pay fees of the chain's hot wallets: what they pay is no fee of a wallet.
    """

    worths: Mapping[str, TokenWorth]
    loans: GasLoanStore
    moves: SweepStore
    now_s: Callable[[], int]
    daily_limit: int
    floats: frozenset[str] = frozenset()

    def keys(self, chain: Chain, *states: SweepState) -> set[str]:
        """Conflict keys of the moves in these states."""
        return {move.tx.conflict_key for move in self.moves.sweeps(chain, states)}

    def lent(self, chain: Chain) -> LentGas:
        """What the station's own coins add to the wallet."""
        final, waiting = self.keys(chain, SweepState.FINAL), self.keys(chain, SweepState.STORED)
        return lent_gas(self.loans.loans(chain), final, waiting)

    def lends(self, chain: Chain, loan: GasLoan) -> bool:
        """Record a loan before it is signed; False, and nothing recorded, if the account's budget is used up.

        Loans to the account that were planned and never signed are forgotten first.
        """
        stored, earlier = self.keys(chain, *SweepState), self.loans.loans_of(chain, loan.account)
        for each in earlier:
            if each.key not in stored:
                self.loans.drop_loan(chain, each.key)
        made = self.keys(chain, SweepState.STORED, SweepState.FINAL)
        if not fits((each for each in earlier if each.key in made), loan, self.daily_limit):
            return False
        self.loans.save_loan(chain, loan)
        return True


def station_of(given: Ingredients, daily_limit: int, floats: frozenset[str] = frozenset()) -> Station:
    """The gas station of an installation's first hot wallet on a chain.

    Args:
        given: Wallet and records.
        daily_limit, floats: See `Station`.
    """
    records = given.records
    return Station(token_worths(given.hot), records.gas_loans, records.sweeps, _now_s, daily_limit, floats)


def _now_s() -> int:
    return time.time_ns() // 1_000_000_000
