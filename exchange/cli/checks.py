"""What a machine needs for the local loop: one line a check, with the cure beside it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from custody.devnet.anvil import find_anvil
from custody.devnet.knots import KNOTS
from custody.devnet.litecoin import LITECOIN

MIN_FREE_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the machine: its name, whether it holds, and the cure if not."""

    name: str
    holds: Callable[[], bool]
    cure: str


CHECKS = (
    Check("Python 3.11 or 3.12", lambda: (3, 11) <= sys.version_info[:2] < (3, 13), "install python3.11"),
    Check("Bitcoin Knots", lambda: KNOTS.find() is not None, "python -m custody.devnet.knots install"),
    Check("Litecoin Core", lambda: LITECOIN.find() is not None, "python -m custody.devnet.litecoin install"),
    Check("anvil", lambda: find_anvil() is not None, "npm ci --ignore-scripts"),
    Check("Solana VM", lambda: find_spec("solders") is not None, "uv sync"),
    Check("second library for Bitcoin", lambda: find_spec("bitcoinlib") is not None, "uv sync --extra crosscheck"),
    Check("2 GiB of disk", lambda: shutil.disk_usage(Path.cwd()).free > MIN_FREE_BYTES, "free some space"),
)


def run_checks() -> int:
    """Print every check; return the exit code: 0 if all hold, 7 (configuration) otherwise."""
    failed = 0
    for check in CHECKS:
        holds = check.holds()
        failed += not holds
        print(f"{'ok  ' if holds else 'MISS'} {check.name}" + ("" if holds else f"   cure: {check.cure}"))
    return 7 if failed else 0
