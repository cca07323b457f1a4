"""Snapshots: the whole state at one position, so that recovery need not start at the beginning.

    magic 8s | version u32 | header length u32 | header (canonical JSON) | arrays in NPY form | digest 32 B

The header names the position, the engine version and the arrays in order; the digest is BLAKE2b-256 of
everything before it. A snapshot is an optimisation, never the truth: one that does not verify is
passed over, and one that the journal's chain contradicts is refused.

Rules:
    * Made as *.tmp, synced, renamed, folder synced. The newest two are kept.
    * Arrays are plain numbers; nothing in a snapshot can run code when it is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from custody.primitives.encoding import canonical_json
from exchange.journal.errors import SnapshotDamaged
from exchange.journal.format import CHAIN_BYTES, Position
from exchange.journal.segment import sync_folder

SUFFIX = ".snapshot"
KEPT = 2
MAGIC = b"MEXTSNAP"
VERSION = 1
_PREFIX = struct.Struct("<8sII")
_DIGEST_BYTES = 32
_MAX_HEADER_BYTES = 1 << 20  # names of arrays only
_READ_BYTES = 1 << 20

StateArrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state and where it belongs.

    Attributes:
        position: The journal position it was taken at.
        engine: Version of the code that can read the arrays.
        arrays: Name -> array of numbers or records.
    """

    position: Position
    engine: str
    arrays: StateArrays


def save_snapshot(folder: Path, snapshot: Snapshot) -> Path:
    """Write a snapshot durably, then remove all but the newest two.

    Raises:
        OSError: The disk is full or failing; older snapshots are untouched.
    """
    path = folder / f"{snapshot.position.seq:020d}{SUFFIX}"
    unfinished = path.with_suffix(f"{SUFFIX}.tmp")
    with unfinished.open("wb") as file:
        _write(file, snapshot)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    sync_folder(folder)
    for old in list_snapshots(folder)[KEPT:]:
        old.unlink()
    return path


def list_snapshots(folder: Path) -> list[Path]:
    """Return the snapshot files, newest first."""
    return sorted(folder.glob(f"*{SUFFIX}"), reverse=True)


def load_snapshot(path: Path) -> Snapshot:
    """Read a snapshot and check its digest before anything in it is believed.

    Raises:
        SnapshotDamaged: The file does not verify.
    """
    _verify_digest(path)
    try:
        with path.open("rb") as file:
            return _read(file)
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotDamaged(f"{path.name}: verifies, but does not decode", file=path.name) from error


class _DigestingWriter:
    """A file that hashes what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.blake2b(digest_size=_DIGEST_BYTES)

    def write(self, content: bytes) -> int:
        self.hash.update(content)
        return self._file.write(content)


def _write(file: BinaryIO, snapshot: Snapshot) -> None:
    names = sorted(snapshot.arrays)
    header = canonical_json(
        {
            "arrays": names,
            "chain": snapshot.position.chain.hex(),
            "engine": snapshot.engine,
            "seq": str(snapshot.position.seq),
        }
    )
    out = _DigestingWriter(file)
    out.write(_PREFIX.pack(MAGIC, VERSION, len(header)) + header)
    for name in names:
        np.lib.format.write_array(out, snapshot.arrays[name], version=(1, 0), allow_pickle=False)  # type: ignore[no-untyped-call]
    file.write(out.hash.digest())


def _verify_digest(path: Path) -> None:
    left = path.stat().st_size - _DIGEST_BYTES
    state = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    with path.open("rb") as file:
        while left > 0 and (part := file.read(min(left, _READ_BYTES))):
            state.update(part)
            left -= len(part)
        claimed = file.read()
    if left != 0 or claimed != state.digest():
        raise SnapshotDamaged(f"{path.name}: does not match its digest", file=path.name)


def _read(file: BinaryIO) -> Snapshot:
    magic, version, length = _PREFIX.unpack(_exactly(file, _PREFIX.size))
    if magic != MAGIC or version != VERSION or length > _MAX_HEADER_BYTES:
        raise ValueError("another format")
    header = json.loads(_exactly(file, length))
    arrays = {name: np.lib.format.read_array(file, allow_pickle=False) for name in header["arrays"]}  # type: ignore[no-untyped-call]
    chain = bytes.fromhex(header["chain"])
    if len(file.read()) != _DIGEST_BYTES or len(chain) != CHAIN_BYTES:
        raise ValueError("bytes left over")
    return Snapshot(Position(int(header["seq"]), chain), header["engine"], arrays)


def _exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise ValueError("too short")
    return content
