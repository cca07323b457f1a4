"""Solidity sources and what they import, named as the compiler names them.

A source unit is named by its path in the repository, such as ``contracts/src/MEXT.sol``. The name
enters the metadata hash at the end of the bytecode, so every builder must use the same names.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE_FOLDER = "contracts/src"
LIBRARY_PREFIX = "@openzeppelin/contracts/"
LIBRARY_FOLDER = "contracts/vendor/openzeppelin/"
REMAPPINGS = (f"{LIBRARY_PREFIX}={LIBRARY_FOLDER}",)

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_IMPORT = re.compile(r"""^\s*import\b[^;"']*["']([^"']+)["']\s*;""", re.MULTILINE)


def imports_of(text: str) -> Iterator[str]:
    """Yield the paths that a source imports, as they are written.

    Args:
        text: Solidity source.
    """
    yield from _IMPORT.findall(_COMMENT.sub("", text))


def resolve_import(importer: str, path: str) -> str:
    """Name the unit that an import leads to.

    Args:
        importer: Unit that holds the import.
        path: The path as written: relative, or below the library prefix.

    Returns:
        Unit name, a path in the repository.
    """
    if path.startswith("."):
        return posixpath.normpath(posixpath.join(posixpath.dirname(importer), path))
    if path.startswith(LIBRARY_PREFIX):
        return LIBRARY_FOLDER + path.removeprefix(LIBRARY_PREFIX)
    return path


def own_units(root: Path = REPOSITORY) -> tuple[str, ...]:
    """List our own source units, sorted.

    Args:
        root: Folder of the repository.
    """
    return tuple(sorted(p.relative_to(root).as_posix() for p in (root / SOURCE_FOLDER).rglob("*.sol")))


def read_units(units: tuple[str, ...], root: Path = REPOSITORY) -> dict[str, str]:
    """Read units and everything they import.

    Args:
        units: Units to start from.
        root: Folder of the repository.

    Returns:
        Text by unit name, sorted by name.

    Raises:
        FileNotFoundError: an imported unit does not exist.
    """
    texts: dict[str, str] = {}
    waiting = list(units)
    while waiting:
        unit = waiting.pop()
        if unit in texts:
            continue
        texts[unit] = (root / unit).read_text(encoding="utf-8")
        waiting.extend(resolve_import(unit, path) for path in imports_of(texts[unit]))
    return dict(sorted(texts.items()))
