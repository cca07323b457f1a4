"""One table from kinds of error to exit codes of the command line.

0 ok, 1 failure, 2 unusable input, 3 verification failed, 4 refused by the rules, 5 more signatures
needed, 6 something we depend on does not answer; 7 is `mext doctor` alone: something is missing here.
"""

from __future__ import annotations

from custody.primitives.errors import (
    InvalidInput,
    QuorumNotReached,
    Refused,
    ToolkitError,
    Unavailable,
    VerificationFailed,
)

FAILURE = 1

# The more special kind stands first: a missing quorum is a refusal too.
_CODES: tuple[tuple[type[ToolkitError], int], ...] = (
    (QuorumNotReached, 5),
    (InvalidInput, 2),
    (VerificationFailed, 3),
    (Refused, 4),
    (Unavailable, 6),
)


def exit_code(error: ToolkitError) -> int:
    """Return the exit code for an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILURE)
