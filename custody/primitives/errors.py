"""Six kinds of error: the kind says what the caller does next.

Rules:
    * Every error raised on purpose is a leaf of one of the six kinds, with a stable `code`.
    * The message says what is wrong and where; the facts behind it are fields, never parsed from text.
    * Foreign errors are translated once, in the adapter that meets them (`raise ... from error`).
    * `InvariantBroken` means a bug of ours: stop. Only the outermost layer catches it.

Example:
    >>> error = LimitExceeded("asked 5, limit 3", asked=5, limit=3)
    >>> error.code, error.facts["limit"]
    ('limit_exceeded', 3)
"""

from __future__ import annotations

from typing import ClassVar

Fact = str | int | bool | None
"""What may stand in an error's fields: exact and printable, never a secret, never a float."""


class ToolkitError(Exception):
    """Root of all errors this toolkit raises on purpose.

    Attributes:
        code: Stable, machine-readable name of the leaf; part of the public interface.
        transient: True where the same call may succeed later without any change by the caller.
        message: What is wrong and where, for people.
        facts: The values behind the message.
    """

    code: ClassVar[str] = "toolkit_error"
    transient: ClassVar[bool] = False

    def __init__(self, message: str, /, **facts: Fact) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts

    def hint(self) -> str:
        """Say what the caller can do about it; empty where the message already does."""
        return ""


# The six kinds -------------------------------------------------------------------------


class InvalidInput(ToolkitError):
    """The caller can fix it: what was given is malformed."""

    code = "invalid_input"


class Refused(ToolkitError):
    """The rules say no: well-formed, but not allowed."""

    code = "refused"


class Conflict(ToolkitError):
    """The state moved, or the move is not legal from the present state."""

    code = "conflict"


class Unavailable(ToolkitError):
    """Something we depend on does not answer; nothing is known about the outcome."""

    code = "unavailable"
    transient = True


class VerificationFailed(ToolkitError):
    """A proof, a signature or a hash does not hold."""

    code = "verification_failed"


class InvariantBroken(ToolkitError):
    """Our own bug: something that can never be is. Stop."""

    code = "invariant_broken"


# Leaves that more than one room raises ---------------------------------------------------


class InvalidAddress(InvalidInput):
    """The text is not an address of this chain and network."""

    code = "invalid_address"


class WrongNetwork(InvalidAddress):
    """A well-formed address, but of another network."""

    code = "wrong_network"


class InvalidAmount(InvalidInput):
    """Not a whole, non-negative number of base units of the asset."""

    code = "invalid_amount"


class AssetMismatch(InvalidInput):
    """Amounts of two different assets met in one calculation."""

    code = "asset_mismatch"


class UnknownAsset(InvalidInput):
    """No asset of this name is configured."""

    code = "unknown_asset"


class UnknownChain(InvalidInput):
    """No chain of this name is configured."""

    code = "unknown_chain"


class MalformedPayload(InvalidInput):
    """Bytes that should decode to a known structure do not."""

    code = "malformed_payload"


class NotFound(InvalidInput):
    """Nothing is stored under this id."""

    code = "not_found"


class InsufficientFunds(Refused):
    """The account does not hold as much as is asked."""

    code = "insufficient_funds"


class LimitExceeded(Refused):
    """A configured limit would be passed."""

    code = "limit_exceeded"


class QuorumNotReached(Refused):
    """Fewer valid approvals or signatures than the threshold."""

    code = "quorum_not_reached"


class IdempotencyConflict(Conflict):
    """The idempotency key was used before, with another content."""

    code = "idempotency_conflict"


class IllegalMove(Conflict):
    """The lifecycle table does not list this move."""

    code = "illegal_move"


class StaleState(Conflict):
    """The record was changed by someone else since it was read."""

    code = "stale_state"


class NodeUnavailable(Unavailable):
    """A chain node does not answer, or answers with a fault of its own."""

    code = "node_unavailable"


class NodesDisagree(Unavailable):
    """Two independent sources give different answers."""

    code = "nodes_disagree"


class SignerUnavailable(Unavailable):
    """A signer process cannot be reached."""

    code = "signer_unavailable"


class BadSignature(VerificationFailed):
    """The signature does not verify under the key it claims."""

    code = "bad_signature"


class RootMismatch(VerificationFailed):
    """The computed root or digest differs from the expected one."""

    code = "root_mismatch"
