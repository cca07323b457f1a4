"""A JSON-RPC client that trusts nobody: one question, one answer, bounded in time and size.

Rules:
    * Bounds and failures of the connection: see `posting`.
    * An error that the node states is `NodeError`, with its number and its text.

Example:
    client = JsonRpc(Endpoint("bitcoind", "http://127.0.0.1:18443", user="u", password=Secret(b"p")))
    client.call("getblockcount")
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from custody.nodes.posting import MAX_RESPONSE_BYTES, TIMEOUT_S, Endpoint, Post
from custody.primitives.errors import NodeUnavailable

__all__ = ["MAX_RESPONSE_BYTES", "TIMEOUT_S", "Call", "Endpoint", "JsonRpc", "NodeError"]

MAX_BATCH_CALLS = 1_000


class NodeError(NodeUnavailable):
    """The node answered with an error of its own; `rpc_code` and `rpc_message` are fields."""

    code = "node_error"

    def __init__(self, message: str, /, *, rpc_code: int, rpc_message: str, data: str = "") -> None:
        super().__init__(message, rpc_code=rpc_code, rpc_message=rpc_message, data=data)
        self.rpc_code = rpc_code
        self.rpc_message = rpc_message
        self.data = data


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
        self._http = Post(endpoint)

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
        return self._http.json(self.endpoint.url, body)

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
