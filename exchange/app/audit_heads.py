"""Heads of the audit logs, kept outside the logs: what each signer says of its own, and where the receipts end.

Rules:
    * A head may only grow. A log that went back, or tells another past under the same number, is an alarm, its signer
      is named, and the gates stay closed until people looked and the service was started again.
    * Every new set of heads is appended to a file beside the installation; ship it elsewhere to have a second copy.
    * A signer that does not answer keeps its last head, which grows old.

Example:
    heads = AuditHeads(home.audit_heads, signers, receipts)
    heads.step(now_s)
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from custody.primitives.encoding import Json
from custody.primitives.errors import SignerUnavailable, VerificationFailed
from custody.withdrawals.gates.receipts import Head

HEADS_INTERVAL_S = 1.0
RECEIPTS = "receipts"
"""Under which name the head of the receipts is kept; no signer has it."""


class AuditWentBack(VerificationFailed):
    """An audit log is shorter than it was, or says something else about its past."""

    code = "audit_went_back"


class TellsHealth(Protocol):
    """The part of a signer that is asked."""

    def health(self) -> Mapping[str, object]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class KeptHead:
    """One head: entries, hash in hex, and when it was told, seconds since 1970 UTC."""

    number: int
    hash: str
    at_s: int


class AuditHeads:
    """Asks for heads, compares, keeps."""

    def __init__(self, path: Path, signers: Mapping[str, TellsHealth], receipts: Callable[[], Head]) -> None:
        """Bind it; what the file knows is what the next heads are compared with.

        Raises:
            AuditWentBack: The file cannot be read.
        """
        self._path, self._signers, self._receipts = path, signers, receipts
        self._kept = dict(read_heads(path))
        self.told: dict[str, KeptHead] = {}
        """Signer -> the head it told since the start."""
        self.broken = ""

    def step(self, now_s: int) -> None:
        """Ask everybody once.

        Raises:
            AuditWentBack: A log is not what it was; who, and how.
        """
        found: dict[str, KeptHead] = {}
        for name, signer in self._signers.items():
            with suppress(SignerUnavailable):  # the status page names it already: another loop looks for it
                found[name] = _head_of(name, signer.health(), now_s)
        end = self._receipts()
        self._compare({**found, RECEIPTS: KeptHead(end.number, end.hash.hex(), now_s)})
        self.told |= found
        if self.broken:
            raise AuditWentBack(self.broken)

    def _compare(self, found: Mapping[str, KeptHead]) -> None:
        news: dict[str, KeptHead] = {}
        for name, head in found.items():
            before = self._kept.get(name)
            if before is not None and (head.number, head.hash) == (before.number, before.hash):
                continue
            if before is not None and head.number <= before.number:
                self.broken = (
                    self.broken or f"{name} shows entry {head.number}, after {before.number} with another hash"
                )
                continue
            news[name] = head
        if news:
            self._append(news)
            self._kept |= news

    def _append(self, news: Mapping[str, KeptHead]) -> None:
        line: dict[str, Json] = {name: [head.number, head.hash, head.at_s] for name, head in sorted(news.items())}
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def read_heads(path: Path) -> Mapping[str, KeptHead]:
    """Read the newest kept head of everybody; empty if nothing was kept.

    Raises:
        AuditWentBack: The file cannot be read.
    """
    kept: dict[str, KeptHead] = {}
    try:
        for line in path.read_bytes().splitlines() if path.exists() else ():
            kept |= {name: KeptHead(int(number), str(hashed), int(at_s)) for name, number, hashed, at_s in _items(line)}
    except (OSError, ValueError, TypeError, IndexError) as error:
        raise AuditWentBack(f"{path}: the kept heads cannot be read: {error}") from error
    return kept


def _items(line: bytes) -> list[tuple[str, Any, Any, Any]]:
    found = json.loads(line)
    if not isinstance(found, dict):
        raise TypeError("a line holds heads by name")
    return [(name, head[0], head[1], head[2]) for name, head in found.items()]


def _head_of(name: str, health: Mapping[str, object], now_s: int) -> KeptHead:
    audit = health.get("audit")
    if not isinstance(audit, dict) or type(audit.get("number")) is not int or not isinstance(audit.get("hash"), str):
        raise SignerUnavailable(f"signer {name} does not tell the head of its audit log", signer=name)
    return KeptHead(audit["number"], audit["hash"], now_s)
