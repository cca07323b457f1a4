"""Posting JSON to a node and reading JSON back, bounded in time and size.

Rules:
    * No retries: whoever asks knows whether asking again is safe. No redirects, no proxies.
    * No answer, a broken answer or too large an answer is `NodeUnavailable`: nothing is known.
    * Decimal numbers arrive as `Decimal`, never as float: 0.1 BTC is exactly 10,000,000 satoshi.

Example:
    post_json(client, Endpoint("anvil", url), url, {"method": "eth_chainId"})
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from custody.primitives.errors import NodeUnavailable
from custody.primitives.secret import Secret

TIMEOUT_S = 20
"""A local scan of the unspent outputs of a test chain takes milliseconds; of a main chain it takes minutes
and needs its own endpoint with a longer time."""

MAX_RESPONSE_BYTES = 64 << 20
"""A full 4 MB block with all its previous outputs as JSON stays below 50 MiB."""

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


def http_client(endpoint: Endpoint) -> httpx.Client:
    """A client for one node; safe to share between threads."""
    auth = None
    if endpoint.user:
        auth = httpx.BasicAuth(endpoint.user, endpoint.password.reveal() if endpoint.password else b"")
    return httpx.Client(timeout=endpoint.timeout_s, auth=auth, trust_env=False, follow_redirects=False)


def post_json(client: httpx.Client, endpoint: Endpoint, url: str, body: object) -> Any:  # noqa: ANN401
    """Post one body and decode the answer, whatever its HTTP status.

    Args:
        client: From `http_client`.
        endpoint: Limits and name of the node.
        url: Full address.
        body: Anything JSON can hold.

    Returns:
        Decoded JSON, with `Decimal` for non-whole numbers.

    Raises:
        NodeUnavailable: No usable answer; if the call had an effect is unknown.
    """
    name, limit = endpoint.name, endpoint.max_response_bytes
    try:
        with client.stream("POST", url, json=body) as response:
            received, until = bytearray(), time.monotonic() + endpoint.timeout_s
            for part in response.iter_bytes():
                received += part
                if time.monotonic() > until:  # each read was in time, a drip of them is not
                    raise NodeUnavailable(f"{name}: the answer takes too long", node=name)
                if len(received) > limit:
                    raise NodeUnavailable(f"{name}: answer longer than {limit} bytes", limit=limit)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise NodeUnavailable(f"{name}: no answer ({type(error).__name__}: {error})", node=name) from error
    if response.status_code in _UNAUTHORISED:
        raise NodeUnavailable(f"{name}: refuses our credentials (HTTP {response.status_code})", node=name)
    try:
        return json.loads(received, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise NodeUnavailable(
            f"{name}: the answer is not JSON (HTTP {response.status_code}, {len(received)} bytes)", node=name
        ) from error
