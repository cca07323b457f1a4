"""What an auditor does with an installation: export the receipts, and check receipts and audit logs against kept heads.

Rules:
    * Everything is opened for reading only, beside a running service; only an accepted head is written.
    * Receipts are checked with the public key alone. A head that was kept outside shows a tail that was cut off.

Example:
    found = check_home(Home(Path(".mext")))
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from custody.keys.material import PublicKey
from custody.keys.private_files import read_private
from custody.primitives.errors import MalformedPayload, NotFound, SignerUnavailable
from custody.primitives.ids import Digest
from custody.signers import audit
from custody.signers.client import RemoteSigner
from custody.store.database import open_reading
from custody.store.receipts import all_receipts
from custody.withdrawals.gates.receipt_lines import line_of, parse_line
from custody.withdrawals.gates.receipts import Head, Receipt, verify_receipts
from exchange.app.audit_heads import HEALTH_TIMEOUT_S, RECEIPTS, KeptHead, accept_head, head_of, read_heads
from exchange.app.blueprint import load_blueprint
from exchange.app.home import Home
from exchange.app.sealing import read_receipt_key

MAX_KEY_BYTES = 256


@dataclass(frozen=True, slots=True)
class Checked:
    """One chain that holds: whose, how many entries, its head in hex, and whether a kept head was met."""

    name: str
    entries: int
    head: str
    was_kept: bool


def lines_of(home: Home) -> Iterator[bytes]:
    """Go through the receipts of an installation as lines.

    Raises:
        NotFound: No database is there.
    """
    database = open_reading(home.folder / "custody.sqlite")
    try:
        for receipt in all_receipts(database):
            yield line_of(receipt)
    finally:
        database.dispose()


def read_lines(path: Path) -> Iterator[Receipt]:
    """Read exported receipts.

    Raises:
        NotFound: No such file.
        ReceiptBroken: A line is none.
    """
    try:
        with path.open("rb") as file:
            for place, line in enumerate(file, start=1):
                yield parse_line(line.rstrip(b"\n"), place)
    except FileNotFoundError as error:
        raise NotFound(f"{path}: no such file", path=str(path)) from error


def home_key(home: Home) -> PublicKey:
    """Read the public receipt key of an installation.

    Raises:
        NotFound, Refused, MalformedPayload: Not there, or none.
    """
    return read_receipt_key(read_private(home.receipt_key, MAX_KEY_BYTES).decode())


def parse_head(text: str) -> Head:
    """Read a kept head, written NUMBER:HASH.

    Raises:
        MalformedPayload: It is none.
    """
    number, _, hashed = text.partition(":")
    try:
        head = Head(int(number), Digest(bytes.fromhex(hashed)))
    except ValueError as error:
        raise MalformedPayload(f"not a head: {text[:80]!r}; write NUMBER:HASH") from error
    if head.number < 0 or len(head.hash) != len(Digest(bytes(32))):
        raise MalformedPayload(f"not a head: {text[:80]!r}; write NUMBER:HASH")
    return head


def check_receipts(receipts: Iterator[Receipt], key: PublicKey, kept: Head | None) -> Checked:
    """Check a chain of receipts.

    Raises:
        ReceiptBroken: The first receipt that does not fit, by its number.
    """
    head = verify_receipts(receipts, key, kept)
    return Checked(RECEIPTS, head.number, head.hash.hex(), kept is not None)


def check_home(home: Home) -> list[Checked]:
    """Check the receipts of an installation and the audit logs of its signers against the heads kept beside them.

    Raises:
        ReceiptBroken, AuditChainBroken: What does not fit, by its number.
        NotFound: Nothing is there to be checked.
    """
    kept = read_heads(home.audit_heads)
    database = open_reading(home.folder / "custody.sqlite")
    try:
        end = kept.get(RECEIPTS)
        head = None if end is None else Head(end.number, Digest(bytes.fromhex(end.hash)))
        found = [check_receipts(all_receipts(database), home_key(home), head)]
    finally:
        database.dispose()
    blueprint = load_blueprint(home.blueprint)
    for name in (*blueprint.signers, blueprint.sender):
        memory = home.signer(name) / "memory.sqlite"
        if memory.exists():  # a signer on a machine of its own is checked there
            found.append(_check_log(name, memory, kept.get(name)))
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    """A log beside what was kept of it: whose, the kept head, and the head that it shows now."""

    name: str
    kept: KeptHead
    shown: KeptHead


def compare_head(home: Home, name: str) -> Difference:
    """Put the head that a signer or the receipts show now beside the one that was kept.

    Args:
        home: The installation; its service may run or not.
        name: Of a signer, or "receipts".

    Raises:
        NotFound: No head of that name was kept.
        SignerUnavailable: The signer does not answer, and its memory is not below this home.
        ReceiptBroken, AuditChainBroken: The log itself does not hold: there is nothing to accept.
    """
    kept = read_heads(home.audit_heads)
    if name not in kept:
        raise NotFound(f"{home.audit_heads}: no head of {name!r} was kept; there are {', '.join(sorted(kept))}")
    return Difference(name, kept[name], _shown_head(home, name))


def accept_shown(home: Home, difference: Difference, reason: str) -> None:
    """Make the head that is shown the one that the next are compared with, at the next start of the service.

    Raises:
        MalformedPayload: No reason, or a long one.
        HeadsUnavailable: It cannot be written.
    """
    accept_head(home.audit_heads, difference.name, difference.shown, reason)


def _shown_head(home: Home, name: str) -> KeptHead:
    now_s = time.time_ns() // 10**9
    if name == RECEIPTS:
        database = open_reading(home.folder / "custody.sqlite")
        try:
            end = check_receipts(all_receipts(database), home_key(home), None)
        finally:
            database.dispose()
        return KeptHead(end.entries, end.head, now_s)
    try:
        return head_of(name, RemoteSigner(name, home.socket(name)).health(HEALTH_TIMEOUT_S), now_s)
    except SignerUnavailable:
        memory = home.signer(name) / "memory.sqlite"
        if not memory.exists():
            raise
        end = _check_log(name, memory, None)
        return KeptHead(end.entries, end.head, now_s)


def _check_log(name: str, memory: Path, kept: KeptHead | None) -> Checked:
    with closing(sqlite3.connect(f"file:{quote(str(memory.resolve()))}?mode=ro", uri=True)) as database:
        count = audit.verify_chain(database)
        _, head = audit.head(database)
        if kept is not None:
            audit.require_entry(database, kept.number, kept.hash)
    return Checked(name, count, head.hex(), kept is not None)
