"""What the loop found, as one document for machines and one table for people.

The document: {"ok", "steps": [{"name", "ok", "seconds", "evidence"}], "chains": [...], "trades",
"listing": {...}, "reserves": {...}, "restart": {...}}.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from rich.console import Console
from rich.table import Table

from custody.primitives.errors import ToolkitError


@dataclass(slots=True)
class Step:
    """One step of the loop.

    Attributes:
        name: What it does.
        ok: Whether it held; False until it ended well.
        seconds: How long it took.
        evidence: What shows it: transaction ids, counts, hashes.
    """

    name: str
    ok: bool = False
    seconds: float = 0.0
    evidence: str = ""


@dataclass(slots=True)
class Report:
    """All steps and the facts that machines read."""

    steps: list[Step] = field(default_factory=list)
    chains: dict[str, dict[str, Any]] = field(default_factory=dict)
    trades: int = 0
    listing: dict[str, Any] = field(default_factory=dict)
    reserves: dict[str, Any] = field(default_factory=dict)
    restart: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True if every step held; a loop without steps proves nothing."""
        return bool(self.steps) and all(step.ok for step in self.steps)

    def chain(self, name: str) -> dict[str, Any]:
        """The facts about one chain, to be filled in."""
        blank = {
            "chain": name,
            "evidence": None,
            "deposit_txid": None,
            "withdrawal_txid": None,
            "request_to_broadcast_s": None,
            "confirmed": False,
        }
        return self.chains.setdefault(name, blank)

    @contextmanager
    def step(self, name: str, console: Console) -> Iterator[Step]:
        """Time one step; an error ends it, is noted as its evidence, and goes on to the caller."""
        step = Step(name)
        self.steps.append(step)
        started = monotonic()
        try:
            with console.status(f"{name} ..."):
                yield step
            step.ok = True
        except ToolkitError as error:
            step.evidence = f"{error.message} [{error.code}]"
            raise
        finally:
            step.seconds = round(monotonic() - started, 3)
            mark = "[green]ok[/]" if step.ok else "[red]failed[/]"
            console.print(f"{mark:>12} {step.seconds:7.2f} s  {step.name}")

    def document(self) -> dict[str, Any]:
        """The report as one JSON-ready object."""
        return {
            "ok": self.ok,
            "steps": [{"name": s.name, "ok": s.ok, "seconds": s.seconds, "evidence": s.evidence} for s in self.steps],
            "chains": list(self.chains.values()),
            "trades": self.trades,
            "listing": self.listing,
            "reserves": self.reserves,
            "restart": self.restart,
        }

    def show(self, console: Console) -> None:
        """Print the tables for people."""
        steps = Table(title="The loop", title_justify="left", expand=True)
        steps.add_column("Step", ratio=2)
        steps.add_column("", width=6)
        steps.add_column("Seconds", justify="right", width=8)
        steps.add_column("Evidence", ratio=4, overflow="fold")
        for step in self.steps:
            steps.add_row(step.name, "ok" if step.ok else "FAILED", f"{step.seconds:.2f}", step.evidence)
        chains = Table(title="Chains", title_justify="left", expand=True)
        for heading in ("Chain", "Evidence", "Deposit", "Withdrawal", "Request to broadcast", "Confirmed"):
            chains.add_column(heading, overflow="fold")
        for row in self.chains.values():
            took = row["request_to_broadcast_s"]
            chains.add_row(
                row["chain"],
                row["evidence"],
                _short(row["deposit_txid"]),
                _short(row["withdrawal_txid"]),
                "-" if took is None else f"{took:.3f} s",
                "yes" if row["confirmed"] else "no",
            )
        console.print(steps)
        console.print(chains)


def _short(txid: str | None) -> str:
    """The beginning of a transaction id; the document has all of it."""
    return "-" if txid is None else f"{txid[:14]}..."
