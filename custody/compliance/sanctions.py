"""Sanctions: a place on the list is a hit.

Rules:
    * The list is a value with a version; places are compared by their keys (`places`), so no spelling escapes it.
    * A place that cannot be compared is a hit: who cannot be looked up is not clear.

Example:
    SanctionsList("house-2026-01", [listed_key("0xabc...")]).screen(question).verdict
"""

from __future__ import annotations

from collections.abc import Iterable

from custody.compliance.places import OTHER, place_key
from custody.compliance.port import ScreeningAnswer, ScreeningQuestion, ScreeningVerdict
from custody.primitives.errors import InvalidAddress, InvalidInput


class SanctionsList:
    """A fixed list of forbidden places."""

    def __init__(self, version: str, keys: Iterable[str]) -> None:
        """Make the list.

        Args:
            version: Named in every answer.
            keys: Of the listed places, as `places.listed_key` makes them.
        """
        if not version:
            raise InvalidInput("sanctions list without a version")
        self._source = f"sanctions/{version}"
        self._keys = frozenset(keys)

    def screen(self, question: ScreeningQuestion) -> ScreeningAnswer:
        """Compare the place with the list; never waits."""
        text = question.to.text
        try:
            key = place_key(question.to.chain, text)
        except InvalidAddress as error:
            return ScreeningAnswer(ScreeningVerdict.HIT, self._source, error.message)
        if self._keys.isdisjoint((key, f"{OTHER}:{text}")):
            return ScreeningAnswer(ScreeningVerdict.CLEAR, self._source)
        return ScreeningAnswer(ScreeningVerdict.HIT, self._source, f"{text} is listed")
