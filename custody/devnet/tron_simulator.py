"""A local Tron: a simulator of its ledger in a process of its own, behind java-tron's HTTP interface.

No Tron node runs here: permissions, expiry, duplicates and solidification are written anew after java-tron.
Whatever is shown from it is to be labelled "simulator".

Rules:
    * One thread serves all: no answer ever sees half a block.
    * With blocks of 0 ms nothing moves by itself; `mine` seals blocks, three seconds of chain time each.

Example:
    python -m custody.devnet.tron_simulator --port 8090 --state .devnet/tron --block-ms 500

    with TronSimulator.start(folder) as tron:
        tron.fund("T...", 10**9)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from custody.devnet.processes import Launch, NodeProcess, NodeStartFailed, Stoppable, free_port
from custody.devnet.tron_http import TronApi, Unanswered
from custody.devnet.tron_journal import TronJournal
from custody.nodes.posting import Endpoint
from custody.nodes.tron import TronHttp
from custody.primitives.clock import SystemClock
from custody.primitives.ids import TxId

EVIDENCE = "simulator"
DEFAULT_BLOCK_MS = 500
"""A sixth of the network's 3 s."""
DEFAULT_SOLID_DEPTH = 3
"""Blocks on top of a final one; the network has 19 or so. Depth 4 of the row `tron-local`."""
MAX_REQUEST_BYTES = 1 << 20
START_ATTEMPTS = 3
"""A free port may be taken by somebody else before we listen on it."""

Message = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class TronOptions:
    """How to run it.

    Attributes:
        block_ms: Milliseconds between blocks; 0 for blocks that only `mine` seals.
        solid_depth: Blocks on top that make a block final, for a new chain.
        port: Fixed port; 0 for a free one.
    """

    block_ms: int = DEFAULT_BLOCK_MS
    solid_depth: int = DEFAULT_SOLID_DEPTH
    port: int = 0


class TronSimulator(Stoppable):
    """A running simulator and a client for it."""

    def __init__(self, process: NodeProcess, http: TronHttp) -> None:
        self.process = process
        self.http = http

    @classmethod
    def start(cls, folder: Path, options: TronOptions | None = None) -> TronSimulator:
        """Start a process and wait until it answers.

        Args:
            folder: Its state and its log; the state of an earlier run is continued.
            options: See `TronOptions`.

        Raises:
            NodeStartFailed: It does not start; the log's end is in the message.
        """
        chosen = options or TronOptions()
        for attempt in range(START_ATTEMPTS):
            port = chosen.port or free_port()
            http = TronHttp(Endpoint("tron-simulator", f"http://127.0.0.1:{port}"))
            launch = Launch("tron-simulator", _command(port, folder, chosen), folder.resolve(), _environment())
            try:
                process = NodeProcess.start(
                    launch,
                    is_ready=lambda http=http: bool(http.ask("/wallet/getnowblock")),  # type: ignore[misc]
                )
            except NodeStartFailed:
                http.close()
                if chosen.port or attempt == START_ATTEMPTS - 1:
                    raise
                continue
            return cls(process, http)
        raise NodeStartFailed("tron-simulator: no free port")

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.http.endpoint.url

    def mine(self, blocks: int = 1) -> int:
        """Seal blocks, three seconds of chain time each; the new height."""
        return int(self.http.ask("/devnet/mine", blocks=blocks)["height"])

    def fund(self, address: str, sun: int) -> TxId:
        """Pay TRX from the faucet; in the next block."""
        return TxId(self.http.ask("/devnet/fund", address=address, sun=sun)["txid"])

    def create_token(self, symbol: str, *, reverts: bool = False) -> str:
        """Put up a built-in TRC-20 token; its contract."""
        return str(self.http.ask("/devnet/token", symbol=symbol, reverts=reverts)["contract"])

    def mint(self, contract: str, to: str, units: int) -> None:
        """Give somebody tokens, without an event; in the next block."""
        self.http.ask("/devnet/mint", contract=contract, to=to, units=units)

    def reorg(self, depth: int) -> list[str]:
        """Drop the newest blocks; ids of the transactions that are in no block any more."""
        return list(self.http.ask("/devnet/reorg", depth=depth)["lost"])

    def forget(self) -> list[str]:
        """Drop what waits for a block, as a node does that restarts; the ids."""
        return list(self.http.ask("/devnet/forget")["lost"])

    def fault(self, **wanted: Any) -> None:  # noqa: ANN401 - see `TronApi`
        """Make it fail: paused=, silent=, answers_to_lose=, lies={path: answer}."""
        self.http.ask("/devnet/fault", **wanted)

    def stop(self) -> None:
        """End it; its state stays."""
        self.http.close()
        self.process.stop()


class HttpApp:
    """The HTTP side, as an ASGI application: POST in, JSON out."""

    def __init__(self, api: TronApi, journal: TronJournal, block_ms: int) -> None:
        self._api = api
        self._journal = journal
        self._block_ms = block_ms

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Serve one request, or the life of the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            status, body = await self._post(str(scope["path"]), receive)
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _live(
        self, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        await receive()
        ticking = asyncio.create_task(self._tick())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        ticking.cancel()
        self._journal.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _tick(self) -> None:
        while self._block_ms:
            await asyncio.sleep(self._block_ms / 1000)
            if not self._api.paused:
                self._journal.seal(SystemClock().now_s() * 1000)

    async def _post(self, path: str, receive: Callable[[], Awaitable[Message]]) -> tuple[int, bytes]:
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
        try:
            answer = self._api.answer(path, question if isinstance(question, dict) else {})
        except Unanswered:
            return 503, b""
        return (404, b"") if answer is None else (200, json.dumps(answer).encode())


def _command(port: int, folder: Path, options: TronOptions) -> tuple[str, ...]:
    numbers = {"--port": port, "--block-ms": options.block_ms, "--solid-depth": options.solid_depth}
    arguments = tuple(text for name, value in numbers.items() for text in (name, str(value)))
    return (sys.executable, "-m", "custody.devnet.tron_simulator", "--state", str(folder.resolve()), *arguments)


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="tron-simulator", description="A simulator of the Tron ledger; no node.")
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    parser.add_argument("--state", type=Path, required=True, help="folder of the chain")
    parser.add_argument("--block-ms", type=int, default=DEFAULT_BLOCK_MS, help="time between blocks; 0: by mine only")
    parser.add_argument("--solid-depth", type=int, default=DEFAULT_SOLID_DEPTH, help="blocks on top of a final one")
    options = parser.parse_args(arguments)
    ledger, journal = TronJournal.open(options.state, SystemClock().now_s() * 1000, options.solid_depth)
    app = HttpApp(TronApi(ledger, journal), journal, options.block_ms)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
