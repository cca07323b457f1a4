"""Destinations that could be mistaken for a trusted place (attack C19).

Rules:
    * A trusted place ("anchor") is one that was paid before, for everybody; or one in an address book, for its owner.
    * Mistaken for another is what has its first and last characters, what differs in letters that look alike or in
      their case, and what is one typing error away.
    * The older one is the original: a place is in no doubt because of anchors that came after it.
    * Pure and in memory: a look-up is a few dictionary look-ups, however many anchors there are.

Example:
    >>> index = LookAlikes()
    >>> index.add("0x52908400098527886E0F7030069857D2E4169EE7", "alice", 100)
    >>> index.find("0x5290ffffffffffffffffffffffffffffffff9EE7", "alice").how
    'has the same first and last 4 characters as'
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

ENDS = 4
"""Characters that people, and many programs, look at on either side."""
PIECE = 12
"""An error of typing leaves the first or the last twelve characters of an address as they are."""
SHORTEST = 16
"""In a shorter text the two ends would be most of it."""
SHORT = 6
"""Pieces of a text as short as this say nothing; no chain has such addresses, and all of them are compared."""
EVERYBODY = ""
"""Owner of the places that were paid before."""
_ANY_SHORT = "short"
_HEAD = re.compile(r"0x|(?:bc|tb|bcrt|ltc|tltc|rltc)1[qp]", re.ASCII)
_LETTERS = str.maketrans("0125689u|!", "olzsbbqvll") | str.maketrans("igоаесрхуі", "lqoaecpxyl")
"""One letter for all that look like it: Latin, digits, and the Cyrillic ones that people use for it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a destination could be mistaken for: the anchor's text, and how they are alike."""

    anchor: str
    how: str


class LookAlikes:
    """All anchors, found by their ends and by their halves."""

    def __init__(self) -> None:
        self._since: dict[str, dict[str, int]] = {}  # text -> owner -> first trusted
        self._by_piece: dict[str, tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self._since)

    def add(self, text: str, owner: str, since_s: int) -> None:
        """Trust a place; again, the earlier time counts.

        Args:
            text: Address in the chain's usual form.
            owner: Whose anchor it is; `EVERYBODY` for a place that was paid.
            since_s: When it became one, seconds since 1970 UTC.
        """
        owners = self._since.get(text)
        if owners is None:
            owners = self._since[text] = {}
            for piece in _pieces(_folded(text)):
                self._by_piece[piece] = (*self._by_piece.get(piece, ()), text)
        owners[owner] = min(since_s, owners.get(owner, since_s))

    def find(self, text: str, owner: str) -> Finding | None:
        """Return what a destination could be mistaken for; None if nothing, or if it is older itself.

        Args:
            text: The destination.
            owner: Who wants to pay it.
        """
        own, folded = self._since.get(text, {}).get(owner), _folded(text)
        seen = {text}
        for piece in _searched(folded):
            for anchor in self._by_piece.get(piece, ()):
                if anchor in seen:
                    continue
                seen.add(anchor)
                how = _alike(folded, _folded(anchor))
                since = self._trusted_since(anchor, owner) if how else None
                if since is not None and (own is None or since < own):
                    return Finding(anchor, how)
        return None

    def _trusted_since(self, anchor: str, owner: str) -> int | None:
        owners = self._since[anchor]
        return min((owners[each] for each in (owner, EVERYBODY) if each in owners), default=None)


def _folded(text: str) -> str:
    """Make equal what looks equal."""
    folded = unicodedata.normalize("NFKC", text).lower()
    head = _HEAD.match(folded)
    body = folded[head.end() :] if head else folded
    return body.translate(_LETTERS).replace("rn", "m").replace("vv", "w")


def _ends(folded: str) -> str:
    return f"{folded[:ENDS]}…{folded[-ENDS:]}" if len(folded) >= SHORTEST else ""


def _width(length: int) -> int:
    """How long the pieces of a text are: two of them never overlap, so that one error spoils one of them."""
    return min(PIECE, max(1, (length - 1) // 2))


def _pieces(folded: str) -> Iterator[str]:
    if len(folded) <= SHORT:
        yield _ANY_SHORT
    else:
        yield from (f"<{folded[: _width(len(folded))]}", f"{folded[-_width(len(folded)) :]}>")
    if _ends(folded):
        yield _ends(folded)


def _searched(folded: str) -> Iterator[str]:
    """The pieces an anchor would have: an error may have made it one character longer or shorter."""
    if len(folded) <= SHORT + 1:
        yield _ANY_SHORT
    yield from filter(None, [_ends(folded)])
    for width in {_width(length) for length in range(max(1, len(folded) - 1), len(folded) + 2)}:
        yield from (f"<{folded[:width]}", f"{folded[-width:]}>")


def _alike(one: str, other: str) -> str:
    """Say how two folded texts are alike; empty if they are not."""
    if one == other:
        return "differs only in letters that look alike from"
    if _is_one_error(one, other):
        return "is one typing error away from"
    if _ends(one) and _ends(one) == _ends(other):
        return f"has the same first and last {ENDS} characters as"
    return ""


def _is_one_error(one: str, other: str) -> bool:
    """One character wrong, missing or too many, or two neighbours swapped."""
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    at = next((index for index, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    swapped = one[at : at + 2] == other[at : at + 2][::-1]
    return one[at + 1 :] == other[at + 1 :] or (swapped and one[at + 2 :] == other[at + 2 :])
