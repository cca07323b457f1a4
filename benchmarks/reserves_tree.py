"""Liability trees in plain Python: building, cutting proofs, verifying them, against a full recompute.

    python -m benchmarks.reserves_tree [--leaves N] [--rounds N] [--json]

Rules: one asset, every leaf another customer; Python's collector off; process CPU time; rounds repeated, median with
minimum and maximum; no number unless every proof of the sample verifies and the total is the control account's.

The peer in the same run is the full recompute: what a customer without proofs, or an auditor with the extract, does.
Not measured here: the browser, the network, several assets (they add up).
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable

from custody.primitives.secret import Secret
from custody.reserves.builder import (
    BuildPlan,
    BuiltStatement,
    LiabilityRow,
    LiabilitySnapshot,
    build_statement,
    cut_user_proof,
)
from custody.reserves.statement import Header, HeaderAsset, LedgerPoint
from custody.reserves.verify import verify_proof

ASSET = "ledger:example.com/btc"
MASTER = Secret(bytes(range(32)))
HEADER = Header("example.com", 1, "2026-01-31T00:00:00Z", LedgerPoint(1, "aa" * 32), (HeaderAsset(ASSET, 8),), ())
SAMPLE = 200

Timing = dict[str, float]


def snapshot_of(leaves: int) -> LiabilitySnapshot:
    """So many customers with different balances."""
    rows = tuple(LiabilityRow(0, f"user{n}@example.com", 10**8 + n) for n in range(leaves))
    return LiabilitySnapshot(1, "aa" * 32, rows, (sum(row.units for row in rows),))


def timed(work: Callable[[], object], rounds: int) -> Timing:
    """CPU seconds of a piece of work."""
    samples = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        samples.append(time.process_time() - started)
    return {"median": statistics.median(samples), "min": min(samples), "max": max(samples)}


def sample_proofs(built: BuiltStatement, leaves: int) -> list[tuple[str, int, bytes]]:
    """Proofs of customers spread over the tree."""
    chosen = range(0, leaves, max(1, leaves // SAMPLE))
    names = [(f"user{n}@example.com", 10**8 + n) for n in chosen]
    return [(name, units, json.dumps(cut_user_proof(built, name)).encode()) for name, units in names]


def measure(leaves: int, rounds: int) -> dict[str, object]:
    """All figures of one size."""
    snapshot = snapshot_of(leaves)
    plan = BuildPlan(height_floor=1)
    built = build_statement(snapshot, HEADER, MASTER, plan=plan)
    digest = built.statement.digest.hex()
    proofs = sample_proofs(built, leaves)

    def verify_all() -> None:
        for name, units, raw in proofs:
            if verify_proof(raw, name, {ASSET: units}, digest).code != "verified":
                raise SystemExit(f"{name} does not verify")

    verify_all()
    build = timed(lambda: build_statement(snapshot, HEADER, MASTER, plan=plan), rounds)
    verify = timed(verify_all, rounds)
    cut = timed(lambda: sample_proofs(built, leaves), rounds)
    one_proof_s = verify["median"] / len(proofs)
    return {
        "leaves": leaves,
        "height": built.trees[0].sums.root.height,
        "build_s": build,
        "leaves_per_s": int(leaves / build["median"]),
        "verify_one_us": round(one_proof_s * 1e6, 1),
        "cut_one_us": round(cut["median"] / len(proofs) * 1e6, 1),
        "proof_bytes": max(len(raw) for _, _, raw in proofs),
        "recompute_over_one_proof": int(build["median"] / one_proof_s),
    }


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--leaves", type=int, default=1 << 17)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    gc.disable()
    row = measure(options.leaves, options.rounds)
    print(json.dumps(row) if options.json else "\n".join(f"{key:26} {value}" for key, value in row.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
