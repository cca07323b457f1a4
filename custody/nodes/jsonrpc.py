"""A JSON-RPC client that trusts nobody: one question, one answer, bounded in time and size.

Rules:
    * No retries: whoever asks knows whether asking again is safe. No redirects, no proxies.
    * No answer, a broken answer or too large an answer is `NodeUnavailable`: nothing is known.
    * An error that the node states is `NodeError`, with its number and its text.
    * Decimal numbers arrive as `Decimal`, never as float: 0.1 BTC is exactly 10,000,000 satoshi.

Example:
    client = JsonRpc(Endpoint("bitcoind", "http://127.0.0.1:18443", user="u", password=Secret(b"p")))
    client.call("getblockcount")
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping, Sequence
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

MAX_BATCH_CALLS = 1_000

_UNAUTHORISED = frozenset({401, 403})


class NodeError(NodeUnavailable):
    """The node answered with an error of its own; `rpc_code` and `rpc_message` are fields."""

    code = "node_error"

    def __init__(self, message: str, /, *, rpc_code: int, rpc_message: str, data: str = "") -> None:
        super().__init__(message, rpc_code=rpc_code, rpc_message=rpc_message, data=data)
        self.rpc_code = rpc_code
        self.rpc_message = rpc_message
        self.data = data


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


@dataclass(frozen=True, slots=True)
class Call:
    """One question of a batch."""

    method: str
    params: tuple[Any, ...] | Mapping[str, Any] = ()


class JsonRpc:
    """Asks one node. Safe to share between threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._ids = itertools.count(1)
        auth = _basic_auth(endpoint)
        self._http = httpx.Client(timeout=endpoint.timeout_s, auth=auth, trust_env=False, follow_redirects=False)

    def call(self, method: str, *params: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever JSON the node sends
        """Ask one question.

        Args:
            method: Name of the remote procedure.
            params, named: Its arguments: either by position or by name.

        Returns:
            The `result` as decoded JSON, with `Decimal` for non-whole numbers.

        Raises:
            NodeError: The node states an error.
            NodeUnavailable: No usable answer; if the call had an effect is unknown.
        """
        number = next(self._ids)
        answer = self.post(_question(number, Call(method, named or params)))
        return self._result(answer, number, method)

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Ask many questions in one request; answers come back in the order of the questions.

        Returns:
            One entry a call: the `result`, or a `NodeError` object where that call failed.

        Raises:
            NodeUnavailable: No usable answer to the batch as a whole.
        """
        if not calls:
            return []
        if len(calls) > MAX_BATCH_CALLS:
            return self.batch(calls[:MAX_BATCH_CALLS]) + self.batch(calls[MAX_BATCH_CALLS:])
        numbers = [next(self._ids) for _ in calls]
        answers = self.post([_question(number, call) for number, call in zip(numbers, calls, strict=True)])
        if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
            raise NodeUnavailable(f"{self.endpoint.name}: a batch of questions needs a list of answers")
        by_number = {answer.get("id"): answer for answer in answers}
        return [self._entry(by_number.get(n), n, call.method) for n, call in zip(numbers, calls, strict=True)]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _entry(self, answer: object, number: int, method: str) -> object:
        try:
            return self._result(answer, number, method)
        except NodeError as error:
            return error

    def post(self, body: object) -> Any:  # noqa: ANN401
        """Send one body and decode the answer, for nodes whose questions and answers are framed in another way.

        Raises:
            NodeUnavailable: No usable answer.
        """
        name, limit = self.endpoint.name, self.endpoint.max_response_bytes
        try:
            with self._http.stream("POST", self.endpoint.url, json=body) as response:
                received, until = bytearray(), time.monotonic() + self.endpoint.timeout_s
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

    def _result(self, answer: object, number: int, method: str) -> Any:  # noqa: ANN401
        name = self.endpoint.name
        if not isinstance(answer, dict):
            raise NodeUnavailable(f"{name}: {method}: no answer object", node=name)
        stated = answer.get("error")
        if stated is not None:
            raise _stated_error(f"{name}: {method}", stated)
        if answer.get("id") != number or "result" not in answer:
            raise NodeUnavailable(f"{name}: {method}: the answer belongs to another question", node=name)
        return answer["result"]


def _basic_auth(endpoint: Endpoint) -> httpx.BasicAuth | None:
    if not endpoint.user:
        return None
    return httpx.BasicAuth(endpoint.user, endpoint.password.reveal() if endpoint.password else b"")


def _question(number: int, call: Call) -> dict[str, object]:
    params = dict(call.params) if isinstance(call.params, Mapping) else list(call.params)
    return {"jsonrpc": "2.0", "id": number, "method": call.method, "params": params}


def _stated_error(where: str, stated: object) -> NodeError:
    if not isinstance(stated, dict):
        return NodeError(f"{where}: {stated!s:.400}", rpc_code=0, rpc_message=str(stated)[:400])
    number, text, extra = stated.get("code"), str(stated.get("message", "")), stated.get("data", "")
    return NodeError(
        f"{where}: {text[:400]}",
        rpc_code=number if type(number) is int else 0,
        rpc_message=text,
        data=extra if isinstance(extra, str) else json.dumps(extra, default=str),
    )
