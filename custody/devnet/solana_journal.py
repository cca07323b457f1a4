"""The simulated Solana chain on disk: one line a block that changed something, read back at start.

Rules:
    * A line is written and flushed when its slot is sealed; the open slot is lost in a crash, as a
      block that nobody voted for would be.
    * Empty slots are not written: their hashes follow from the lines around them.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, TextIO

from solders.pubkey import Pubkey

from custody.devnet import solana_records as records
from custody.devnet.solana_ledger import Block, VmLedger
from custody.primitives.errors import MalformedPayload

FILE_NAME = "blocks.jsonl"


class LedgerJournal:
    """Appends blocks of one ledger to a file."""

    def __init__(self, ledger: VmLedger, file: TextIO) -> None:
        self._ledger = ledger
        self._file = file

    @classmethod
    def open(cls, folder: Path, now_s: int, slot_ms: int) -> tuple[VmLedger, LedgerJournal]:
        """Restore the ledger of a folder, or begin one.

        Args:
            folder: Made if absent.
            now_s: Time of block 0 of a new ledger, seconds since 1970 UTC.
            slot_ms: Length of a slot.

        Raises:
            MalformedPayload: A line of the file does not read.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE_NAME
        lines = path.read_text().splitlines() if path.exists() else []
        try:
            stored = [json.loads(line) for line in lines]
            ledger = VmLedger(stored[0]["genesis_s"] if stored else now_s, slot_ms)
            for entry in stored[1:]:
                _replay(ledger, entry)
        except (ValueError, KeyError, IndexError) as error:
            raise MalformedPayload(f"{path}: {error!r}") from error
        file = path.open("a", encoding="ascii")
        journal = cls(ledger, file)
        if not stored:
            journal._write({"genesis_s": now_s})
        return ledger, journal

    def seal(self) -> Block:
        """Seal the open slot; write it down if it holds transactions."""
        block = self._ledger.seal()
        if block.records:
            self._write({"block": _block_json(self._ledger, block)})
        return block

    def reorg(self, depth: int) -> list[str]:
        """Drop blocks, and write that down.

        Raises:
            RpcRefusal: It would drop a finalized block.
        """
        top = self._ledger.slot("confirmed")
        lost = self._ledger.reorg(depth)
        self._write({"reorg": depth, "top": top, "turns": self._ledger.turns})
        return lost

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry, separators=(",", ":")) + "\n")
        self._file.flush()


def _block_json(ledger: VmLedger, block: Block) -> dict[str, Any]:
    before = {str(key): records.account_json(account) for key, account in block.before.items()}
    after = {str(key): records.account_json(ledger.account(key, "confirmed")) for key in block.before}
    executed = [
        {"signature": record.signature, "raw": base64.b64encode(record.raw).decode(), "meta": record.meta}
        for record in block.records
    ]
    return {"slot": block.slot, "turns": ledger.turns, "before": before, "after": after, "records": executed}


def _replay(ledger: VmLedger, entry: dict[str, Any]) -> None:
    if "reorg" in entry:
        _fill(ledger, entry["top"])
        ledger.reorg(entry["reorg"])
        _turn_to(ledger, entry["turns"])
        return
    stored = entry["block"]
    _fill(ledger, stored["slot"] - 1)
    for key, after in stored["after"].items():
        before = stored["before"][key]
        ledger.open.before[Pubkey.from_string(key)] = records.account_from_json(before) if before else None
        ledger.vm.set_account(Pubkey.from_string(key), records.account_from_json(after))
    for record in stored["records"]:
        raw = base64.b64decode(record["raw"])
        ledger.remember(ledger.open, records.Record(record["signature"], raw, record["meta"]))
    ledger.seal()
    _turn_to(ledger, stored["turns"])


def _fill(ledger: VmLedger, slot: int) -> None:
    while ledger.open.slot <= slot:
        ledger.seal()


def _turn_to(ledger: VmLedger, turns: int) -> None:
    while ledger.turns < turns:
        ledger.turn()
