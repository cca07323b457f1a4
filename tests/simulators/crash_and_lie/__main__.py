# python -m simulators.crash_and_lie --seed 1 --steps 10000
import argparse
import sys
import time

from simulators.crash_and_lie.points import POINTS
from simulators.crash_and_lie.run import LIFE_STEPS, run, say


def main():
    parser = argparse.ArgumentParser(description="The withdrawal pipeline in a simulated world that crashes and lies.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--life", type=int, help="replay this one life")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the lives")
    given = parser.parse_args()
    steps = LIFE_STEPS if given.life is not None else given.steps
    started = time.monotonic()
    counts, found = run(given.seed, steps, given.life or 0, given.workers)
    say(f"crash and lie (simulated chain, signers, disk): seed {given.seed}, {steps} steps")
    for point, text in POINTS.items():
        say(f"  killed at {point:2d}  {text:40} {counts.pop(f'killed at {point:2d}', 0):7d}")
    for name in sorted(counts):
        say(f"  {name:54} {counts[name]:7d}")
    say(f"  {time.monotonic() - started:.0f} s")
    if found is not None:
        say(f"VIOLATION in life {found.life}, step {found.step}: {found.what}")
        say(f"replay: {found.replay}")
        return 1
    say("  0 double payments, 0 imbalance")
    return 0


if __name__ == "__main__":
    sys.exit(main())
