"""The matching core beside a pure-Python peer, on the same streams in the same run.

    python -m benchmarks.engine_batch [--commands N] [--rounds N] [--json]

Rules: fresh state in every round, rounds interleaved, the first discarded, Python's collector off, process CPU time,
median with minimum and maximum; and no number unless every trade of both engines is the same.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

import numba
import numpy as np

from benchmarks import peers_lightmatching as peer
from benchmarks.streams import ACCOUNTS, DEEP, NEW, SHALLOW, Stream, StreamSpec, make_stream
from exchange.engine.codes import FIRST_CUSTOMER, Kind
from exchange.engine.commands import SetMarket, Transfer, pack_commands, pack_transfers
from exchange.engine.engine import Engine
from exchange.engine.records import CMD, Records
from exchange.engine.state import EngineConfig
from exchange.engine.views import MarketSpec

BATCH = 1_024
SEED = 7
FUNDS = 1 << 45
CONFIG = EngineConfig(max_accounts=FIRST_CUSTOMER + ACCOUNTS, max_assets=2, max_orders=1 << 19, max_markets=1)
MARKET = MarketSpec(market=0, base=0, quote=1, multiplier=10, lot=1_000)

Row = dict[str, Any]


def prepared_engine() -> tuple[Engine, int]:
    """An engine with one market and funded accounts, and the next sequence number."""
    engine = Engine(CONFIG)
    engine.apply_commands(pack_commands([SetMarket(MARKET)]), 1)
    funding = [
        Transfer(id=1 + 2 * n + asset, debit=0, credit=FIRST_CUSTOMER + n, ledger=asset, amount=FUNDS)
        for n in range(ACCOUNTS)
        for asset in (0, 1)
    ]
    engine.apply_transfers(pack_transfers(funding), 2)
    return engine, 2 + len(funding)


def commands_of(stream: Stream) -> Records:
    """The stream as CMD records; a first pass learns the handle of every order, as a gateway would."""
    batch = np.zeros(len(stream.kind), CMD)
    batch["kind"] = np.where(stream.kind == NEW, Kind.NEW, Kind.CANCEL)
    batch["side"], batch["price"], batch["qty"] = stream.side, stream.price, stream.qty
    batch["account"] = stream.account + FIRST_CUSTOMER
    batch["cmd_id"] = np.arange(len(batch))
    engine, first = prepared_engine()
    handles = np.zeros(len(batch), np.int64)
    for at in range(len(batch)):
        if stream.target[at] >= 0:
            batch[at]["ref"] = handles[stream.target[at]]
        event = engine.apply_commands(batch[at : at + 1], first + at).events[0]
        handles[at] = event["handle"] if event["order"] == first + at else 0
    return batch


def run_core(stream: Stream, batch: Records, size: int) -> tuple[float, str]:
    """Replay a stream in batches; CPU seconds of the measured part, and the digest of its trades."""
    engine, first = prepared_engine()
    for at in range(0, stream.warm_up, BATCH):
        engine.apply_commands(batch[at : min(at + BATCH, stream.warm_up)], first + at)
    starts = range(stream.warm_up, len(batch), size)
    started = time.process_time()
    outputs = [engine.apply_commands(batch[at : at + size], first + at) for at in starts]
    cpu_s = time.process_time() - started
    digest = hashlib.blake2b(digest_size=16)
    for output in outputs:
        for fill in output.fills:
            pair = (int(fill["seq"]) - first, int(fill["maker"]) - first, int(fill["price"]), int(fill["qty"]))
            digest.update(b"%d,%d,%d,%d;" % pair)
    return cpu_s, digest.hexdigest()


def measure(spec: StreamSpec, commands: int, rounds: int) -> Iterator[Row]:
    """Rows of the table for one stream."""
    stream = make_stream(spec, commands, SEED)
    batch = commands_of(stream)
    times: dict[str, list[float]] = {"core": [], "peer": []}
    raised = 0
    for round_number in range(rounds + 1):
        gc.collect()
        gc.disable()
        core_s, core_digest = run_core(stream, batch, BATCH)
        theirs = peer.run(stream)
        gc.enable()
        if core_digest != theirs.digest(stream.warm_up):
            sys.exit(f"{spec.name}: the trades differ, so there is nothing to compare")
        raised = theirs.raised
        if round_number > 0:
            times["core"].append(core_s)
            times["peer"].append(theirs.cpu_s)
    ratio = statistics.median(times["peer"]) / statistics.median(times["core"])
    notes = {"core": f"all holds, fees, checks; batches of {BATCH:,}", "peer": f"book only; raised {raised:,} times"}
    names = {"core": "mext core", "peer": "lightmatchingengine"}
    for key, seconds in times.items():
        rates = sorted(commands / second for second in seconds)
        yield {
            "stream": spec.name,
            "engine": names[key],
            "commands_per_s": round(statistics.median(rates)),
            "min": round(rates[0]),
            "max": round(rates[-1]),
            "ratio": round(ratio, 1) if key == "core" else 1.0,
            "note": notes[key],
        }


def machine() -> Row:
    """What the numbers were measured on."""
    return {
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "numba": numba.__version__,
        "numpy": np.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--commands", type=int, default=200_000, help="measured commands per stream")
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds; one more is discarded")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    asked = parser.parse_args()
    rows = [row for spec in (SHALLOW, DEEP) for row in measure(spec, asked.commands, asked.rounds)]
    if asked.json:
        print(json.dumps({"machine": machine(), "commands": asked.commands, "rows": rows}, indent=2))
        return
    print(" ".join(f"{key}={value}" for key, value in machine().items()))
    print(f"{'stream':<8} {'engine':<20} {'commands/s':>12} {'min':>12} {'max':>12} {'ratio':>7}  note")
    for row in rows:
        rates = " ".join(f"{row[key]:>12,}" for key in ("commands_per_s", "min", "max"))
        print(f"{row['stream']:<8} {row['engine']:<20} {rates} {row['ratio']:>6}x  {row['note']}")
    print("The ratio decides, not the absolute value. The peer carries no balances, and Python objects for each trade.")


if __name__ == "__main__":
    main()
