"""A local XRP Ledger in a process of its own: a simulator that speaks a node's JSON-RPC.

Rules:
    * No ledger software runs here: rules and results are simulated, and `server_state` says so. Signatures,
      hashes and serialisation are real.
    * One thread serves all: no answer ever sees half a ledger. Nothing survives the process.
    * With ledgers of 0 ms nothing moves by itself; `mine` closes ledgers.

Example:
    python -m custody.devnet.xrpl_simulator --port 5005 --ledger-ms 1000

    with XrplSimulator.start(folder) as xrpl:
        xrpl.fund("r...", 100_000_000)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import uvicorn

from custody.devnet.processes import Launch, NodeProcess, NodeStartFailed, Stoppable, free_port
from custody.devnet.xrpl_ledger import SimLedger
from custody.devnet.xrpl_rpc import XrplRpc
from custody.nodes.posting import Endpoint
from custody.nodes.rippled import RippledRpc
from custody.primitives.clock import SystemClock
from custody.primitives.ids import TxId

DEFAULT_LEDGER_MS = 1_000
"""A quarter of the network's 3 to 5 s."""
MAX_REQUEST_BYTES = 1 << 20
START_ATTEMPTS = 3
"""A free port may be taken by somebody else before we listen on it."""
TIMEOUT_S = 10

Message = MutableMapping[str, Any]


class XrplSimulator(Stoppable):
    """A running simulator and a client for it."""

    def __init__(self, process: NodeProcess, rpc: RippledRpc) -> None:
        self.process = process
        self.rpc = rpc

    @classmethod
    def start(cls, folder: Path, *, port: int = 0, ledger_ms: int = DEFAULT_LEDGER_MS) -> XrplSimulator:
        """Start a process and wait until it answers.

        Args:
            folder: Its log.
            port: 0 for any free one.
            ledger_ms: Time between ledgers; 0 for ledgers that only `mine` closes.

        Raises:
            NodeStartFailed: It does not start; the log's end is in the message.
        """
        root = Path(__file__).resolve().parents[2]
        for attempt in range(START_ATTEMPTS):
            chosen = port or free_port()
            rpc = RippledRpc(Endpoint("xrpl-simulator", f"http://127.0.0.1:{chosen}", timeout_s=TIMEOUT_S))
            arguments = ("--port", str(chosen), "--ledger-ms", str(ledger_ms))
            launch = Launch(
                "xrpl-simulator",
                (sys.executable, "-m", "custody.devnet.xrpl_simulator", *arguments),
                folder.resolve(),
                {"PYTHONPATH": str(root)},
            )
            try:
                ready = NodeProcess.start(launch, is_ready=lambda rpc=rpc: bool(rpc.call("server_state")))  # type: ignore[misc]
            except NodeStartFailed:
                rpc.close()
                if port or attempt == START_ATTEMPTS - 1:
                    raise
                continue
            return cls(ready, rpc)
        raise NodeStartFailed("xrpl-simulator: no free port")

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.rpc.endpoint.url

    def mine(self, ledgers: int = 1) -> int:
        """Close ledgers; the newest validated one."""
        return int(self.rpc.call("devnet_close", ledgers=ledgers)["ledger_index"])

    def fund(self, address: str, drops: int, tag: int | None = None) -> TxId:
        """Pay drops from the genesis account, in a ledger closed at once; the transaction's hash."""
        txid = TxId(str(self.rpc.call("devnet_pay", to=address, drops=drops, tag=tag)["hash"]))
        self.mine()
        return txid

    def fund_partly(self, address: str, asked: int, delivered: int, tag: int | None = None) -> TxId:
        """Pay as a partial payment does: `asked` stands in Amount, `delivered` arrives."""
        answer = self.rpc.call("devnet_pay", to=address, drops=delivered, asked=asked, tag=tag)
        self.mine()
        return TxId(str(answer["hash"]))

    def fault(self, **faults: Any) -> None:  # noqa: ANN401 - see xrpl_ledger.Faults
        """Switch faults on or off; names and values of `xrpl_ledger.Faults`."""
        self.rpc.call("devnet_fault", **faults)

    def stop(self) -> None:
        """End it."""
        self.rpc.close()
        self.process.stop()


class SimulatorApp:
    """The HTTP side, as an ASGI application: POST in, JSON out."""

    def __init__(self, rpc: XrplRpc, ledger_ms: int) -> None:
        self._rpc = rpc
        self._ledger_ms = ledger_ms

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Serve one request, or the life of the process."""
        if scope["type"] == "lifespan":
            await receive()
            ticking = asyncio.create_task(self._tick())
            await send({"type": "lifespan.startup.complete"})
            await receive()
            ticking.cancel()
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "http":
            status, body = await self._answer(receive)
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _tick(self) -> None:
        while self._ledger_ms:
            await asyncio.sleep(self._ledger_ms / 1000)
            self._rpc.ledger.close()

    async def _answer(self, receive: Callable[[], Awaitable[Message]]) -> tuple[int, bytes]:
        received, more = bytearray(), True
        while more:
            part = await receive()
            received += part.get("body", b"")
            more = part.get("more_body", False)
            if len(received) > MAX_REQUEST_BYTES:
                return 413, b""
        try:
            question = json.loads(received)
        except (ValueError, RecursionError):
            return 400, b""
        faults, asked = self._rpc.ledger.faults, isinstance(question, dict) and str(question.get("method"))
        if faults.silent and asked != "devnet_fault":
            return 503, b""
        answer = json.dumps(self._rpc.answer(question)).encode()
        if faults.lost_answers and asked == "submit":
            faults.lost_answers -= 1
            return 502, b""
        return 200, answer


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="xrpl-simulator", description="A simulated XRP Ledger behind JSON-RPC.")
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    parser.add_argument(
        "--ledger-ms", type=int, default=DEFAULT_LEDGER_MS, help="time between ledgers; 0: devnet_close"
    )
    options = parser.parse_args(arguments)
    app = SimulatorApp(XrplRpc(SimLedger(SystemClock().now_s())), options.ledger_ms)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
