"""Notes: text in the journal, so that what a number stands for can be rebuilt with the numbers.

A note is a canonical JSON object with a "kind". Its frame body is the u32 length, the text, and zeros
up to a multiple of 64 bytes. A note that belongs to a transfer stands directly in front of its frame,
in the same write and sync: a hold never exists without the request it was made for.

Rules:
    * One encoding per note: text that is not canonical is refused, so equal notes have equal bytes.
    * `bound_to_note` ties a transfer to its note: the same transfer id with another note is another
      transfer, and the ledger refuses it.

Example:
    >>> decode_note(encode_note(b'{"kind":"listing","symbol":"ABC"}'))
    {'kind': 'listing', 'symbol': 'ABC'}
"""

from __future__ import annotations

import hashlib
import json
import struct

import numpy as np
from numpy.typing import NDArray

from custody.primitives.encoding import Json, canonical_json
from custody.primitives.errors import InvalidInput, MalformedPayload
from exchange.journal.format import UNIT_BYTES

MAX_NOTE_BYTES = 16 * 1024
"""A withdrawal request with a travel-rule record takes about 2 KiB."""

_LENGTH = struct.Struct("<I")
_BINDING = struct.Struct("<qq")


def note_text(content: dict[str, Json]) -> bytes:
    """Write a note's content as the text that is journalled.

    Raises:
        InvalidInput: The content has no canonical JSON form, or no kind.
    """
    text = canonical_json(content)
    parse_note(text)
    return text


def parse_note(text: bytes) -> dict[str, Json]:
    """Read a note and insist on its one encoding.

    Raises:
        MalformedPayload: Too long, not a canonical JSON object, or without a kind.
    """
    if len(text) > MAX_NOTE_BYTES:
        raise MalformedPayload(f"a note of {len(text)} bytes, at most {MAX_NOTE_BYTES}", length=len(text))
    try:
        content = json.loads(text)
        canonical = canonical_json(content)
    except (ValueError, RecursionError, InvalidInput) as error:
        raise MalformedPayload("a note is a canonical JSON object") from error
    if canonical != text or not isinstance(content, dict):
        raise MalformedPayload("a note is a canonical JSON object: sorted keys, no spaces, no repeated keys")
    if not isinstance(content.get("kind"), str):
        raise MalformedPayload('a note says its "kind"')
    return content


def encode_note(text: bytes) -> bytes:
    """Make the frame body of a note.

    Raises:
        MalformedPayload: As `parse_note`.
    """
    parse_note(text)
    body = _LENGTH.pack(len(text)) + text
    return body + bytes(-len(body) % UNIT_BYTES)


def decode_note_text(body: bytes) -> bytes:
    """Return the text of a note's frame body.

    Raises:
        MalformedPayload: The length does not fit the body, or the padding is not zero.
    """
    if len(body) < _LENGTH.size:
        raise MalformedPayload("a note body starts with its length")
    (length,) = _LENGTH.unpack_from(body)
    end = _LENGTH.size + length
    if end > len(body) or len(body) - end >= UNIT_BYTES or any(body[end:]):
        raise MalformedPayload(f"a note body of {len(body)} bytes does not hold a text of {length}")
    return body[_LENGTH.size : end]


def decode_note(body: bytes) -> dict[str, Json]:
    """Return the content of a note's frame body.

    Raises:
        MalformedPayload: As `decode_note_text` and `parse_note`.
    """
    return parse_note(decode_note_text(body))


def bound_to_note(transfer: NDArray[np.void], text: bytes) -> NDArray[np.void]:
    """Return a copy of the transfers whose `user_a` and `user_b` carry 128 bits of the note's hash.

    Args:
        transfer: Records of the ledger with the fields `user_a` and `user_b`.
        text: The note that will be journalled in front of them.
    """
    bound = transfer.copy()
    tag = hashlib.blake2b(text, digest_size=_BINDING.size, person=b"mext/note/1").digest()
    bound["user_a"], bound["user_b"] = _BINDING.unpack(tag)
    return bound
