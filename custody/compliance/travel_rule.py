"""Travel rule: above a threshold the receiving side must be known before anything is sent.

Rules:
    * A provider that is down holds the transfer (attack D13); it never passes.
    * An asset without a threshold always needs the answer: a gap in the table is not a loophole.

Example:
    TravelRule(provider, {"BTC": 100_000}).screen(question)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from custody.compliance.port import ScreeningAnswer, ScreeningQuestion, ScreeningVerdict

_SOURCE = "travel-rule"


class TravelRuleProvider(Protocol):
    """Exchanges originator and beneficiary with the receiving institution."""

    def is_accepted(self, question: ScreeningQuestion) -> bool:
        """Tell whether the receiving side accepted the transfer.

        Raises:
            ScreeningUnavailable: No answer yet.
        """
        ...


class TravelRule:
    """Asks the provider for every transfer at or above the threshold of its asset."""

    def __init__(self, provider: TravelRuleProvider, thresholds: Mapping[str, int]) -> None:
        """Bind provider and thresholds.

        Args:
            provider: Who exchanges the messages.
            thresholds: Asset symbol -> smallest amount in base units that needs an exchange.
        """
        self._provider = provider
        self._thresholds = dict(thresholds)

    def screen(self, question: ScreeningQuestion) -> ScreeningAnswer:
        """Ask where the rule applies.

        Raises:
            ScreeningUnavailable: The provider has no answer yet.
        """
        threshold = self._thresholds.get(question.amount.asset.symbol, 0)
        if question.amount.units < threshold or self._provider.is_accepted(question):
            return ScreeningAnswer(ScreeningVerdict.CLEAR, _SOURCE)
        return ScreeningAnswer(ScreeningVerdict.HIT, _SOURCE, "the receiving institution did not accept")
