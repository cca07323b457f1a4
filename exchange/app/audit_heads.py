"""Heads of the audit logs, kept outside the logs: what each signer says of its own, and where the receipts end.

Rules:
    * A head may only grow. A log that went back, or tells another past under the same number, is an alarm, its signer
      is named, and the gates stay closed until people looked and the service was started again.
    * Every new head is appended to a file beside the installation; ship it elsewhere to have a second copy.
    * A signer that does not answer keeps its last head, which grows old. It holds nobody else up for long: each head
      is kept at once, with the time of its own answer.
    * Nothing is taken out of the file but a last line that was not written to its end. After a restored backup people
      accept the head that is shown now: a line that says so is the new base, the old lines stay.

Example:
    heads = AuditHeads(home.audit_heads, signers, receipts)
    heads.step(now_s)
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from custody.primitives.encoding import Json
from custody.primitives.errors import (
    InvariantBroken,
    MalformedPayload,
    SignerUnavailable,
    ToolkitError,
    Unavailable,
    VerificationFailed,
)
from custody.withdrawals.gates.receipts import Head

HEADS_INTERVAL_S = 1.0
HEALTH_TIMEOUT_S = 3
"""How long one signer is waited for: a few that hang must not make the heads of the others old."""
MAX_REASON_CHARS = 500
RECEIPTS = "receipts"
"""Under which name the head of the receipts is kept; no signer has it."""


class AuditWentBack(VerificationFailed):
    """An audit log is shorter than it was, or says something else about its past."""

    code = "audit_went_back"


class HeadsUnavailable(Unavailable):
    """The file of the kept heads cannot be read or written: disk, rights, space."""

    code = "audit_heads_unavailable"


class TellsHealth(Protocol):
    """The part of a signer that is asked."""

    def health(self, timeout_s: int) -> Mapping[str, object]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class KeptHead:
    """One head: entries, hash in hex, and when it was told, seconds since 1970 UTC."""

    number: int
    hash: str
    at_s: int


class AuditHeads:
    """Asks for heads, compares, keeps."""

    def __init__(
        self,
        path: Path,
        signers: Mapping[str, TellsHealth],
        receipts: Callable[[], Head],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Bind it; what the file knows is what the next heads are compared with.

        Raises:
            AuditWentBack: A line of the file is no head.
            HeadsUnavailable: The file cannot be read.
        """
        self._path, self._signers, self._receipts, self._monotonic_s = path, signers, receipts, monotonic_s
        self._kept = dict(read_heads(path))
        self.told: dict[str, KeptHead] = {}
        """Signer -> the head it told since the start."""
        self.broken = ""

    def step(self, now_s: int) -> None:
        """Ask everybody once; one that fails keeps nobody else from being heard.

        Args:
            now_s: When the step begins, seconds since 1970 UTC.

        Raises:
            AuditWentBack: A log is not what it was; who, and how.
            HeadsUnavailable: A head could not be kept; it counts as not told.
            ToolkitError: What a signer answered instead of its health, after all others were asked.
        """
        began_s, faults = self._monotonic_s(), list[ToolkitError]()
        for name, signer in self._signers.items():
            try:
                health = signer.health(timeout_s=HEALTH_TIMEOUT_S)
                head = head_of(name, health, now_s + int(self._monotonic_s() - began_s))
                self._keep(name, head)
                self.told[name] = head
            except InvariantBroken:
                raise
            except SignerUnavailable:
                continue  # the status page names it already: another loop looks for it
            except ToolkitError as error:
                faults.append(error)
        end = self._receipts()
        self._keep(RECEIPTS, KeptHead(end.number, end.hash.hex(), now_s + int(self._monotonic_s() - began_s)))
        if self.broken:
            raise AuditWentBack(self.broken)
        if faults:
            raise faults[0]

    def _keep(self, name: str, head: KeptHead) -> None:
        before = self._kept.get(name)
        if before is not None and (head.number, head.hash) == (before.number, before.hash):
            return
        if before is not None and head.number <= before.number:
            self.broken = self.broken or f"{name} shows entry {head.number}, after {before.number} with another hash"
            return
        _append_line(self._path, {name: [head.number, head.hash, head.at_s]})
        self._kept[name] = head


def accept_head(path: Path, name: str, head: KeptHead, reason: str) -> None:
    """Make a head the base that the next ones are compared with, whatever was kept before; the old lines stay.

    Args:
        path: The file of the kept heads.
        name: Of a signer, or `RECEIPTS`.
        head: What it shows now.
        reason: Why people accept it, for who reads the file later.

    Raises:
        MalformedPayload: No reason, or a long one.
        HeadsUnavailable: The line could not be written.
    """
    if not 0 < len(reason.strip()) <= MAX_REASON_CHARS:
        raise MalformedPayload(f"a reason of 1 to {MAX_REASON_CHARS} characters is needed to accept a head")
    line: dict[str, Json] = {"accepted": True, "name": name, "number": head.number, "hash": head.hash}
    _append_line(path, line | {"reason": reason, "at": head.at_s})


def read_heads(path: Path) -> Mapping[str, KeptHead]:
    """Read the newest kept head of everybody; empty if nothing was kept.

    A last line without an end was never kept: the machine stopped, or the disk was full, while it was written.

    Raises:
        AuditWentBack: A line is no head.
        HeadsUnavailable: The file cannot be read.
    """
    kept: dict[str, KeptHead] = {}
    try:
        content = path.read_bytes() if path.exists() else b""
        for line in content[: content.rfind(b"\n") + 1].splitlines():
            kept |= {name: KeptHead(int(number), str(hashed), int(at_s)) for name, number, hashed, at_s in _items(line)}
    except OSError as error:
        raise HeadsUnavailable(f"{path}: the kept heads cannot be read: {error}") from error
    except (ValueError, TypeError, LookupError) as error:
        raise AuditWentBack(f"{path}: the kept heads cannot be read: {error}") from error
    return kept


def _append_line(path: Path, found: Mapping[str, Json]) -> None:
    line = json.dumps(found).encode() + b"\n"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # who accepts a head writes beside the service
            _cut_torn_line(descriptor)
            if os.write(descriptor, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise HeadsUnavailable(f"{path}: a head could not be kept: {error}") from error


def _cut_torn_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        os.ftruncate(descriptor, os.pread(descriptor, size, 0).rfind(b"\n") + 1)


def _items(line: bytes) -> list[tuple[str, Any, Any, Any]]:
    found = json.loads(line)
    if not isinstance(found, dict):
        raise TypeError("a line holds heads by name")
    if found.get("accepted") is True:
        return [(str(found["name"]), found["number"], found["hash"], found["at"])]
    return [(name, head[0], head[1], head[2]) for name, head in found.items()]


def head_of(name: str, health: Mapping[str, object], now_s: int) -> KeptHead:
    """Read the head of a signer's audit log from its health.

    Raises:
        SignerUnavailable: It does not tell one.
    """
    audit = health.get("audit")
    if not isinstance(audit, dict) or type(audit.get("number")) is not int or not isinstance(audit.get("hash"), str):
        raise SignerUnavailable(f"signer {name} does not tell the head of its audit log", signer=name)
    return KeptHead(audit["number"], audit["hash"], now_s)
