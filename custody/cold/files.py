"""What travels to and from a cold room: one canonical JSON file a thing, named by the SHA-256 of its bytes.

Rules:
    * The digest is that of the whole file: any tool that hashes files shows the same number on the other side.
    * What a file says is shown without anything that could change the screen around it.
    * A file says what it is in "format"; another kind, another version or a second spelling is refused.

Example:
    groups(file_digest(raw))    # "b3a1 90ff ..."
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from custody.keys.strict_json import Fields, parse_canonical
from custody.primitives.encoding import Json, canonical_json
from custody.primitives.errors import Conflict, MalformedPayload, NotFound
from custody.primitives.ids import Digest

MAX_FILE_BYTES = 20 << 20
"""A PSBT of the largest size in hex, and room for intents and approvals."""
_GROUP = 4


def file_digest(raw: bytes) -> Digest:
    """SHA-256 of a file's bytes."""
    return Digest(hashlib.sha256(raw).digest())


def groups(digest: bytes) -> str:
    """Write a digest in groups of four hex digits, for people who compare two screens.

    >>> groups(bytes.fromhex("00112233445566ff"))
    '0011 2233 4455 66ff'
    """
    text = digest.hex()
    return " ".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def plain(text: str) -> str:
    r"""Make a text from a file safe for a screen: what could move the cursor or turn the line is a question mark.

    >>> plain("ann\x1b[2J\nverdict")
    'ann?[2J?verdict'
    """
    return "".join(each if each.isascii() and each.isprintable() else "?" for each in text)


def read_file(path: Path) -> bytes:
    """Read a file that came in on a medium.

    Raises:
        NotFound: No such file, or it cannot be read.
        MalformedPayload: Longer than any file of ours.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror or 'cannot be read'}", path=str(path)) from error
    if len(raw) > MAX_FILE_BYTES:
        raise MalformedPayload(f"{path}: longer than {MAX_FILE_BYTES} bytes", path=str(path))
    return raw


def write_out(path: Path, raw: bytes) -> None:
    """Write a file that goes out on a medium, synced; a file that is there is left, and must be the same.

    Raises:
        Conflict: Another file has the name.
        NotFound: The folder is not there or takes no file.
    """
    try:
        with path.open("xb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        if path.read_bytes() != raw:
            raise Conflict(f"{path} exists already and is not overwritten", path=str(path)) from error
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror or 'cannot be written'}", path=str(path)) from error


def open_document(raw: bytes, kind: str, what: str) -> Fields:
    """Parse a file of one kind.

    Raises:
        MalformedPayload: Not canonical JSON, or of another kind or version.
    """
    fields = Fields(parse_canonical(raw, MAX_FILE_BYTES, what), what)
    if fields.text("format") != kind:
        raise MalformedPayload(f"{what}: format {fields.text('format')[:40]!r}, not {kind}")
    return fields


def document(kind: str, fields: dict[str, Json]) -> bytes:
    """Write a file of one kind."""
    return canonical_json({"format": kind, **fields})
