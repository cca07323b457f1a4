"""One thing that is wrong with a policy: where, what, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault.

    Attributes:
        code: Short name of its kind, stable.
        path: Field, e.g. "rules[3].limits[0]".
        text: What is wrong.
        cure: What to do.
    """

    code: str
    path: str
    text: str
    cure: str
