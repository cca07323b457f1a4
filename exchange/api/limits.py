"""A limit on request bodies: they are read before the token is looked at, so strangers must not fill the memory.

Example:
    app.add_middleware(BodyLimit)
"""

from __future__ import annotations

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 16 << 20
"""The largest honest body, a statement with evidence for 1,000 places, stays below."""


class BodyLimit:
    """Ends a request whose body grows above the limit; nothing of it is parsed."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting its body."""
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max_bytes:
                raise HTTPException(413, f"a body has at most {self._max_bytes} bytes")
            return message

        await self._app(scope, counted, send)
