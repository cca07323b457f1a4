"""Errors across the process boundary: out as {kind, code, message, facts}, back in as the same class.

Rules:
    * The code chooses the class; a code the client does not know falls back to its kind, keeping text and facts.
    * Facts that JSON cannot carry exactly travel as text.
    * A signer that says its own invariant broke, or names a kind nobody knows, is broken itself; we are not.

Example:
    raise decode_fault(Fields(answer, "error"))
"""

from __future__ import annotations

from collections.abc import Iterator

from custody.keys.strict_json import Fields
from custody.primitives.encoding import Json
from custody.primitives.errors import (
    Conflict,
    Fact,
    InvalidInput,
    InvariantBroken,
    Refused,
    ToolkitError,
    Unavailable,
    VerificationFailed,
)

KINDS: tuple[type[ToolkitError], ...] = (
    InvalidInput,
    Refused,
    Conflict,
    Unavailable,
    VerificationFailed,
    InvariantBroken,
)
MAX_MESSAGE_CHARS = 1_000
_MAX_EXACT = 1 << 53


class SignerBroken(VerificationFailed):
    """The signer found a bug of its own, or answers what no signer says; it is not asked further."""

    code = "signer_broken"


def encode_fault(error: ToolkitError) -> dict[str, Json]:
    """Write an error."""
    kind = next((kind for kind in KINDS if isinstance(error, kind)), InvariantBroken)
    return {
        "kind": kind.code,
        "code": error.code,
        "message": error.message[:MAX_MESSAGE_CHARS],
        "facts": {name: _exact(fact) for name, fact in error.facts.items()},
    }


def decode_fault(fields: Fields) -> ToolkitError:
    """Read an error back.

    Raises:
        MalformedPayload: Not an error as `encode_fault` writes it.
    """
    fields.only("kind", "code", "message", "facts")
    code, kind = fields.text("code"), fields.text("kind")
    by_code = {leaf.code: leaf for leaf in _all_classes()}
    by_kind = {leaf.code: leaf for leaf in KINDS}
    leaf = by_code.get(code) or by_kind.get(kind, SignerBroken)
    if issubclass(leaf, InvariantBroken):
        leaf = SignerBroken
    facts = fields.fields("facts").values
    known: dict[str, Fact] = {name: fact for name, fact in facts.items() if fact is None or isinstance(fact, str | int)}
    return leaf(fields.text("message")[:MAX_MESSAGE_CHARS], **known)


def _all_classes() -> Iterator[type[ToolkitError]]:
    """Every class imported so far; their names and order are fixed by the source, not by the wire."""
    pending: list[type[ToolkitError]] = [*KINDS]
    while pending:
        leaf = pending.pop()
        yield leaf
        pending.extend(leaf.__subclasses__())


def _exact(fact: Fact) -> Json:
    return str(fact) if type(fact) is int and abs(fact) >= _MAX_EXACT else fact
