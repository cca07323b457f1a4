"""A file as a series of QR texts, and back: BBQr parts, in any order, as often as a camera sees them.

Rules:
    * Each part begins with "B$", encoding, file type, number of parts and own number; all but the last are
      equally long.
    * What is written is compressed where that is shorter; what is read may be hex, base32 or compressed.
    * A part whose header is of another series is refused, and so is a second content under one number. A series that
      mixes two files under one header is found by whoever reads the file: its hashes and its digest do not fit.
    * Sizes are bounded before anything is unpacked.

Example:
    parts = split(raw, 800)
    series = Series()
    for text in scanned: series.add(text)
    raw = series.join()

Spec: BBQr, https://bbqr.org (public domain).
"""

from __future__ import annotations

import base64
import binascii
import zlib

from custody.cold.request import PartOfAnother
from custody.primitives.errors import InvalidInput, LimitExceeded, MalformedPayload

MAX_PARTS = 36 * 36 - 1
MAX_PART_CHARS = 4_296
"""What the largest QR code holds."""
MAX_JOINED_BYTES = 8 << 20
MIN_CHARS = 32
JSON_TYPE = "J"
_HEX, _BASE32, _ZLIB = "H", "2", "Z"
_HEADER_CHARS = 8
_STEP = 8
"""Base32 characters that decode to whole bytes."""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WINDOW_BITS = -10
"""Raw deflate with a window of 1 KiB, as the specification fixes it."""


def split(raw: bytes, most_chars: int) -> tuple[str, ...]:
    """Write a file as QR texts, about equally long.

    Args:
        raw: The file.
        most_chars: Longest text, header included.

    Raises:
        InvalidInput: An empty file, or no room for a header and some data.
        LimitExceeded: More parts than the format counts.
    """
    if not raw or not MIN_CHARS <= most_chars <= MAX_PART_CHARS:
        raise InvalidInput(f"QR parts of {most_chars} characters; {MIN_CHARS} to {MAX_PART_CHARS} are possible")
    packer = zlib.compressobj(9, zlib.DEFLATED, _WINDOW_BITS)
    packed = packer.compress(raw) + packer.flush()
    encoding, data = (_ZLIB, packed) if len(packed) < len(raw) else (_BASE32, raw)
    text = base64.b32encode(data).decode("ascii").rstrip("=")
    room = (most_chars - _HEADER_CHARS) // _STEP * _STEP
    count = -(-len(text) // room)
    if count > MAX_PARTS:
        raise LimitExceeded(f"the file makes {count} QR parts, at most {MAX_PARTS}", asked=count, limit=MAX_PARTS)
    each = -(-len(text) // (count * _STEP)) * _STEP  # as even as whole bytes allow
    count = -(-len(text) // each)
    head = f"B${encoding}{JSON_TYPE}{_base36(count)}"
    return tuple(f"{head}{_base36(number)}{text[number * each : (number + 1) * each]}" for number in range(count))


class Series:
    """Parts as they come in."""

    def __init__(self) -> None:
        self._head = ""
        self._count = 0
        self._parts: dict[int, str] = {}

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers of the parts that have not been seen, from 0; empty before the first part too."""
        return tuple(number for number in range(self._count) if number not in self._parts)

    @property
    def is_complete(self) -> bool:
        """Tell whether every part was seen."""
        return bool(self._parts) and not self.missing

    def add(self, text: str) -> None:
        """Take in one scanned text; the same one again changes nothing.

        Raises:
            MalformedPayload: No BBQr part.
            PartOfAnother: A part of another series.
        """
        text = text.strip()
        count, number = _header(text)
        if self._head and text[:6] != self._head:
            raise PartOfAnother(f"the part {text[:8]!r} is of another series than {self._head!r}")
        if self._parts.get(number, text) != text:
            raise PartOfAnother(f"two parts have the number {number} and differ", number=number)
        self._head, self._count = text[:6], count
        self._parts[number] = text

    def join(self) -> bytes:
        """Put the file together.

        Raises:
            MalformedPayload: Parts are missing, unequal, or do not decode.
            LimitExceeded: It unpacks to more than any file of ours.
        """
        if not self.is_complete:
            raise MalformedPayload(f"QR parts missing: {', '.join(map(str, self.missing)) or 'all'}")
        bodies = [self._parts[number][_HEADER_CHARS:] for number in range(self._count)]
        if any(len(body) != len(bodies[0]) for body in bodies[:-1]) or len(bodies[-1]) > len(bodies[0]):
            raise MalformedPayload("QR parts are not equally long: two series were mixed")
        encoding = self._head[2]
        data = b"".join(_decode(body, encoding) for body in bodies)
        return _unpack(data) if encoding == _ZLIB else data


def _header(text: str) -> tuple[int, int]:
    head = text[:_HEADER_CHARS]
    if len(text) > MAX_PART_CHARS or len(text) <= _HEADER_CHARS or head[:2] != "B$":
        raise MalformedPayload(f"not a BBQr part: {text[:12]!r}")
    if head[2] not in (_HEX, _BASE32, _ZLIB) or any(digit not in _DIGITS for digit in head[3:]):
        raise MalformedPayload(f"BBQr part with an unknown header {head!r}")
    count, number = int(head[4:6], 36), int(head[6:8], 36)
    if number >= count:
        raise MalformedPayload(f"BBQr part {number} of {count}")
    return count, number


def _decode(body: str, encoding: str) -> bytes:
    try:
        if encoding == _HEX:
            if body != body.upper():
                raise MalformedPayload("BBQr part: hex is written in capitals")
            return bytes.fromhex(body)
        return base64.b32decode(body + "=" * (-len(body) % _STEP))
    except (ValueError, binascii.Error) as error:
        raise MalformedPayload("BBQr part: it does not decode to whole bytes") from error


def _unpack(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(_WINDOW_BITS)
    try:
        raw = unpacker.decompress(data, MAX_JOINED_BYTES + 1)
    except zlib.error as error:
        raise MalformedPayload("BBQr series: it does not unpack") from error
    if len(raw) > MAX_JOINED_BYTES:
        raise LimitExceeded(f"BBQr series: it unpacks to more than {MAX_JOINED_BYTES} bytes", limit=MAX_JOINED_BYTES)
    if not unpacker.eof or unpacker.unused_data:
        raise MalformedPayload("BBQr series: cut off, or bytes are left over")
    return raw


def _base36(number: int) -> str:
    return _DIGITS[number // 36] + _DIGITS[number % 36]
