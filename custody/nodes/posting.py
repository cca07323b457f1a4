"""Posting JSON to a node and reading JSON back, bounded in time and size.

Rules:
    * No retries: whoever asks knows whether asking again is safe. No redirects, no proxies.
    * No answer, a broken answer or too large an answer is `NodeUnavailable`: nothing is known.
    * Decimal numbers arrive as `Decimal`, never as float: 0.1 BTC is exactly 10,000,000 satoshi.

Example:
    Post(Endpoint("anvil", url)).json(url, {"method": "eth_chainId"})
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import urllib3

from custody.primitives.errors import NodeUnavailable
from custody.primitives.secret import Secret

TIMEOUT_S = 20
"""A local scan of the unspent outputs of a test chain takes milliseconds; of a main chain it takes minutes
and needs its own endpoint with a longer time."""

MAX_RESPONSE_BYTES = 64 << 20
"""A full 4 MB block with all its previous outputs as JSON stays below 50 MiB."""

PART_BYTES = 1 << 20
KEPT_CONNECTIONS = 8
"""More threads than this may ask at once; their connections are closed afterwards."""

_UNAUTHORISED = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a node answers.

    Attributes:
        name: For messages: "bitcoind", "anvil".
        url: http or https address.
        user, password: HTTP basic authentication; empty user for none.
        timeout_s: Longest wait for connecting and for each read, and for the whole answer once it has begun.
        max_response_bytes: A longer answer is refused.
    """

    name: str
    url: str
    user: str = ""
    password: Secret | None = None
    timeout_s: int = TIMEOUT_S
    max_response_bytes: int = MAX_RESPONSE_BYTES


class Post:
    """A client for one node; safe to share between threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        headers = {"content-type": "application/json"}
        if endpoint.user:
            pair = endpoint.user.encode() + b":" + (endpoint.password.reveal() if endpoint.password else b"")
            headers["authorization"] = f"Basic {b64encode(pair).decode()}"
        timeout = urllib3.Timeout(connect=endpoint.timeout_s, read=endpoint.timeout_s)
        self._pools = urllib3.PoolManager(maxsize=KEPT_CONNECTIONS, headers=headers, timeout=timeout, retries=False)

    def json(self, url: str, body: object) -> Any:  # noqa: ANN401 - whatever JSON the node sends
        """Post one body and decode the answer, whatever its HTTP status.

        Args:
            url: Full address.
            body: Anything JSON can hold.

        Returns:
            Decoded JSON, with `Decimal` for non-whole numbers.

        Raises:
            NodeUnavailable: No usable answer; if the call had an effect is unknown.
        """
        name = self.endpoint.name
        try:
            content = json.dumps(body, separators=(",", ":")).encode()
            response = self._pools.request("POST", url, body=content, redirect=False, preload_content=False)
            try:
                received = self._read(response)
            except BaseException:
                response.close()  # half an answer: nobody may read the other half as the next one
                raise
            response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise NodeUnavailable(f"{name}: no answer ({type(error).__name__}: {error})", node=name) from error
        return self._decoded(response.status, received)

    def close(self) -> None:
        """Close the connections."""
        self._pools.clear()

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        name, limit = self.endpoint.name, self.endpoint.max_response_bytes
        received, until = bytearray(), time.monotonic() + self.endpoint.timeout_s
        while part := response.read1(PART_BYTES, decode_content=False):
            received += part
            if time.monotonic() > until:  # each read was in time, a drip of them is not
                raise NodeUnavailable(f"{name}: the answer takes too long", node=name)
            if len(received) > limit:
                raise NodeUnavailable(f"{name}: answer longer than {limit} bytes", limit=limit)
        return bytes(received)

    def _decoded(self, status: int, received: bytes) -> Any:  # noqa: ANN401
        name = self.endpoint.name
        if status in _UNAUTHORISED:
            raise NodeUnavailable(f"{name}: refuses our credentials (HTTP {status})", node=name)
        try:
            return json.loads(received, parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            raise NodeUnavailable(
                f"{name}: the answer is not JSON (HTTP {status}, {len(received)} bytes)", node=name
            ) from error
