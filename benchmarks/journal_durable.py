"""Durable events per second: our journal beside SQLite, one commit per batch of the same records.

    python -m benchmarks.journal_durable [--seconds 2] [--folder .] [--json]

Three rows a batch size, interleaved, three rounds, after one that compiles:
    journal     frame, CRC, chain hash, write, fdatasync
    sequencer   the same, with de-duplication, numbering and the matching core behind it
    sqlite      executemany of the same 64-byte records as rows, one commit a batch, WAL, synchronous=FULL

Wall time, because the disk decides. A peer that keeps rows does more than a journal, and says less: no
chain, no order. The ratio on the same disk in the same run is the figure.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from exchange.engine.codes import Kind
from exchange.engine.commands import SetMarket, Transfer, pack_commands, pack_transfers
from exchange.engine.engine import Engine
from exchange.engine.records import CMD
from exchange.engine.state import EngineConfig
from exchange.engine.views import MarketSpec
from exchange.journal.format import RecordType
from exchange.journal.journal import Journal
from exchange.sequencer.sequencer import Sequencer

BATCHES = (1, 64, 1024, 8192)
ROUNDS = 3
STREAM_COMMANDS = 1 << 17

Commit = Callable[[np.ndarray], object]


def stream(size: int) -> Iterator[np.ndarray]:
    """Limit orders around one price, alternating sides, as batches of `size`; without end."""
    rng = np.random.default_rng(1)
    template = np.zeros(STREAM_COMMANDS, CMD)
    template["kind"], template["session"] = Kind.NEW, 1
    template["side"] = rng.integers(0, 2, STREAM_COMMANDS)
    template["account"] = 16 + template["side"]
    template["price"] = 1_000 + rng.integers(-5, 6, STREAM_COMMANDS)
    template["qty"] = rng.integers(1, 9, STREAM_COMMANDS)
    cmd_id = 1
    while True:
        for start in range(0, STREAM_COMMANDS, size):
            batch = template[start : start + size].copy()
            batch["cmd_id"] = np.arange(cmd_id, cmd_id + len(batch))
            cmd_id += len(batch)
            yield batch


def open_journal(folder: Path) -> tuple[Commit, Callable[[], None]]:
    journal = Journal.open(folder)
    list(journal.replay())
    return lambda batch: journal.append([(RecordType.CMD, batch.tobytes())]), journal.close


def open_sequencer(folder: Path) -> tuple[Commit, Callable[[], None]]:
    engine = Engine(EngineConfig(max_accounts=32, max_assets=2, max_orders=1 << 18, max_markets=1))
    sequencer = Sequencer.open(folder, engine, now_ns=time.time_ns)
    sequencer.submit_commands(pack_commands([SetMarket(MarketSpec(0, base=0, quote=1, multiplier=1))]))
    money = [Transfer(id=1 + a, debit=0, credit=16 + a, ledger=1 - a, amount=1 << 60) for a in (0, 1)]
    sequencer.submit_transfers(pack_transfers(money))
    return sequencer.submit_commands, sequencer.close


def open_sqlite(folder: Path) -> tuple[Commit, Callable[[], None]]:
    names = [name for name in CMD.names or () if name != "cmd_id"]
    database = sqlite3.connect(folder / "events.db", isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        database.execute(f"PRAGMA {pragma}")
    database.execute(f"CREATE TABLE events (seq INTEGER PRIMARY KEY, cmd_id INTEGER, {', '.join(names)})")
    statement = f"INSERT INTO events (cmd_id, {', '.join(names)}) VALUES ({', '.join('?' * (len(names) + 1))})"

    def commit(batch: np.ndarray) -> None:
        rows = zip(*(batch[name].tolist() for name in ("cmd_id", *names)), strict=True)
        database.execute("BEGIN IMMEDIATE")
        database.executemany(statement, rows)
        database.execute("COMMIT")

    return commit, database.close


CONTENDERS = {"journal": open_journal, "sequencer": open_sequencer, "sqlite": open_sqlite}


def measure(name: str, size: int, seconds: float, parent: Path) -> dict[str, float]:
    """Commit batches for so many seconds into a fresh folder."""
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-", dir=parent))
    commit, close = CONTENDERS[name](folder)
    times: list[float] = []
    batches = stream(size)
    try:
        gc.disable()
        total = 0.0
        while total < seconds:
            batch = next(batches)
            start = time.perf_counter()
            commit(batch)
            times.append(time.perf_counter() - start)
            total += times[-1]
    finally:
        gc.enable()
        close()
        shutil.rmtree(folder)
    times.sort()
    return {
        "events_per_s": len(times) * size / total,
        "p50_us": times[len(times) // 2] * 1e6,
        "p99_us": times[min(len(times) - 1, len(times) * 99 // 100)] * 1e6,
    }


def run(seconds: float, parent: Path) -> list[dict[str, object]]:
    """Measure all, interleaved; medians of the rounds with smallest and largest rate."""
    measure("sequencer", 64, 0.2, parent)  # compiles
    rounds = [
        {(size, name): measure(name, size, seconds, parent) for size in BATCHES for name in CONTENDERS}
        for _ in range(ROUNDS)
    ]
    table = []
    for size in BATCHES:
        for name in CONTENDERS:
            found = [each[size, name] for each in rounds]
            rates = [each["events_per_s"] for each in found]
            middle = {key: statistics.median(each[key] for each in found) for key in found[0]}
            table.append({"batch": size, "name": name, **middle, "min": min(rates), "max": max(rates)})
    return table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="per contender, batch size and round")
    parser.add_argument("--folder", type=Path, default=Path(), help="on the disk to be measured")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    table = run(options.seconds, options.folder)
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, SQLite {sqlite3.sqlite_version}"
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {versions}"
    if options.json:
        print(json.dumps({"machine": machine, "rows": table}))
        return
    print(machine)
    print(f"{'batch':>6} {'':<10} {'events/s':>11} {'min':>11} {'max':>11} {'p50 us':>9} {'p99 us':>9} {'x sqlite':>9}")
    peers = {row["batch"]: row["events_per_s"] for row in table if row["name"] == "sqlite"}
    for row in table:
        ratio = row["events_per_s"] / peers[row["batch"]]
        print(
            f"{row['batch']:>6} {row['name']:<10} {row['events_per_s']:>11,.0f} "
            f"{row['min']:>11,.0f} {row['max']:>11,.0f} {row['p50_us']:>9,.0f} {row['p99_us']:>9,.0f} {ratio:>9.1f}"
        )


if __name__ == "__main__":
    main()
