"""The one canonical encoding of everything that is hashed or signed, and canonical JSON.

Rules:
    * A domain tag comes first, so that a hash made for one purpose never serves another.
    * Every field has a u32 big-endian length in front: no two different lists share an encoding.
    * Integers are encoded as their decimal text: no width to overflow, no sign to lose.

Example:
    >>> encode("mext/example/1", "a", 1).hex()
    '0000000e6d6578742f6578616d706c652f3100000001610000000131'
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from custody.primitives.errors import InvalidInput
from custody.primitives.ids import Digest

MAX_FIELD_BYTES = 1 << 24
"""16 MiB: far above any transaction, far below the u32 limit."""

Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | bool | None


def encode(tag: str, *fields: bytes | str | int) -> bytes:
    """Encode a domain tag and fields unambiguously.

    Args:
        tag: Purpose and version, e.g. "mext/intent/1".
        fields: bytes as they are, text as UTF-8, integers as decimal text.

    Raises:
        InvalidInput: A field is of another type or longer than 16 MiB.
    """
    return b"".join(_length_prefixed(_field_bytes(field)) for field in (tag, *fields))


def digest(tag: str, *fields: bytes | str | int) -> Digest:
    """SHA-256 of `encode(tag, *fields)`."""
    return Digest(hashlib.sha256(encode(tag, *fields)).digest())


def canonical_json(value: Json) -> bytes:
    """Serialise to the JSON form that is hashed: RFC 8785 for the subset we use.

    ASCII keys, strings, arrays, objects, booleans, null, integers below 2**53 in size; no floats.

    Raises:
        InvalidInput: The value holds anything else.
    """
    if not _is_plain(value):
        _require_canonical(value, "$")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _field_bytes(field: object) -> bytes:
    if isinstance(field, bytes):
        return field
    if isinstance(field, str):
        return field.encode()
    if type(field) is int:
        return str(field).encode()
    raise InvalidInput(f"cannot encode a {type(field).__name__}; bytes, str or int only")


def _length_prefixed(part: bytes) -> bytes:
    if len(part) > MAX_FIELD_BYTES:
        raise InvalidInput(f"field of {len(part)} bytes is longer than {MAX_FIELD_BYTES}")
    return len(part).to_bytes(4, "big") + part


def _is_plain(value: object) -> bool:
    """Tell fast, and without naming the place, whether a value of exactly the common types has a canonical form."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if isinstance(value, int):
        return abs(value) < 1 << 53
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if kind is dict and isinstance(value, dict):
        return all(type(key) is str and key.isascii() for key in value) and all(map(_is_plain, value.values()))
    return False  # another mapping, or a fault: looked at closely


def _require_canonical(value: Any, path: str) -> None:  # noqa: ANN401 - walks foreign data
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if abs(value) >= 1 << 53:
            raise InvalidInput(f"{path}: integer beyond 2**53; write it as a decimal string")
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise InvalidInput(f"{path}: key {key!r} is not ASCII text")
            _require_canonical(item, f"{path}.{key}")
        return
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _require_canonical(item, f"{path}[{index}]")
        return
    raise InvalidInput(f"{path}: a {type(value).__name__} has no canonical JSON form")
