"""A simulator as a process of its own: JSON questions by HTTP on one thread, and a clock that ticks between them.

Rules:
    * One thread serves all: no answer ever sees half a block.
    * Loopback only. What is no JSON, or too long, is refused before the simulator sees it.
    * With ticks of 0 ms nothing moves by itself.

Example:
    serve(JsonApp(lambda path, question: (200, rpc.answer(question)), tick=ledger.close, tick_ms=1_000), port)
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn

from custody.devnet.processes import Launch

MAX_REQUEST_BYTES = 1 << 20
NO_CONTENT = None
"""In place of an answer: a status without a body."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Answer = Callable[[str, Any], tuple[int, Any]]
"""(path, question) -> HTTP status and what is sent as JSON, or `NO_CONTENT`."""


class JsonApp:
    """The HTTP side, as an ASGI application: POST in, JSON out."""

    def __init__(
        self, answer: Answer, *, tick: Callable[[], object], tick_ms: int, close: Callable[[], object] | None = None
    ) -> None:
        """Bind to a simulator.

        Args:
            answer: Answers one question; called on the one thread.
            tick: Moves the chain.
            tick_ms: How often, in milliseconds; 0 for never.
            close: Called at the end, after the last tick.
        """
        self._answer = answer
        self._tick = tick
        self._tick_ms = tick_ms
        self._close = close

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request, or the life of the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            status, body = await self._post(str(scope["path"]), receive)
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        ticking = asyncio.create_task(self._run_clock())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        ticking.cancel()
        if self._close is not None:
            self._close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _run_clock(self) -> None:
        while self._tick_ms:
            await asyncio.sleep(self._tick_ms / 1000)
            self._tick()

    async def _post(self, path: str, receive: Receive) -> tuple[int, bytes]:
        received, more = bytearray(), True
        while more:
            part = await receive()
            received += part.get("body", b"")
            more = part.get("more_body", False)
            if len(received) > MAX_REQUEST_BYTES:
                return 413, b""
        try:
            question = json.loads(received or b"{}")
        except (ValueError, RecursionError):
            return 400, b""
        status, answer = self._answer(path, question)
        return status, b"" if answer is NO_CONTENT else json.dumps(answer).encode()


def serve(app: JsonApp, port: int) -> None:
    """Serve on a loopback port until the process is stopped."""
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def module_launch(name: str, module: str, folder: Path, options: Mapping[str, object]) -> Launch:
    """How a module of this checkout is started with its options; its log is in a folder."""
    root = Path(__file__).resolve().parents[2]
    argv = (sys.executable, "-m", module, *(str(part) for option in options.items() for part in option))
    return Launch(name, argv, folder.resolve(), {"PYTHONPATH": str(root)})
