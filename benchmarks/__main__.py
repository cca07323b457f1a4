"""Every benchmark of the project, one after the other, each beside its peers in the same run.

python -m benchmarks
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys

MODULES = (
    ("startup", ()),
    ("engine_batch", ()),
    ("journal_durable", ()),
    ("reserves_tree", ()),
    ("treasury", ()),
    ("deposits", ()),
    ("policy", ()),
    ("addresses", ()),
    ("coins", ()),
    ("signing", ()),
    ("restart", ()),
    ("loop", ()),
)


def main() -> int:
    """Run all; the exit status is the number of benchmarks that did not run."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "numba"))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {load}, Python {platform.python_version()}, {versions}")
    failed = 0
    for module, arguments in MODULES:
        print(f"\n== {module}", flush=True)
        failed += (
            subprocess.run([sys.executable, "-m", f"benchmarks.{module}", *arguments], check=False).returncode != 0
        )
    return failed


if __name__ == "__main__":
    sys.exit(main())
