"""Secrets: never printed, never pickled, compared in constant time.

Python cannot wipe memory reliably; this type stops the common leaks (logs, tracebacks, task queues).

Example:
    >>> Secret(b"key")
    Secret(***)
"""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """Bytes that must not leave by accident; `reveal()` is the one deliberate way out."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)

    def reveal(self) -> bytes:
        """Hand the bytes out; every call site is a place to review."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]  # a hash of the bytes would leak equality through sets

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret refuses to be pickled or copied")
