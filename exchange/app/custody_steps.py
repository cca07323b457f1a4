"""Steps of the background work that touch custody: deposits, withdrawals, sweeps."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from custody.monitor.breaker import FileBreaker
from custody.primitives.chain import Chain, ChainId
from custody.primitives.errors import VerificationFailed
from custody.primitives.invariant import invariant
from custody.store.deposits import SqlDepositStore
from custody.wallets.cases import OPEN_CASES
from custody.wallets.clean_coins import sweepable
from custody.wallets.deposit import uncredited_units
from custody.wallets.scanner import DepositScanner
from custody.wallets.sweep import Sweeper
from custody.withdrawals.pipeline import Pipeline
from exchange.app.chain_parts import ChainParts
from exchange.app.house_evidence import HouseNotes
from exchange.settlement.rooms import ChainStatus
from exchange.settlement.scale import AssetScale

REST_S = 1.0
"""Longest pause of a scanner whose chain stands still."""


class ChainBoard:
    """Where each deposit scanner stands, for the status page."""

    def __init__(self, parts: Iterable[ChainParts]) -> None:
        self._parts = {part.chain.id: (part.evidence, part.sources) for part in parts}
        self._problems: Callable[[], Mapping[str, str]] = dict
        self._scanned: dict[str, tuple[int, int, str]] = {}
        self._lock = threading.Lock()

    def watch(self, problems: Callable[[], Mapping[str, str]]) -> None:
        """Take the problems of the background work from here."""
        self._problems = problems

    def note(self, chain: Chain, height: int, behind: int, notice: str) -> None:
        """Remember how far a scanner came, and what people should know about it."""
        with self._lock:
            self._scanned[chain.id] = (height, behind, notice)

    def chains(self) -> Sequence[ChainStatus]:
        """One row a chain."""
        problems = self.problems()
        with self._lock:
            scanned = dict(self._scanned)
        rows = []
        for chain, (evidence, sources) in self._parts.items():
            height, behind, notice = scanned.get(chain, (-1, 0, ""))
            error = problems.get(chain, "")
            notes = f"{sources}; {notice}" if notice else sources
            rows.append(ChainStatus(chain, evidence, height, behind, "down" if error else "ok", error, notes))
        return rows

    def problems(self) -> Mapping[str, str]:
        """Last problem of every loop that has one."""
        return self._problems()


def scan_step(
    scanner: DepositScanner, store: SqlDepositStore, board: ChainBoard, now_s: Callable[[], int]
) -> Callable[[], object]:
    """Make the step that scans one chain; `now_s` reads a clock, seconds since 1970 UTC.

    Between two blocks only time and officers move a deposit: then it looks once in `REST_S`.
    """
    looked_s = -REST_S

    def step() -> object:
        nonlocal looked_s
        if time.monotonic() - looked_s < REST_S and not scanner.sees_news():
            return None
        progress = scanner.step(now_s())
        looked_s = time.monotonic()
        tip = store.scanned_tip(scanner.chain.id)
        cases = Counter(case.state.value for case in store.in_states(scanner.chain.id, OPEN_CASES))
        notes = [progress.paused, *(f"{count} {state}" for state, count in sorted(cases.items()))]
        board.note(scanner.chain, tip.height if tip else -1, progress.behind, "; ".join(filter(None, notes)))
        return progress

    return step


def sweep_step(sweeper: Sweeper, chain: Chain, deposits: SqlDepositStore) -> Callable[[], object]:
    """Make the step that sweeps deposit accounts which received something final and hold nothing set aside."""

    def step() -> object:
        positions = deposits.positions(chain.id)
        return sweeper.step(sorted(positions[text] for text in sweepable(deposits, chain.id) if text in positions))

    return step


def pay_step(pipeline: Pipeline, chain: ChainId, now_s: Callable[[], int]) -> Callable[[], bool]:
    """Make the step that pays on one chain; `now_s` reads a clock, seconds since 1970 UTC."""

    def step() -> bool:
        pipeline.pay(chain, now_s())
        return pipeline.is_gathering(chain)

    return step


def guarded_step(step: Callable[[], object], chain: Chain, breaker: FileBreaker) -> Callable[[], object]:
    """Make a step whose failed verification stops all signing on its chain, before the failure goes on."""

    def guarded() -> object:
        try:
            return step()
        except VerificationFailed as found:
            breaker.open(f"chain:{chain.id}", f"{found.code}: {found.message}")
            raise

    return guarded


def noted_watch(
    watch: Callable[[], object], chain: Chain, notes: HouseNotes, now_s: Callable[[], int]
) -> Callable[[], object]:
    """Make a watch of the wallets on chain tell the gates what it saw; `now_s` reads a clock, seconds since 1970."""

    def noted() -> object:
        try:
            seen = watch()
        except VerificationFailed as found:
            notes.note_contracts(chain.id, now_s(), found.message)
            raise
        notes.note_contracts(chain.id, now_s(), "")
        return seen

    return noted


def deposit_dust(deposits: SqlDepositStore, scale: AssetScale) -> int:
    """What the chain holds of an asset's deposits and nobody was credited with, in base units.

    The remainders below one quantum, whatever is too small to be credited at all, and what waits for officers;
    less what was credited, spent, and then left the chain. Negative if that is more.
    """
    found = [each for each in deposits.totals(scale.asset.chain) if each.asset == scale.asset.symbol]
    for each in found:
        invariant(each.quantum == scale.quantum, "deposits and books count in the same quantum", asset=each.asset)
    return sum(uncredited_units(each.state, each.units, each.rest) for each in found)
