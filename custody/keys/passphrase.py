"""Passphrases and PINs come from a file or a descriptor, never from the command line, which every process can read.

Example:
    passphrase = read_passphrase(Path("/dev/fd/3"))
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from custody.primitives.errors import NotFound, Refused
from custody.primitives.secret import Secret

MAX_PASSPHRASE_BYTES = 1_024
MIN_PIN_BYTES = 4
"""A token counts wrong PINs and locks; nobody can guess at its file."""
MIN_PASSPHRASE_BYTES = 12
"""Below this, scrypt alone does not help."""


def read_passphrase(path: Path) -> Secret:
    """Read the first line of a file, a named pipe or /dev/fd/N.

    Raises:
        NotFound: No such file.
        Refused: Open to others, or the passphrase is shorter than 12 bytes or longer than 1,024.
    """
    return _read_line(path, "passphrase", MIN_PASSPHRASE_BYTES)


def read_pin(path: Path) -> Secret:
    """Read the PIN of a token from the first line of a file, a named pipe or /dev/fd/N.

    Raises:
        NotFound: No such file.
        Refused: Open to others, or the PIN is shorter than 4 bytes or longer than 1,024.
    """
    return _read_line(path, "PIN", MIN_PIN_BYTES)


def _read_line(path: Path, what: str, least: int) -> Secret:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFound(f"{path}: no {what} file", path=str(path)) from error
    except OSError as error:
        raise Refused(f"{path} cannot be opened: {error.strerror}", path=str(path)) from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Refused(f"{path} is open to others; chmod go= it", path=str(path))
        line = file.readline(MAX_PASSPHRASE_BYTES + 2)
    found = line.rstrip(b"\r\n")
    if not least <= len(found) <= MAX_PASSPHRASE_BYTES:
        raise Refused(f"{path}: a {what} has {least} to {MAX_PASSPHRASE_BYTES} bytes")
    return Secret(found)
