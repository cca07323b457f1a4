"""Several screenings as one: every one must be clear.

Rules:
    * An empty list refuses to be made: nobody asked is not "clear".
    * All are asked even after a hit, so that the case file is complete; one silence holds the transfer.

Example:
    AllScreenings([sanctions, travel_rule]).screen(question)
"""

from __future__ import annotations

from collections.abc import Sequence

from custody.compliance.port import Screening, ScreeningAnswer, ScreeningQuestion, ScreeningVerdict
from custody.primitives.errors import InvalidInput


class AllScreenings:
    """Clear only if all parts are clear."""

    def __init__(self, parts: Sequence[Screening]) -> None:
        if not parts:
            raise InvalidInput("screening: an empty list would clear everything")
        self._parts = tuple(parts)

    def screen(self, question: ScreeningQuestion) -> ScreeningAnswer:
        """Ask every part.

        Raises:
            ScreeningUnavailable: One of them does not answer.
        """
        answers = [part.screen(question) for part in self._parts]
        source = ", ".join(answer.source for answer in answers)
        reasons = [answer.reason for answer in answers if answer.verdict is not ScreeningVerdict.CLEAR]
        verdict = ScreeningVerdict.HIT if reasons else ScreeningVerdict.CLEAR
        return ScreeningAnswer(verdict, source, "; ".join(reasons))
