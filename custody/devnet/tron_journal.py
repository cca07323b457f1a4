"""The simulated Tron chain on disk: what was done to the ledger, one line each, done again at start.

Rules:
    * The ledger has neither clock nor chance, so the same steps give the same chain, ids included.
    * A line is written and flushed before the answer leaves.

Example:
    ledger, journal = TronJournal.open(folder, now_ms, solid_depth)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TextIO

from custody.devnet.tron_accounts import Token
from custody.devnet.tron_execution import Transaction
from custody.devnet.tron_ledger import TronLedger
from custody.primitives.errors import MalformedPayload

FILE_NAME = "steps.jsonl"


class TronJournal:
    """Does something to a ledger and writes it down."""

    def __init__(self, ledger: TronLedger, file: TextIO | None) -> None:
        self._ledger = ledger
        self._file = file

    @classmethod
    def open(cls, folder: Path, now_ms: int, solid_depth: int) -> tuple[TronLedger, TronJournal]:
        """Restore the ledger of a folder, or begin one.

        Args:
            folder: Made if absent.
            now_ms: Time of block 0 of a new ledger, milliseconds since 1970 UTC.
            solid_depth: Blocks on top that make a block final, for a new ledger.

        Raises:
            MalformedPayload: A line of the file does not read.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE_NAME
        lines = path.read_text().splitlines() if path.exists() else []
        try:
            steps = [json.loads(line) for line in lines]
            start: list[Any] = steps[0] if steps else ["genesis", now_ms, solid_depth]
            ledger = TronLedger(start[1], start[2])
            replay = cls(ledger, None)
            for name, *values in steps[1:]:
                getattr(replay, f"_do_{name}")(*values)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise MalformedPayload(f"{path}: {error!r}") from error
        journal = cls(ledger, path.open("a", encoding="ascii"))
        if not steps:
            journal._write(*start)
        return ledger, journal

    def submit(self, whole: bytes) -> Transaction:
        """Take a transaction; only one that was taken is written down."""
        tx = self._ledger.submit(whole)
        self._write("submit", whole.hex())
        return tx

    def fund(self, to: str, sun: int) -> str:
        """Pay from the faucet; id of the transaction."""
        txid = self._ledger.fund(to, sun).txid
        self._write("fund", to, sun)
        return txid

    def seal(self, time_ms: int) -> None:
        """Seal a block."""
        block = self._ledger.seal(time_ms)
        self._write("seal", block.time_ms)

    def reorg(self, depth: int) -> list[str]:
        """Drop blocks."""
        lost = self._ledger.reorg(depth)
        self._write("reorg", depth)
        return lost

    def forget(self) -> list[str]:
        """Drop what waits for a block."""
        lost = self._ledger.forget_waiting()
        self._write("forget")
        return lost

    def create_token(self, contract: str, token: Token) -> None:
        """Put a built-in token at an address."""
        self._ledger.create_token(contract, token)
        self._write("token", contract, token.symbol, token.reverts)

    def mint(self, contract: str, to: str, units: int) -> None:
        """Give somebody tokens."""
        self._ledger.mint(contract, to, units)
        self._write("mint", contract, to, units)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _write(self, *step: str | int) -> None:
        if self._file is not None:
            self._file.write(json.dumps(step, separators=(",", ":")) + "\n")
            self._file.flush()

    def _do_submit(self, whole: str) -> None:
        self.submit(bytes.fromhex(whole))

    def _do_fund(self, to: str, sun: int) -> None:
        self.fund(to, sun)

    def _do_seal(self, time_ms: int) -> None:
        self.seal(time_ms)

    def _do_reorg(self, depth: int) -> None:
        self.reorg(depth)

    def _do_forget(self) -> None:
        self.forget()

    def _do_token(self, contract: str, symbol: str, reverts: bool) -> None:  # noqa: FBT001 - read from JSON
        self.create_token(contract, Token(symbol, {}, reverts))

    def _do_mint(self, contract: str, to: str, units: int) -> None:
        self.mint(contract, to, units)
