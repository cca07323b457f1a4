"""Destination tags with check digits: a mistyped tag is no customer's, instead of another customer's.

A tag is the customer's number followed by two check digits, so that the whole is 1 modulo 97. One wrong digit, two
neighbours swapped, or a digit lost at the end is always noticed; any other slip in all but about one of 97 cases.

Rules:
    * Number 0 is the house's own: treasury moves between wallets carry its tag.
    * A tag has one spelling: plain decimal without leading zero.

Spec: ISO/IEC 7064, MOD 97-10.

Example:
    >>> tag_of(7)
    777
    >>> number_of("777")
    7
"""

from __future__ import annotations

from custody.primitives.errors import InvalidInput, LimitExceeded

MAX_TAG = 2**32 - 1
_MODULUS = 97
_SHIFT = 100
MAX_NUMBER = MAX_TAG // _SHIFT - 1
"""About 42.9 million customers on one address."""
HOUSE_NUMBER = 0


class UnknownTag(InvalidInput):
    """The tag was not made here: mistyped, or of somebody else."""

    code = "unknown_tag"


def tag_of(number: int) -> int:
    """Make the tag of a customer number, 0 to `MAX_NUMBER`.

    Raises:
        LimitExceeded: The number has no tag of 32 bits.
    """
    if not 0 <= number <= MAX_NUMBER:
        raise LimitExceeded(f"number {number} has no tag, 0 to {MAX_NUMBER} have", asked=number, limit=MAX_NUMBER)
    return number * _SHIFT + (_MODULUS + 1 - number * _SHIFT % _MODULUS)


def number_of(memo: str) -> int:
    """Read the customer number out of a tag.

    Raises:
        UnknownTag: No tag, or one whose digits do not check.
    """
    if not (memo.isascii() and memo.isdecimal() and len(memo) <= 10 and str(int(memo)) == memo):
        raise UnknownTag(f"{memo[:40]!r} is not a tag", memo=memo[:40])
    number = int(memo) // _SHIFT
    if number > MAX_NUMBER or tag_of(number) != int(memo):
        raise UnknownTag(f"tag {memo} does not check", memo=memo)
    return number
