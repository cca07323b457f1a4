"""What limits leave: how much was used, how much is asked, how much may.

Rules:
    * A limit with both bounds is two measures; each must pass.
    * What was not measured is not zero: it is a breach.

Example:
    [measure.breach for measure in measures(limit, asked)]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from custody.withdrawals.facts import UsageKey, scope_value
from custody.withdrawals.matching import Question
from custody.withdrawals.rules import Limit


@dataclass(frozen=True, slots=True)
class Measure:
    """One bound of one limit for one request.

    Attributes:
        limit: Which.
        unit: "units" for base units of the asset, "micros" for micro-units of the reference currency.
        most: The bound.
        used: Sum of the window without this request; None if it was not measured.
        asked: What this request adds.
    """

    limit: Limit
    unit: str
    most: int
    used: int | None
    asked: int

    @property
    def left(self) -> int | None:
        """What may still leave before this request; None if the use was not measured."""
        return None if self.used is None else max(0, self.most - self.used)

    @property
    def breach(self) -> str:
        """Why it does not pass; empty if it does."""
        scope, window_s = self.limit.scope, self.limit.window_s
        if self.used is None:
            return f"the use of the {scope} limit over {window_s} s was not measured"
        if self.used + self.asked > self.most:
            return f"{scope} limit of {self.most} in {window_s} s: {self.used} used, {self.asked} asked"
        return ""


def measures(limit: Limit, asked: Question) -> Iterator[Measure]:
    """Measure a limit; a bound in the reference currency only with a usable price."""
    ask = asked.ask
    if limit.max_units is not None:
        used = _used(limit, asked, ask.amount.asset.key)
        yield Measure(limit, "units", limit.max_units, used, ask.amount.units)
    if limit.max_reference_micros is not None and asked.value_micros is not None:
        yield Measure(limit, "micros", limit.max_reference_micros, _used(limit, asked, None), asked.value_micros)


def _used(limit: Limit, asked: Question, asset: str | None) -> int | None:
    if limit.window_s == 0:
        return 0
    value = scope_value(limit.scope, asked.ask, asked.facts.circumstances)
    return asked.facts.usage.get(UsageKey(limit.scope, value, asset, limit.window_s))
