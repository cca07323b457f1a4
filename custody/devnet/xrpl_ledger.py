"""A simulated XRP Ledger: an open ledger, closed ledgers, and how far validation has come.

Rules:
    * A submitted transaction is judged against the open ledger, which is provisional; its lasting result comes when
      the ledger closes.
    * A closed ledger is validated at once, or later by as many ledgers as a test asks for.
    * Faults of a real network are switched on by a test, never by chance.

Example:
    ledger = SimLedger(now_s)
    ledger.submit(blob)
    ledger.close()
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xrpl.core.binarycodec import XRPLBinaryCodecException, decode, encode

from custody.devnet.xrpl_checks import local_fault, refusal
from custody.devnet.xrpl_world import BASE_FEE_DROPS, PARTIAL_PAYMENT, SimAccount, World, apply

GENESIS_ACCOUNT = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
GENESIS_DROPS = 10**17
_NO_HASH = "0" * 64
_RIPPLE_EPOCH_S = 946_684_800

Json = Any


class LocalRefusal(Exception):
    """A node's own check says no before the ledger is asked."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A transaction on its way; `delivered` is set for payments of strangers, which are not executed but booked."""

    txid: str
    fields: Mapping[str, Any]
    delivered: int | None = None


@dataclass(frozen=True, slots=True)
class ClosedLedger:
    """One closed ledger: index, hash, parent, its transactions with metadata, and all accounts after it."""

    index: int
    hash: str
    parent: str
    close_time: int
    transactions: tuple[dict[str, Json], ...]
    world: World


@dataclass(slots=True)
class Faults:
    """What is wrong at the moment.

    Attributes:
        lies: Engine results to answer next, instead of the true ones; the transaction goes its way all the same.
        lost_answers: Answers to swallow after the work is done.
        dropped: Submissions to acknowledge and forget.
        lag: Ledgers by which validation is behind.
        gap: Ledgers that are missing from the history: first and last.
        silent: Answer nothing.
    """

    lies: list[str] = field(default_factory=list)
    lost_answers: int = 0
    dropped: int = 0
    lag: int = 0
    gap: tuple[int, int] | None = None
    silent: bool = False


class SimLedger:
    """The chain of ledgers and the open one."""

    def __init__(self, now_s: int) -> None:
        self._now_s = now_s
        self.faults = Faults()
        self.fee_drops = BASE_FEE_DROPS
        world: World = {GENESIS_ACCOUNT: SimAccount(GENESIS_DROPS, 1)}
        self.ledgers = [ClosedLedger(1, _hash(1, _NO_HASH, ()), _NO_HASH, self._time(1), (), world)]
        self.by_txid: dict[str, tuple[int, dict[str, Json]]] = {}
        self.pool: list[Pending] = []
        self._open: World = dict(world)
        self._paid = 0

    @property
    def validated(self) -> ClosedLedger:
        """Newest validated ledger."""
        return self.ledgers[max(0, len(self.ledgers) - 1 - self.faults.lag)]

    @property
    def open_index(self) -> int:
        """Index of the ledger that is open."""
        return self.ledgers[-1].index + 1

    def ledger(self, index: int) -> ClosedLedger | None:
        """A validated ledger that the history holds."""
        gap = self.faults.gap
        if not 1 <= index <= self.validated.index or (gap and gap[0] <= index <= gap[1]):
            return None
        return self.ledgers[index - 1]

    def ranges(self) -> list[tuple[int, int]]:
        """Ledgers the history holds without gap."""
        newest = self.validated.index
        if self.faults.gap is None:
            return [(1, newest)]
        low, high = self.faults.gap
        return [part for part in ((1, min(low - 1, newest)), (high + 1, newest)) if part[0] <= part[1]]

    def submit(self, blob: bytes) -> tuple[str, dict[str, Json]]:
        """Take a transaction; its provisional result and its fields.

        Raises:
            LocalRefusal: It is malformed, or a signature does not hold.
        """
        try:
            fields = decode(blob.hex().upper())
        except (XRPLBinaryCodecException, ValueError, KeyError, IndexError, TypeError) as error:
            raise LocalRefusal(f"fails local checks: {error}") from error
        whole = bytes.fromhex(encode(fields)) == blob  # xrpl-py reads bytes that are cut short, a node does not
        fault = local_fault(fields) if whole else "fails local checks: not a canonical serialization"
        if fault:
            raise LocalRefusal(fault)
        txid = txid_of(blob)
        result = self._take(Pending(txid, fields))
        lie = self.faults.lies.pop(0) if self.faults.lies else result
        return lie, {**fields, "hash": txid}

    def pay(self, to: str, drops: int, tag: int | None, asked: int) -> str:
        """Let a stranger pay: `drops` arrive in the next ledger, whatever `asked` says; the transaction's hash."""
        self._paid += 1
        fields: dict[str, Json] = {
            "TransactionType": "Payment",
            "Account": GENESIS_ACCOUNT,
            "Destination": to,
            "Amount": str(asked),
            "Fee": str(BASE_FEE_DROPS),
            "Flags": PARTIAL_PAYMENT if asked != drops else 0,
            "Sequence": self._paid,
            "SigningPubKey": "",
        }
        if tag is not None:
            fields["DestinationTag"] = tag
        txid = txid_of(bytes.fromhex(encode(fields)))
        self.pool.append(Pending(txid, fields, drops))
        return txid

    def close(self) -> ClosedLedger:
        """Close the open ledger: execute what is in it, for good."""
        world, done, later = dict(self.ledgers[-1].world), list[dict[str, Json]](), list[Pending]()
        index = self.open_index
        for pending in self.pool:
            result = self._execute(world, pending, index)
            if result.startswith(("tes", "tec")):
                done.append(_entry(pending, result, len(done), index))
            elif result.startswith("ter"):
                later.append(pending)
        for entry in done:
            self.by_txid[entry["hash"]] = (index, entry)
        parent = self.ledgers[-1].hash
        names = tuple(entry["hash"] for entry in done)
        closed = ClosedLedger(index, _hash(index, parent, names), parent, self._time(index), tuple(done), world)
        self.ledgers.append(closed)
        self.pool, self._open = later, dict(world)
        return closed

    def _take(self, pending: Pending) -> str:
        if pending.txid in self.by_txid or any(other.txid == pending.txid for other in self.pool):
            return "tefALREADY"
        result = refusal(self._open, pending.fields, self.open_index, self.fee_drops)
        if not result:
            result = apply(self._open, pending.fields, self.open_index)
        if self.faults.dropped and result.startswith(("tes", "tec")):
            self.faults.dropped -= 1
        elif result.startswith(("tes", "tec", "ter")):
            self.pool.append(pending)
        return result

    @staticmethod
    def _execute(world: World, pending: Pending, index: int) -> str:
        fields = pending.fields
        if pending.delivered is None:
            return refusal(world, fields, index) or apply(world, fields, index)
        delivered = {**fields, "Amount": str(pending.delivered), "Sequence": world[GENESIS_ACCOUNT].sequence}
        return apply(world, delivered, index)

    def _time(self, index: int) -> int:
        return self._now_s - _RIPPLE_EPOCH_S + index


def txid_of(blob: bytes) -> str:
    """Hash of a signed transaction."""
    return hashlib.sha512(b"TXN\x00" + blob).digest()[:32].hex().upper()


def _entry(pending: Pending, result: str, place: int, index: int) -> dict[str, Json]:
    meta: dict[str, Json] = {"TransactionResult": result, "TransactionIndex": place, "AffectedNodes": []}
    if pending.fields["TransactionType"] == "Payment" and result == "tesSUCCESS":
        partial = pending.delivered is not None and str(pending.delivered) != pending.fields["Amount"]
        meta["delivered_amount"] = str(pending.delivered) if partial else pending.fields["Amount"]
        if partial:
            meta["DeliveredAmount"] = str(pending.delivered)
    return {**pending.fields, "hash": pending.txid, "ledger_index": index, "metaData": meta}


def _hash(index: int, parent: str, names: tuple[str, ...]) -> str:
    return hashlib.sha512(f"{index}:{parent}:{':'.join(names)}".encode()).hexdigest()[:64].upper()
