"""Frames on a socket: four bytes of length, then one canonical JSON object; one each way, then goodbye.

Rules:
    * The length is checked before a byte of the body is read; both ends share the limit.
    * A deadline covers the whole frame, so that a peer dripping single bytes cannot hold a worker.

Example:
    send_frame(connection, {"op": "health"}, deadline)
    answer = receive_frame(connection, deadline)
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping

from custody.keys.strict_json import parse_canonical
from custody.primitives.encoding import Json, canonical_json
from custody.primitives.errors import MalformedPayload

MAX_FRAME_BYTES = 8 << 20
"""8 MiB: a PSBT of 250 inputs with whole previous transactions, in hex, stays below it."""
_LENGTH_BYTES = 4


class Deadline:
    """A point in monotonic time; hands out what is left as a socket timeout."""

    def __init__(self, timeout_s: int) -> None:
        self._ends_at = time.monotonic() + timeout_s

    def left_s(self) -> float:
        """Seconds left.

        Raises:
            TimeoutError: None are left.
        """
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline passed")
        return left


def send_frame(connection: socket.socket, value: Mapping[str, Json], deadline: Deadline) -> None:
    """Send one object.

    Raises:
        MalformedPayload: It is larger than a frame.
        OSError: The connection broke or the deadline passed.
    """
    body = canonical_json(value)
    if len(body) > MAX_FRAME_BYTES:
        raise MalformedPayload(f"frame of {len(body)} bytes, at most {MAX_FRAME_BYTES}")
    connection.settimeout(deadline.left_s())
    connection.sendall(len(body).to_bytes(_LENGTH_BYTES, "big") + body)


def receive_frame(connection: socket.socket, deadline: Deadline) -> Mapping[str, object]:
    """Receive one object.

    Raises:
        MalformedPayload: Too long, not canonical JSON, or not an object.
        OSError: The connection broke, ended early or the deadline passed.
    """
    length = int.from_bytes(_receive_exactly(connection, _LENGTH_BYTES, deadline), "big")
    if not 0 < length <= MAX_FRAME_BYTES:
        raise MalformedPayload(f"frame of {length} bytes, at most {MAX_FRAME_BYTES}")
    return parse_canonical(_receive_exactly(connection, length, deadline), MAX_FRAME_BYTES, "frame")


def _receive_exactly(connection: socket.socket, count: int, deadline: Deadline) -> bytes:
    received = bytearray()
    while len(received) < count:
        connection.settimeout(deadline.left_s())
        part = connection.recv(min(count - len(received), 1 << 16))
        if not part:
            raise ConnectionError("the peer closed the connection in the middle of a frame")
        received += part
    return bytes(received)
