"""Files and folders that only their owner may read: written atomically, checked at every reading.

Rules:
    * Files 0600, folders 0700; anything wider, a symbolic link, or another owner is refused.
    * A new file appears whole or not at all, synced to the disk before the call returns.

Example:
    make_private_folder(home)
    write_new_private(home / "keystore.json", raw)
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from custody.primitives.errors import Conflict, MalformedPayload, NotFound, Refused

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private_folder(path: Path) -> None:
    """Create a folder with mode 0700, or accept an existing one that is already so.

    Raises:
        Refused: It exists, but is not a folder of ours closed to everybody else.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    require_private_folder(path)


def require_private_folder(path: Path) -> None:
    """Check a folder.

    Raises:
        NotFound: It does not exist.
        Refused: Not a folder, owned by another user, or open to others.
    """
    try:
        status = path.lstat()
    except FileNotFoundError as error:
        raise NotFound(f"{path}: no such folder", path=str(path)) from error
    if not stat.S_ISDIR(status.st_mode):
        raise Refused(f"{path} is not a folder", path=str(path))
    _require_ours(path, status)


def read_private(path: Path, max_bytes: int) -> bytes:
    """Read a small file that only we may read.

    Raises:
        NotFound: No such file.
        Refused: A link, not a plain file, owned by another user, or open to others.
        MalformedPayload: Longer than `max_bytes`.
    """
    try:
        # Without O_NONBLOCK a named pipe in place of the file would hold us for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFound(f"{path}: no such file", path=str(path)) from error
    except OSError as error:
        raise Refused(f"{path} cannot be opened: {error.strerror}", path=str(path)) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Refused(f"{path} is not a plain file", path=str(path))
        _require_ours(path, status)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            raw = file.read(max_bytes + 1)
    finally:
        os.close(descriptor)
    if len(raw) > max_bytes:
        raise MalformedPayload(f"{path}: longer than {max_bytes} bytes", path=str(path))
    return raw


def write_new_private(path: Path, raw: bytes) -> None:
    """Create a file with mode 0600.

    Raises:
        Conflict: Something exists there already.
    """
    draft = _write_draft(path, raw)
    try:
        os.link(draft, path)  # unlike rename, a link never replaces
    except FileExistsError as error:
        raise Conflict(f"{path} exists already and is not overwritten", path=str(path)) from error
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def replace_private(path: Path, raw: bytes) -> None:
    """Replace a file atomically, mode 0600: a reader sees the old or the new content, never a mix."""
    _write_draft(path, raw).rename(path)
    _sync_folder(path.parent)


def _write_draft(path: Path, raw: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(descriptor)
    return draft


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_ours(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise Refused(f"{path} belongs to another user", path=str(path))
    if status.st_mode & _OTHERS:
        raise Refused(f"{path} is open to others (mode {stat.S_IMODE(status.st_mode):o}); chmod go= it", path=str(path))
