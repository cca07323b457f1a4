"""Derivation paths: text such as m/48h/1h/0h/2h, and the 32-bit steps it stands for.

Rules:
    * One canonical text per path: hardened steps are written with "h"; "'" is read, never written.
    * Steps and depth are bounded; leading zeros, signs and blanks are refused.

Example:
    >>> parse_path("m/84'/0h/7")
    (2147483732, 2147483648, 7)
    >>> format_path((0x80000054, 0x80000000, 7))
    'm/84h/0h/7'
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from custody.primitives.errors import InvalidInput

HARDENED = 0x8000_0000
"""Steps from here on derive from the private key only (BIP-32)."""
MAX_DEPTH = 16
"""Steps in a path: our deepest has 6; BIP-32 would allow 255."""

_STEP = re.compile(r"(?P<index>0|[1-9][0-9]{0,9})(?P<mark>[h']?)", re.ASCII)


class InvalidPath(InvalidInput):
    """The text is not a derivation path, or cannot be derived on this curve."""

    code = "invalid_path"


def parse_path(text: str) -> tuple[int, ...]:
    """Read a path.

    Args:
        text: "m" or "m/..." with decimal steps below 2**31, hardened ones marked "h" or "'".

    Returns:
        One 32-bit number a step; hardened steps have bit 31 set.

    Raises:
        InvalidPath: Anything else, or more than 16 steps.
    """
    head, *steps = text.split("/")
    if head != "m" or len(steps) > MAX_DEPTH:
        raise InvalidPath(f"{text[:80]!r} is not a path such as m/48h/0h/0h/2h of at most {MAX_DEPTH} steps")
    return tuple(_parse_step(step, text) for step in steps)


def format_path(steps: Sequence[int]) -> str:
    """Write the canonical text of a path; the inverse of `parse_path` up to the hardened mark.

    Raises:
        InvalidPath: A step outside 0..2**32-1, or too many.
    """
    if len(steps) > MAX_DEPTH or any(not 0 <= step < 2 * HARDENED for step in steps):
        raise InvalidPath("steps must be 32-bit numbers, at most 16 of them")
    return "/".join(["m", *(f"{step % HARDENED}{'h' if step >= HARDENED else ''}" for step in steps)])


def steps_below(parent: str, path: str) -> tuple[int, ...] | None:
    """Return the steps that lead from one path down to another; None if it is not below (or equal)."""
    above, full = parse_path(parent), parse_path(path)
    return full[len(above) :] if full[: len(above)] == above else None


def _parse_step(step: str, text: str) -> int:
    match = _STEP.fullmatch(step)
    index = int(match["index"]) if match else HARDENED
    if match is None or index >= HARDENED:
        raise InvalidPath(f"{text[:80]!r}: step {step[:20]!r} is not a number below 2**31, with h if hardened")
    return index + (HARDENED if match["mark"] else 0)
