"""Ending a stop of the breaker: officers sign exactly this stop, a quorum of them closes it.

Example:
    vote = approve_closing(home, "asset:BTC", "alice", now_s)
    close_stop(home, "asset:BTC", [vote, other], now_s)
"""

from __future__ import annotations

from collections.abc import Sequence

from custody.keys.quorum import QuorumRule
from custody.monitor.breaker import FileBreaker, closing_hash
from custody.primitives.approval import Approval
from custody.primitives.errors import NotFound
from exchange.app.blueprint import load_blueprint
from exchange.app.home import Home
from exchange.app.house_facts import roster_of
from exchange.app.officers import approve_as

OFFICERS_NEEDED = 2
APPROVAL_AGE_S = 3_600
"""An approval is about a stop that people look at now."""


def breaker_of(home: Home) -> FileBreaker:
    """The breaker of an installation.

    Raises:
        NotFound: There is none; a mistyped folder must not look like one where nothing is stopped.
    """
    if not home.blueprint.exists():
        raise NotFound(f"{home.blueprint}: nothing is provisioned here; --home names another folder")
    return FileBreaker(home.folder / "breaker.json")


def approve_closing(home: Home, scope: str, officer: str, now_s: int) -> Approval:
    """Sign the closing of a stop with an officer's key below this home.

    Raises:
        NotFound: Nothing stops this scope, or the officer has no keystore here.
        Refused, VerificationFailed: The keystore is open to others, or the passphrase is wrong.
    """
    stop = breaker_of(home).stops().get(scope)
    if stop is None:
        raise NotFound(f"breaker: nothing stops {scope!r}", scope=scope)
    return approve_as(home, closing_hash(scope, stop), officer, now_s)


def close_stop(home: Home, scope: str, approvals: Sequence[Approval], now_s: int) -> None:
    """Close the breaker for a scope.

    Raises:
        NotFound, NotClosable, Refused, BadSignature, QuorumNotReached: See `FileBreaker.close`.
    """
    roster = roster_of(load_blueprint(home.blueprint).staff)
    breaker_of(home).close(scope, approvals, QuorumRule(roster, OFFICERS_NEEDED, APPROVAL_AGE_S), now_s)
