"""When to merge small coins: while block space is cheap, before they are needed while it is dear.

Rules:
    * Only if the present fee rate is at or below the cheap quartile of what was seen lately.
    * Only coins whose spending later, at the usual rate, would cost more than merging them now.
    * The smallest first, a bounded number in one transaction, and never down to a single coin: payments
      that run side by side need coins of their own.

Example:
    chosen = plan_consolidation(values, rates=[12, 30, 8, 25], now_rate=8, rule=ConsolidationRule(...))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody.primitives.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class ConsolidationRule:
    """What merging costs and how far it goes.

    Attributes:
        input_vbytes: Weight of one input of this wallet.
        overhead_vbytes: Everything else: header and the one output.
        most_inputs: In one transaction.
        keep_coins: Never fewer coins than this are left.
    """

    input_vbytes: int
    overhead_vbytes: int
    most_inputs: int
    keep_coins: int

    def __post_init__(self) -> None:
        if min(self.input_vbytes, self.overhead_vbytes, self.keep_coins) < 1 or self.most_inputs < 2:
            raise InvalidInput("consolidation: sizes and kept coins from 1, at least 2 inputs")


def plan_consolidation(
    values: Sequence[int], rates: Sequence[int], now_rate: int, rule: ConsolidationRule
) -> tuple[int, ...]:
    """Choose coins to merge now.

    Args:
        values: Value of each coin of the wallet, base units.
        rates: Fee rates seen lately, base units per vbyte.
        now_rate: The present one.
        rule: Sizes and bounds.

    Returns:
        Positions in `values`, smallest coin first; empty if it does not pay.
    """
    if not rates or now_rate <= 0:
        return ()
    ordered = sorted(rates)
    cheap, usual = ordered[(len(ordered) - 1) // 4], ordered[len(ordered) // 2]
    spare = min(len(values) - rule.keep_coins + 1, rule.most_inputs)
    if now_rate > cheap or spare < 2:
        return ()
    # A coin worth less than its own input would be paid for by the others.
    worth = [place for place, value in enumerate(values) if value > rule.input_vbytes * now_rate]
    chosen = tuple(sorted(worth, key=lambda place: (values[place], place))[:spare])
    cost = (len(chosen) * rule.input_vbytes + rule.overhead_vbytes) * now_rate
    saved = (len(chosen) - 1) * rule.input_vbytes * usual
    return chosen if len(chosen) >= 2 and saved > cost else ()
