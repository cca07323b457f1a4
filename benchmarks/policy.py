"""The policy on its hot path: one decision under 500 rules, one look-up among 100,000 trusted places.

    python -m benchmarks.policy [--rules N] [--anchors N] [--rounds N] [--seed N] [--json]

Rules: every decision and look-up is timed by itself; the figures are percentiles of all of them. Both are pure and
wait for nothing but the processor: the goals are for processor time ("work"). The clock on the wall, which on a
busy machine counts the waiting for it too, stands beside. The 500 rules name nine assets, two of three have limits
over a window, so that a decision also hashes hundreds of measured sums; a ninth of all apply. Destinations are
drawn one third anywhere, one third with the ends of an anchor, one third an anchor with one wrong character. The
peer is the plain way: comparing a destination with every anchor.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from time import perf_counter_ns, thread_time_ns

from custody.compliance.look_alikes import ENDS, EVERYBODY, LookAlikes
from custody.compliance.port import ScreeningVerdict
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.withdrawals.facts import Ask, Circumstances, Destination, DestinationKind, Facts, Kind, Scope, Tier
from custody.withdrawals.policy import decide, required_usage
from custody.withdrawals.rules import Effect, Group, Limit, Match, Policy, Rule

GOALS_MS = {"decide": 10.0, "look_alike": 5.0}
CHAIN = ChainId("bench")
ASSETS = tuple(Asset(f"C{number}", 8, CHAIN) for number in range(9))
OFFICERS = Group("officers", frozenset({"ann", "bob", "cid"}), 2)
PEER_ROUNDS = 5
HEX = "0123456789abcdef"


def policy_of(rules: int) -> Policy:
    """Rules by asset and size, most of them with a limit of their own window."""
    made = tuple(
        Rule(
            f"rule-{number}",
            Effect.PERMIT,
            Match(
                kinds=frozenset({Kind.CUSTOMER}), assets=frozenset({ASSETS[number % 9].symbol}), min_units=number * 10
            ),
            groups=(OFFICERS,) if number % 5 == 0 else (),
            limits=(Limit(tuple(Scope)[number % 6], 3_600 + number, max_units=10**15),) if number % 3 else (),
        )
        for number in range(rules)
    )
    return Policy(1, made, {CHAIN: 10_000})


def address(drawing: random.Random) -> str:
    """A text with the form of an EVM address."""
    return "0x" + "".join(drawing.choices(HEX, k=40))


def asked(drawing: random.Random, anchors: Sequence[str], number: int) -> str:
    """One third anywhere, one third poisoned, one third mistyped."""
    anchor = drawing.choice(anchors)
    if number % 3 == 1:
        return anchor[: 2 + ENDS] + address(drawing)[2 + ENDS : -ENDS] + anchor[-ENDS:]
    if number % 3 == 2:
        at = drawing.randrange(2, len(anchor))
        return anchor[:at] + drawing.choice(HEX.replace(anchor[at], "")) + anchor[at + 1 :]
    return address(drawing)


def timed(rounds: int, action: Callable[[int], object]) -> dict[str, float]:
    """Percentiles of milliseconds: on the wall, and of this thread's work."""
    wall, work = [], []
    for number in range(rounds):
        start, busy = perf_counter_ns(), thread_time_ns()
        action(number)
        work.append((thread_time_ns() - busy) / 1e6)
        wall.append((perf_counter_ns() - start) / 1e6)
    return {**percentiles(wall), "p99 work": percentiles(work)["p99"]}


def percentiles(times: list[float]) -> dict[str, float]:
    """p50, p99 and the longest."""
    ordered = sorted(times)
    places = {"p50": len(ordered) // 2, "p99": len(ordered) * 99 // 100, "max": len(ordered) - 1}
    return {name: round(ordered[place], 4) for name, place in places.items()}


def decisions(rules: int, rounds: int) -> dict[str, float]:
    """Decide a request of every asset in turn, with every sum measured."""
    policy, known = policy_of(rules), Circumstances("alice", 1, Tier.HOT, Destination(DestinationKind.ONE_TIME))
    asks = [
        Ask(f"wd-{a.symbol}", Kind.CUSTOMER, "alice", "alice", Address(CHAIN, "dest"), Amount(10**6, a), "")
        for a in ASSETS
    ]
    facts = [
        Facts(1_000, known, ScreeningVerdict.CLEAR, dict.fromkeys(required_usage(ask, known, policy), 7))
        for ask in asks
    ]
    return timed(rounds, lambda number: decide(asks[number % 9], facts[number % 9], policy))


def look_ups(anchors: list[str], rounds: int, drawing: random.Random) -> tuple[dict[str, float], ...]:
    """Fill an index, measure its memory and its look-ups, and the plain way beside it."""
    tracemalloc.start()
    index = LookAlikes()
    for number, text in enumerate(anchors):
        index.add(text, EVERYBODY, number)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    start = perf_counter_ns()
    again = LookAlikes()
    for number, text in enumerate(anchors):
        again.add(text, EVERYBODY, number)
    filled_s = (perf_counter_ns() - start) / 1e9
    wanted = [asked(drawing, anchors, number) for number in range(rounds)]
    missed = sum(index.find(text, "alice") is None for number, text in enumerate(wanted) if number % 3)
    times = timed(rounds, lambda number: index.find(wanted[number], "alice"))
    plain = timed(PEER_ROUNDS, lambda number: [each for each in anchors if _close(each, wanted[number])])
    return {"memory_mib": round(used / 2**20, 1), "fill_s": round(filled_s, 2), "missed": missed}, times, plain


def _close(one: str, other: str) -> bool:
    ends = (one[2 : 2 + ENDS], one[-ENDS:]) == (other[2 : 2 + ENDS], other[-ENDS:])
    return ends or sum(a != b for a, b in zip(one, other, strict=True)) <= 1


def main() -> int:
    """Print percentiles beside their goals; status 1 if one is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rules", type=int, default=500)
    parser.add_argument("--anchors", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    drawing = random.Random(options.seed)
    anchors = [address(drawing) for _ in range(options.anchors)]
    about, found, plain = look_ups(anchors, options.rounds, drawing)
    rows = {
        "decide": decisions(options.rules, options.rounds),
        "look_alike": found,
        "look_alike, comparing with all (peer)": plain,
    }
    held = all(rows[name]["p99 work"] <= goal for name, goal in GOALS_MS.items()) and not about["missed"]
    if options.json:
        print(json.dumps({"rows": rows, "index": about, "goals_ms": GOALS_MS, "goals_held": held}))
        return 0 if held else 1
    print(f"{options.rules} rules, {options.anchors:,} anchors, {options.rounds:,} rounds, milliseconds")
    for name, row in rows.items():
        print(f"{name:<40}" + "".join(f"{label} {value:>9,.4f}   " for label, value in row.items()))
    print(f"index: {about['memory_mib']} MiB, filled in {about['fill_s']} s, {about['missed']} look-alikes missed")
    print(f"goals, p99 work: {GOALS_MS}: {'held' if held else 'MISSED'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
