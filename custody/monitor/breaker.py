"""The breaker: while it is open for a scope, nothing of that scope is signed.

Rules:
    * Machines may open it; only a quorum of officers closes it, with approvals over exactly this stop.
    * Every stop has a number of its own, so that approvals to end one never end the next.
    * Its state is a file, so that a restart keeps it; an unreadable file counts as open for all, and so does
      a scope that names neither a lane nor a chain nor an asset. Such a file is for people to mend.
    * Several processes may use it: a lock file keeps their changes apart. What was closed, and by whom, is
      appended to a log beside it first.

Example:
    breaker = FileBreaker(Path("breaker.json"))
    breaker.open("asset:BTC", "chain differs from the books by 1 satoshi")
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from custody.keys.quorum import QuorumRule, verify_quorum
from custody.primitives.approval import Approval
from custody.primitives.asset import Asset
from custody.primitives.encoding import digest
from custody.primitives.errors import NotFound, Refused
from custody.primitives.ids import Digest
from custody.withdrawals.errors import WithdrawalsFrozen

ALL = "all"
CLOSING_TAG = "mext/breaker-closing/1"
_PREFIXES = ("chain:", "asset:", "lane:")


class NotClosable(Refused):
    """This stop cannot be ended by approvals: the file itself needs people."""

    code = "not_closable"


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a scope is stopped.

    Attributes:
        reason: For people.
        number: 16 random bytes hex; empty where the file does not say.
    """

    reason: str
    number: str


def closing_hash(scope: str, stop: Stop) -> Digest:
    """Hash what officers approve to end a stop: scope, reason and number, 32 bytes."""
    return digest(CLOSING_TAG, scope, stop.reason, stop.number)


class FileBreaker:
    """Open scopes with their reasons, in one small file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def open_scopes(self) -> dict[str, str]:
        """Scope -> reason; empty while everything is closed."""
        return {scope: stop.reason for scope, stop in self.stops().items()}

    def stops(self) -> dict[str, Stop]:
        """Scope -> what stopped it; empty while everything is closed."""
        try:
            found = json.loads(self._path.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError):
            return {ALL: Stop(f"{self._path} is unreadable", "")}
        if not isinstance(found, dict):
            return {ALL: Stop(f"{self._path} does not hold scopes", "")}
        return {str(scope): _stop(entry) for scope, entry in found.items()}

    def open(self, scope: str, reason: str) -> None:
        """Stop signing for "all", "chain:NAME", "asset:SYMBOL" or "lane:WALLET"; the first reason stays."""
        with self._alone():  # two monitors may stop two things at once; neither is forgotten
            stops = self.stops()
            if scope not in stops:
                self._write({scope: Stop(reason, secrets.token_hex(16))} | stops)

    def close(self, scope: str, approvals: Sequence[Approval], rule: QuorumRule, now_s: int) -> None:
        """Let a scope be signed again.

        Args:
            scope: As `stops` names it.
            approvals: Over `closing_hash` of this stop.
            rule: Who must agree.
            now_s: Now, seconds since 1970 UTC.

        Raises:
            NotFound: Nothing stops this scope.
            NotClosable: The file was damaged or written by hand; mend it by hand.
            Refused, BadSignature, QuorumNotReached: See `verify_quorum`.
        """
        with self._alone():
            stops = self.stops()
            if scope not in stops:
                raise NotFound(f"breaker: nothing stops {scope!r}", scope=scope)
            stop = stops.pop(scope)
            if not stop.number:
                raise NotClosable(f"breaker: {scope}: {stop.reason}; {self._path} must be mended by hand", scope=scope)
            verify_quorum(closing_hash(scope, stop), approvals, rule, initiator="", now_s=now_s)
            self._log({"closed": scope, **asdict(stop), "at_s": now_s, "approvers": [a.approver for a in approvals]})
            self._write(stops)

    def require_closed(self, asset: Asset, lane: str) -> None:
        """Pass if nothing stops this asset on this lane.

        Args:
            asset: What would leave.
            lane: Wallet that would pay.

        Raises:
            WithdrawalsFrozen: The lane, the asset, its chain or everything is stopped.
        """
        stopping = (f"chain:{asset.chain}", f"asset:{asset.symbol}", f"lane:{lane}")
        for scope, reason in self.open_scopes().items():
            if scope in stopping or not scope.startswith(_PREFIXES):
                raise WithdrawalsFrozen(f"signing is stopped for {scope}: {reason}", scope=scope)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._lock, self._path.with_suffix(".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # given free when the file is closed
            yield

    def _write(self, stops: Mapping[str, Stop]) -> None:
        draft = self._path.with_suffix(".draft")
        with draft.open("w") as file:
            json.dump({scope: asdict(stop) for scope, stop in stops.items()}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _log(self, entry: Mapping[str, object]) -> None:
        with self._path.with_suffix(".log").open("a") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _stop(entry: object) -> Stop:
    if isinstance(entry, dict) and isinstance(entry.get("reason"), str) and isinstance(entry.get("number"), str):
        return Stop(entry["reason"], entry["number"])
    return Stop(str(entry), "")
