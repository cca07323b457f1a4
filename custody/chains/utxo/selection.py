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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import accumulate
from operator import attrgetter
from typing import NoReturn

from custody.chains.utxo.coins import Coin, Coins
from custody.chains.utxo.sizes import MAX_WEIGHT, fee_sat, vsize, weight
from custody.chains.utxo.wallet import UtxoWallet
from custody.primitives.errors import InsufficientFunds, LimitExceeded

MAX_INPUTS = 200
"""More make signing slow for people and the transaction hard to relay."""
MAX_OUTPUTS = 500
_VALUE = attrgetter("value_sat")
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
    least = max(dust, own_cost + 1)
    values = list(map(_VALUE, spendable.coins))  # read once: there may be a million coins
    chosen = _alone(spendable.coins, values, max(least, needed(1)))
    if not chosen:
        chosen = _few(spendable.coins, [v for v in nlargest(MAX_INPUTS, values) if v >= least], needed)
    if not chosen:
        _explain(wallet, [value for value in values if value >= least], needed)
    total, count = sum(coin.value_sat for coin in chosen), len(chosen)
    if weight(wallet, count, demand.scripts) > MAX_WEIGHT:
        raise LimitExceeded(f"{wallet.id}: heavier than {MAX_WEIGHT} weight units", limit=MAX_WEIGHT)
    return Selection(chosen, fee_of(count), total - demand.pay_sat - fee_of(count))


def _alone(coins: Sequence[Coin], values: Sequence[int], enough_sat: int) -> tuple[Coin, ...]:
    """The smallest coin that suffices alone, the last by outpoint among equals; none if there is none."""
    if max(values, default=0) < enough_sat:
        return ()
    best = min(value for value in values if value >= enough_sat)
    return (max((coin for coin in coins if coin.value_sat == best), key=_outpoint),)


def _few(coins: Sequence[Coin], largest: Sequence[int], needed: Callable[[int], int]) -> tuple[Coin, ...]:
    """The fewest of the largest coins that suffice, ties by outpoint; none if as many as allowed do not."""
    for count, total in enumerate(accumulate(largest), start=1):
        if total >= needed(count):
            # As many coins may hold the last value as there are.
            found = [coin for coin in coins if coin.value_sat >= largest[count - 1]]
            return tuple(sorted(found, key=lambda coin: (-coin.value_sat, *_outpoint(coin)))[:count])
    return ()


def _explain(wallet: UtxoWallet, values: Sequence[int], needed: Callable[[int], int]) -> NoReturn:
    """Say why no choice is possible: too many coins would be needed, or all of them are too little."""
    for count, total in enumerate(accumulate(sorted(values, reverse=True)), start=1):
        if total >= needed(count):
            raise LimitExceeded(f"{wallet.id}: needs {count} coins: consolidate first", limit=MAX_INPUTS)
    total, least = sum(values), needed(max(1, len(values)))
    raise InsufficientFunds(
        f"{wallet.id}: holds {total} sat in {len(values)} coins, needs {least} sat for payments, fee and bump budget",
        available_sat=total,
        needed_sat=least,
    )


def _outpoint(coin: Coin) -> tuple[str, int]:
    return coin.txid, coin.vout
