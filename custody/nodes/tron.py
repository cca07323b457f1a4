"""A client for the HTTP interface of java-tron: one path, one JSON object, one answer.

Rules:
    * `/wallet/...` answers from the newest block, `/walletsolidity/...` from the newest solidified one. Both
      must be served under one address, as public gateways do; a node of one's own needs a proxy in front.
    * "Nothing found" is an empty object; an error that the node states is `NodeError`.
    * Addresses travel in hex (`visible` false).

Example:
    TronHttp(Endpoint("tron", "http://127.0.0.1:8090")).ask("/wallet/getnowblock")
"""

from __future__ import annotations

from typing import Any

from custody.nodes.jsonrpc import NodeError
from custody.nodes.posting import Endpoint, Post
from custody.primitives.errors import NodeUnavailable


class TronHttp:
    """Asks one node. Safe to share between threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._base = endpoint.url.rstrip("/")
        self._http = Post(endpoint)

    def ask(self, path: str, **fields: Any) -> Any:  # noqa: ANN401 - whatever JSON the node sends
        """Ask one question.

        Args:
            path: Such as "/wallet/getnowblock".
            fields: Of the JSON object that is posted.

        Returns:
            The answer as decoded JSON.

        Raises:
            NodeError: The node states an error.
            NodeUnavailable: No usable answer; if the call had an effect is unknown.
        """
        answer = self._http.json(self._base + path, fields)
        if not isinstance(answer, dict | list):
            raise NodeUnavailable(f"{self.endpoint.name}: {path}: neither object nor list", node=self.endpoint.name)
        stated = answer.get("Error") if isinstance(answer, dict) else None
        if stated is not None:
            text = str(stated)[:400]
            raise NodeError(f"{self.endpoint.name}: {path}: {text}", rpc_code=0, rpc_message=text)
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
