"""JSON of a proof, read strictly: what two parsers could read differently is refused.

Rules:
    * At most 8 MiB and 16 levels deep; both are checked before anything is parsed.
    * No duplicate key, no float, no NaN, no negative number, no integer from 2**53 on, no lone surrogate.
    * Blanks between values are allowed: people reformat files. What counts is hashed in canonical form.

Spec: RFC 8259, restricted; the browser's reader follows the same rules and vectors.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

from custody.primitives.errors import InvalidInput

MAX_PROOF_BYTES = 8 * 1024 * 1024
"""A proof of 500 assets at 100 million users takes 1.2 MB."""
MAX_NESTING = 16
"""A proof needs 8 levels."""
MAX_INTEGER = (1 << 53) - 1
"""Larger numbers are decimal strings: JavaScript counts exactly only to here."""

_INTEGER = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


class ProofTooLarge(InvalidInput):
    """Longer or deeper than any honest proof."""

    code = "reserves_too_large"


class ProofUnusable(InvalidInput):
    """Not strict JSON, or not of the expected shape."""

    code = "reserves_unusable"


def parse_strict(raw: bytes) -> dict[str, object]:
    """Parse an object.

    Raises:
        ProofTooLarge: More than 8 MiB or 16 levels.
        ProofUnusable: Anything but strict JSON with an object on top.
    """
    if len(raw) > MAX_PROOF_BYTES:
        raise ProofTooLarge(f"{len(raw)} bytes, at most {MAX_PROOF_BYTES}", size=len(raw))
    try:
        text = raw.decode()
        _require_shallow(text)
        value = json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_int=_integer,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
        json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate has no UTF-8 form
    except ValueError as error:
        raise ProofUnusable(f"not strict JSON: {error}") from error
    if not isinstance(value, dict):
        raise ProofUnusable("not a JSON object")
    return value


def _require_shallow(text: str) -> None:
    depth, in_string, escaped = 0, False, False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = not escaped and character == "\\"
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > MAX_NESTING:
                raise ProofTooLarge(f"nested deeper than {MAX_NESTING}")
        elif character in "]}":
            depth -= 1


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or int(text) > MAX_INTEGER:
        raise ValueError(f"number {text[:20]}: whole numbers from 0 to 2**53 - 1 only")
    return int(text)


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"number {text[:20]}: whole numbers only")
