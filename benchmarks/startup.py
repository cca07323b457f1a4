"""How long a person waits for `mext --help`, beside the bare interpreter and the bare command-line library.

python -m benchmarks.startup [--rounds N] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

GOAL_MS = 300
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import typer'": [sys.executable, "-c", "import typer"],
    "mext --help": [sys.executable, "-m", "exchange.cli", "--help"],
}


def once_ms(command: list[str]) -> float:
    """Wall time of one run in milliseconds."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return (time.perf_counter() - started) * 1_000


def main() -> int:
    """Interleave the commands, drop the first round, print medians with their spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(options.rounds + 1):
        for name, command in COMMANDS.items():
            times[name].append(once_ms(command))
    rows = {
        name: {
            "median_ms": round(statistics.median(found[1:])),
            "min_ms": round(min(found[1:])),
            "max_ms": round(max(found[1:])),
        }
        for name, found in times.items()
    }
    held = rows["mext --help"]["median_ms"] < GOAL_MS
    if options.json:
        print(json.dumps({"rows": rows, "goal_ms": GOAL_MS, "goal_held": held}))
    else:
        for name, row in rows.items():
            print(f"{name:<28} {row['median_ms']:>6} ms  ({row['min_ms']}-{row['max_ms']})")
        print(f"goal: mext --help below {GOAL_MS} ms: {'held' if held else 'MISSED'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
