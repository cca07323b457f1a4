"""The whole loop once, as a user runs it: steps, and request to broadcast per chain.

    python -m benchmarks.loop [--json]

No peer does the same thing, so none stands beside it; the goals are the project's own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

GOAL_BROADCAST_S = 3
GOAL_LOOP_S = 120


def main() -> int:
    """Run the loop and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    started = time.perf_counter()
    command = [sys.executable, "-m", "exchange.cli", "demo", "--json"]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    took_s = time.perf_counter() - started
    found = json.loads(done.stdout)
    slowest = max((row["request_to_broadcast_s"] or 10**9 for row in found["chains"]), default=10**9)
    held = found["ok"] and slowest < GOAL_BROADCAST_S and took_s < GOAL_LOOP_S
    if options.json:
        print(json.dumps({"ok": found["ok"], "seconds": took_s, "chains": found["chains"], "goal_held": held}))
        return 0
    for step in found["steps"]:
        print(f"{step['seconds']:>8.2f} s  {step['name']}")
    for row in found["chains"]:
        print(f"{row['chain']:<16} request to broadcast {row['request_to_broadcast_s']} s   ({row['evidence']})")
    print(f"whole loop {took_s:.0f} s")
    print(f"goals: broadcast below {GOAL_BROADCAST_S} s, loop below {GOAL_LOOP_S} s: {'held' if held else 'MISSED'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
