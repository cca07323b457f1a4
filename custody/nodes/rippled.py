"""The JSON-RPC of XRP Ledger nodes: one object of parameters, and errors inside the result.

Rules:
    * The node answers HTTP 200 for everything; `result.status` says whether it is an answer.
    * The version of the interface is named with every question: the shapes differ between versions.
    * What the node states as an error is `NodeError`; its token ("actNotFound") is `rpc_message`, and the whole
      result is in `data`, since some errors carry facts ("searched_all").

Spec: xrpl.org, "Request Formatting" and "Response Formatting", JSON-RPC.

Example:
    RippledRpc(Endpoint("rippled", "http://127.0.0.1:5005")).call("server_state")["state"]
"""

from __future__ import annotations

import json
from typing import Any

from custody.nodes.jsonrpc import NodeError
from custody.nodes.posting import Endpoint, Post
from custody.primitives.errors import NodeUnavailable

API_VERSION = 1


class RippledRpc:
    """Asks one node. Safe to share between threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._http = Post(endpoint)

    def call(self, method: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON the node takes
        """Ask one question.

        Args:
            method: Name of the command.
            fields: Its fields.

        Returns:
            The `result`, whose status is "success".

        Raises:
            NodeError: The node states an error.
            NodeUnavailable: No usable answer; if the call had an effect is unknown.
        """
        where = f"{self.endpoint.name}: {method}"
        question = {"method": method, "params": [{"api_version": API_VERSION, **fields}]}
        answer = self._http.json(self.endpoint.url, question)
        result = answer.get("result") if isinstance(answer, dict) else None
        if not isinstance(result, dict):
            raise NodeUnavailable(f"{where}: no result", node=self.endpoint.name)
        if result.get("status") == "success" and "error" not in result:
            return result
        token = str(result.get("error", "no status"))
        number, text = result.get("error_code"), str(result.get("error_message", ""))
        raise NodeError(
            f"{where}: {token} {text}"[:400],
            rpc_code=number if type(number) is int else 0,
            rpc_message=token,
            data=json.dumps(result, default=str),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
