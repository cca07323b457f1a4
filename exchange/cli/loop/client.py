"""The loop's own HTTP client: it uses the public interface like any other program."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from custody.primitives.errors import Refused, Unavailable

TIMEOUT_S = 300
"""Far above what anything takes here: a machine that others use as well may give us a fraction of itself."""
POLL_S = 0.1

T = TypeVar("T")


class Answered(Refused):
    """The service answered with an error; `answer` is its code."""

    code = "service_refused"


class TooSlow(Unavailable):
    """Something that was waited for did not happen in time."""

    code = "too_slow"
    transient = False


class Client:
    """Calls one running service."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._http = httpx.Client(
            base_url=url, timeout=TIMEOUT_S, headers={"Authorization": f"Bearer {token}"}, trust_env=False
        )

    def get(self, path: str) -> Any:  # noqa: ANN401 - whatever JSON the service sends
        """GET below /v1.

        Raises:
            Answered: The service answers with an error.
            Unavailable: It does not answer.
        """
        return self._call("GET", path, None, "")

    def post(self, path: str, body: dict[str, Any] | None = None, key: str = "") -> Any:  # noqa: ANN401
        """POST below /v1; `key` is sent as the idempotency key."""
        return self._call("POST", path, body or {}, key)

    def wait(self, what: str, look: Callable[[], T | None], timeout_s: float = TIMEOUT_S) -> T:
        """Look again and again until there is something.

        Raises:
            TooSlow: It did not happen in time.
        """
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            found = look()
            if found is not None:
                return found
            time.sleep(POLL_S)
        raise TooSlow(f"{what}: not within {timeout_s:.0f} s", waited_for=what)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _call(self, method: str, path: str, body: dict[str, Any] | None, key: str) -> Any:  # noqa: ANN401
        headers = {"Idempotency-Key": key} if key else {}
        try:
            response = self._http.request(method, f"/v1{path}", json=body, headers=headers)
        except httpx.HTTPError as error:
            raise Unavailable(f"{method} {path}: {error}") from error
        if response.is_error:
            try:
                said = response.json()
            except ValueError as error:
                raise Unavailable(f"{method} {path}: HTTP {response.status_code}") from error
            raise Answered(f"{method} {path}: {said.get('message')} [{said.get('code')}]", answer=str(said.get("code")))
        return response.json()
