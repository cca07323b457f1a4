"""Makes the compiler from npm known to the tools: ``python -m contracts.toolchain``, once per checkout.

``ape`` looks for compilers in the folder that ``SOLCX_BINARY_PATH`` names. This command puts one there,
below ``.build``, and leaves a line in the virtual environment that sets the variable, so that a plain
``ape test`` finds it. Without that folder the line does nothing, and ``ape`` fetches a native compiler.
``forge`` needs nothing of this; its configuration names the compiler.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

from contracts.build import COMPILER
from contracts.sources import REPOSITORY

COMPILER_VERSION = "0.8.37"
BINARY_FOLDER = REPOSITORY / ".build" / "solcx"
START_FILE = "mext_solc.pth"
VERSION_TIMEOUT_S = 60


class WrongCompiler(Exception):
    """The compiler did not answer, or is not the pinned version."""


def verify_compiler() -> None:
    """Ask the compiler for its version.

    Raises:
        WrongCompiler: no answer, or another version than `COMPILER_VERSION`.
    """
    result = subprocess.run(  # noqa: S603 - fixed program, no shell
        [str(COMPILER), "--version"],
        capture_output=True,
        text=True,
        timeout=VERSION_TIMEOUT_S,
        check=False,
    )
    if result.returncode != 0 or f"Version: {COMPILER_VERSION}+" not in result.stdout:
        answer = (result.stderr or result.stdout).strip()
        raise WrongCompiler(f"{COMPILER} is not solc {COMPILER_VERSION}: {answer}")


def link_compiler(folder: Path = BINARY_FOLDER) -> Path:
    """Put the compiler where `ape` looks, under the name it expects.

    Args:
        folder: Folder for `SOLCX_BINARY_PATH`.

    Returns:
        The link.
    """
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / f"solc-v{COMPILER_VERSION}"
    link.unlink(missing_ok=True)
    link.symlink_to(COMPILER)
    return link


def announce_compiler(site_packages: Path, folder: Path = BINARY_FOLDER) -> Path:
    """Leave a line that the interpreter runs at each start and that sets the variable.

    Args:
        site_packages: Folder of the virtual environment's packages.
        folder: Folder for `SOLCX_BINARY_PATH`.

    Returns:
        The file.
    """
    start_file = site_packages / START_FILE
    line = (
        f"import os; os.path.isdir({str(folder)!r}) and os.environ.setdefault('SOLCX_BINARY_PATH', {str(folder)!r})\n"
    )
    start_file.write_text(line, encoding="utf-8")
    return start_file


def main() -> int:
    """Prepare this checkout and this virtual environment."""
    try:
        verify_compiler()
    except WrongCompiler as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    link = link_compiler()
    start_file = announce_compiler(Path(sysconfig.get_path("purelib")))
    sys.stdout.write(f"solc {COMPILER_VERSION}: {link}, announced in {start_file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
