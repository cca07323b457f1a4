"""Files and folders that the command line makes where the user says.

Example:
    write_file(Path("treasury.svg"), drawing)
"""

from __future__ import annotations

from pathlib import Path

from custody.primitives.errors import InvalidInput


class NotWritable(InvalidInput):
    """The file or folder that was asked for cannot be made."""

    code = "not_writable"


def write_file(path: Path, text: str) -> None:
    """Write a text file, or say in one line why not.

    Raises:
        NotWritable: No such folder, no permission, a full disk.
    """
    try:
        path.write_text(text)
    except OSError as error:
        raise NotWritable(f"{path}: {error.strerror or 'cannot be written'}", path=str(path)) from error


def make_folder(path: Path) -> None:
    """Make a folder where there is none, or say in one line why not.

    Raises:
        NotWritable: A file is in the way, no permission, a full disk.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotWritable(f"{path}: {error.strerror or 'cannot be made'}", path=str(path)) from error
