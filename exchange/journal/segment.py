"""Segment files: their names, their birth, and cutting a torn tail.

Rules:
    * A segment appears under its name only when its header is durable: made as *.tmp, synced, renamed,
      folder synced. A crash in between leaves a *.tmp that the next start removes.
    * The name is the first sequence number, zero-padded, so that names sort as sequences do.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from custody.primitives.errors import MalformedPayload
from exchange.journal.errors import JournalDamaged
from exchange.journal.format import SegmentHeader

SUFFIX = ".journal"
_NAME_DIGITS = 20  # a u64 in decimal


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment file and its verified header."""

    path: Path
    header: SegmentHeader


def list_segments(folder: Path) -> list[Path]:
    """Return the segment files, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def first_seq_of(path: Path) -> int:
    """Read the first sequence number from a segment's name.

    Raises:
        JournalDamaged: The name is not that of a segment.
    """
    digits = path.name.removesuffix(SUFFIX)
    if len(digits) != _NAME_DIGITS or not (digits.isascii() and digits.isdecimal()):
        raise JournalDamaged(f"{path.name}: not the name of a segment", segment=path.name, offset=0)
    return int(digits)


def read_segment(path: Path) -> tuple[Segment, bytes]:
    """Read a whole segment and check its header.

    Raises:
        JournalDamaged: The header does not verify or does not fit the name.
    """
    content = path.read_bytes()
    try:
        header = SegmentHeader.decode(content)
    except MalformedPayload as error:
        raise JournalDamaged(f"{path.name}: {error.message}", segment=path.name, offset=0) from error
    if header.before.seq + 1 != first_seq_of(path):
        raise JournalDamaged(f"{path.name}: header starts at another seq", segment=path.name, offset=0)
    return Segment(path, header), content


def create_segment(folder: Path, header: SegmentHeader, size_bytes: int) -> Path:
    """Make a new, empty, durable segment.

    Raises:
        OSError: The disk is full or failing; the caller stops.
    """
    path = folder / f"{header.before.seq + 1:0{_NAME_DIGITS}d}{SUFFIX}"
    unfinished = path.with_suffix(".tmp")
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(descriptor, header.encode(), 0)
        os.posix_fallocate(descriptor, 0, size_bytes)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    unfinished.rename(path)
    sync_folder(folder)
    return path


def remove_unfinished(folder: Path) -> None:
    """Remove what a crash left half made; no such file was ever part of the journal."""
    for path in folder.glob("*.tmp"):
        path.unlink()


def cut_tail(path: Path, offset: int) -> None:
    """Cut a segment at an offset and make the cut durable before anything is written behind it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.ftruncate(descriptor, offset)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
