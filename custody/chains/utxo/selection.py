"""Choose which coins pay: few inputs, and always enough change left to raise the fee later.

Rules:
    * The smallest coin that suffices alone, otherwise the largest first. Ties go by outpoint.
    * Dust, and a coin that does not cover its own share of fee and bump budget, is never chosen: every
      coin taken brings the goal nearer.
    * Change is always made and covers several fee raises: a payment that cannot be bumped may hang.

Example:
    chosen = select(wallet, coins, Demand(pay_sat=50_000, scripts=(script,)))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from custody.chains.utxo.coins import Coin, Coins
from custody.chains.utxo.sizes import MAX_WEIGHT, fee_sat, vsize, weight
from custody.chains.utxo.wallet import UtxoWallet
from custody.primitives.errors import InsufficientFunds, LimitExceeded

MAX_INPUTS = 200
"""More make signing slow for people and the transaction hard to relay."""
MAX_OUTPUTS = 500
BUMP_BUDGET = 3
"""Change holds at least this many times the first fee, so that the rate can be quadrupled."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What the coins must cover.

    Attributes:
        pay_sat: Sum of all payments.
        scripts: Scripts of all outputs, change included.
    """

    pay_sat: int
    scripts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """The choice: coins, fee and what comes back."""

    coins: tuple[Coin, ...]
    fee_sat: int
    change_sat: int


def select(wallet: UtxoWallet, spendable: Coins, demand: Demand) -> Selection:
    """Choose coins for a demand, always the same for the same input.

    Raises:
        InsufficientFunds: All coins together do not cover payments, fee and bump budget.
        LimitExceeded: Too many outputs, or too many inputs would be needed, or the result is too heavy.
    """
    rate, dust = spendable.fee_sat_per_kvb, wallet.params.fees.dust_sat
    if len(demand.scripts) > MAX_OUTPUTS:
        raise LimitExceeded(f"{wallet.id}: {len(demand.scripts)} outputs", limit=MAX_OUTPUTS)

    def fee_of(inputs: int) -> int:
        return fee_sat(vsize(wallet, inputs, demand.scripts), rate)

    def needed(inputs: int) -> int:
        return demand.pay_sat + fee_of(inputs) + max(dust, BUMP_BUDGET * fee_of(inputs))

    own_cost = (1 + BUMP_BUDGET) * (fee_of(2) - fee_of(1))
    worth = [coin for coin in spendable.coins if coin.value_sat >= dust and coin.value_sat > own_cost]
    chosen = _choose(wallet, worth, needed)
    total, count = sum(coin.value_sat for coin in chosen), len(chosen)
    if weight(wallet, count, demand.scripts) > MAX_WEIGHT:
        raise LimitExceeded(f"{wallet.id}: heavier than {MAX_WEIGHT} weight units", limit=MAX_WEIGHT)
    return Selection(chosen, fee_of(count), total - demand.pay_sat - fee_of(count))


def _choose(wallet: UtxoWallet, worth: list[Coin], needed: Callable[[int], int]) -> tuple[Coin, ...]:
    by_size = sorted(worth, key=lambda coin: (-coin.value_sat, coin.txid, coin.vout))
    enough_alone = [coin for coin in by_size if coin.value_sat >= needed(1)]
    if enough_alone:
        return (enough_alone[-1],)
    total = 0
    for count, coin in enumerate(by_size, start=1):
        total += coin.value_sat
        if total >= needed(count):
            if count > MAX_INPUTS:
                raise LimitExceeded(f"{wallet.id}: needs {count} coins: consolidate first", limit=MAX_INPUTS)
            return tuple(by_size[:count])
    raise InsufficientFunds(
        f"{wallet.id}: holds {total} sat in {len(by_size)} coins, needs {needed(max(1, len(by_size)))} sat "
        "for payments, fee and bump budget",
        available_sat=total,
        needed_sat=needed(max(1, len(by_size))),
    )
