"""Sanctions: a destination on the list is a hit.

Rules:
    * The list is a value with a version; an address counts on its own chain only.
    * The match is exact on the canonical text a codec made, so no spelling escapes it.
    * EVM addresses compare without case, since the checksum case carries no meaning.

Example:
    SanctionsList("house-2026-01", {("ethereum", "0xabc...")}).screen(question).verdict
"""

from __future__ import annotations

from collections.abc import Iterable

from custody.compliance.port import ScreeningAnswer, ScreeningQuestion, ScreeningVerdict
from custody.primitives.errors import InvalidInput

Entry = tuple[str, str]
"""(chain id, address in canonical text)."""


class SanctionsList:
    """A fixed list of forbidden places."""

    def __init__(self, version: str, entries: Iterable[Entry]) -> None:
        if not version:
            raise InvalidInput("sanctions list without a version")
        self._source = f"sanctions/{version}"
        self._entries = frozenset((chain, _canonical(text)) for chain, text in entries)

    def screen(self, question: ScreeningQuestion) -> ScreeningAnswer:
        """Compare the destination with the list; never waits."""
        if (question.to.chain, _canonical(question.to.text)) in self._entries:
            return ScreeningAnswer(ScreeningVerdict.HIT, self._source, f"{question.to.text} is listed")
        return ScreeningAnswer(ScreeningVerdict.CLEAR, self._source)


def _canonical(text: str) -> str:
    return text.lower() if text[:2] in ("0x", "0X") else text
