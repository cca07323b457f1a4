# Many lives one after the other, each from its own seed, so that one life replays what went wrong in it.
import sys
import tempfile
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

from simulators.crash_and_lie.life import Life
from simulators.crash_and_lie.truth import Violation

LIFE_STEPS = 250
RAM = Path("/dev/shm")


@dataclass(frozen=True)
class Found:
    """What went wrong, and where."""

    seed: int
    life: int
    step: int
    what: str

    @property
    def replay(self):
        return f"PYTHONPATH=tests .venv/bin/python -m simulators.crash_and_lie --seed {self.seed} --life {self.life}"


def live(seed, number, steps=LIFE_STEPS):
    # (counts, what went wrong or None)
    with tempfile.TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as folder:
        life, step = Life(seed, number, Path(folder)), 0
        try:
            for step in range(1, steps + 1):
                life.play(step)
            life.finish()
        except Violation as violation:
            return life.counts, Found(seed, number, step, str(violation))
        finally:
            life.house.close()
    return life.counts, None


def run(seed, steps, first=0, workers=1):
    # Counts of all lives, and the first violation found. Lives know nothing of each other: workers share them.
    jobs = [
        (seed, number, min(LIFE_STEPS, steps - (number - first) * LIFE_STEPS))
        for number in range(first, first + -(-steps // LIFE_STEPS))
    ]
    counts = Counter()
    with Pool(workers) if workers > 1 else nullcontext() as pool:
        for these, found in pool.imap(_live, jobs) if pool else map(_live, jobs):
            counts += these
            if found is not None:
                return counts, found
    return counts, None


def _live(job):
    return live(*job)


def say(text):
    sys.stdout.write(text + "\n")
