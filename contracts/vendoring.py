"""The library files that our contracts need, copied from a pinned release.

``python -m contracts.vendoring`` copies them from ``node_modules`` and writes the list of hashes;
with ``--check`` it compares instead and ends with status 1 on a difference. Nobody edits the copies.

Only the files that are imported, directly or not, are copied. The npm package carries no licence
text; it stands beside the copies in ``LICENSE``.
"""

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path

from contracts.sources import (
    LIBRARY_FOLDER,
    REPOSITORY,
    imports_of,
    own_units,
    resolve_import,
)

LIBRARY_VERSION = "5.7.0"
RELEASE = REPOSITORY / "node_modules" / "@openzeppelin" / "contracts"
VENDOR = REPOSITORY / LIBRARY_FOLDER
HASH_LIST = "SHA256SUMS"


def needed_files(release: Path = RELEASE) -> tuple[str, ...]:
    """List the library files that our sources reach, as paths inside the library, sorted.

    Args:
        release: Folder of the unpacked npm package.

    Raises:
        FileNotFoundError: an imported file is not in the release.
    """
    own = own_units()
    waiting = [
        target
        for unit in own
        for path in imports_of((REPOSITORY / unit).read_text(encoding="utf-8"))
        if (target := resolve_import(unit, path)).startswith(LIBRARY_FOLDER)
    ]
    found: set[str] = set()
    while waiting:
        unit = waiting.pop()
        name = unit.removeprefix(LIBRARY_FOLDER)
        if name in found:
            continue
        found.add(name)
        text = (release / name).read_text(encoding="utf-8")
        waiting.extend(resolve_import(unit, path) for path in imports_of(text))
    return tuple(sorted(found))


def hash_list(folder: Path = VENDOR) -> str:
    """Hash the copied files.

    Args:
        folder: Folder of the copies.

    Returns:
        Lines as ``sha256sum`` writes them, sorted by path.
    """
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.sol"))
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    return "".join(lines)


def differences(release: Path = RELEASE, folder: Path = VENDOR) -> list[str]:
    """Compare the copies with the release and with the hash list.

    Args:
        release: Folder of the unpacked npm package.
        folder: Folder of the copies.

    Returns:
        One sentence per difference; empty if the copies are faithful.
    """
    problems = []
    version = json.loads((release / "package.json").read_text(encoding="utf-8"))["version"]
    if version != LIBRARY_VERSION:
        problems.append(f"the release is {version}, the copies are {LIBRARY_VERSION}")
    needed = set(needed_files(release))
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*.sol")}
    problems += [f"{name} is not needed" for name in sorted(present - needed)]
    problems += [f"{name} is missing" for name in sorted(needed - present)]
    problems += [
        f"{name} differs from the release"
        for name in sorted(needed & present)
        if (folder / name).read_bytes() != (release / name).read_bytes()
    ]
    if (folder / HASH_LIST).read_text(encoding="utf-8") != hash_list(folder):
        problems.append(f"{HASH_LIST} does not match the files")
    return problems


def copy_library(release: Path = RELEASE, folder: Path = VENDOR) -> int:
    """Copy the needed files and write version and hash list.

    Args:
        release: Folder of the unpacked npm package.
        folder: Folder of the copies; sources no longer needed are removed.

    Returns:
        Number of copied sources.
    """
    names = needed_files(release)
    for old in folder.rglob("*.sol"):
        old.unlink()
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(release / name, folder / name)
    (folder / "VERSION").write_text(f"{LIBRARY_VERSION}\n", encoding="utf-8")
    (folder / HASH_LIST).write_text(hash_list(folder), encoding="utf-8")
    return len(names)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m contracts.vendoring", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="compare, change nothing")
    if parser.parse_args(arguments).check:
        problems = differences()
        sys.stdout.writelines(f"{problem}\n" for problem in problems)
        return 1 if problems else 0
    sys.stdout.write(f"{copy_library()} files\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
