"""A local Solana: the real VM in a process of its own, behind a simulated JSON-RPC node.

Rules:
    * Programs execute for real; blocks, commitment levels, expiry and history are a simulator, and
      `getVersion` says so.
    * One thread serves all: no answer ever sees half a slot.
    * With slots of 0 ms nothing moves by itself; `devnet_mine` seals slots.

Example:
    python -m custody.devnet.solana_vm --port 8899 --state .devnet/solana --slot-ms 25

    with SolanaVm.start(folder) as vm:
        vm.rpc.call("getSlot")
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
from custody.devnet.solana_journal import LedgerJournal
from custody.devnet.solana_rpc import SolanaRpc
from custody.nodes.jsonrpc import Endpoint, JsonRpc
from custody.primitives.clock import SystemClock
from custody.primitives.ids import TxId

DEFAULT_SLOT_MS = 25
"""A sixteenth of the network's 400 ms: final after 0.8 s instead of 13 s."""
MAX_REQUEST_BYTES = 1 << 20
START_ATTEMPTS = 3
"""A free port may be taken by somebody else before we listen on it."""

Message = MutableMapping[str, Any]


class SolanaVm(Stoppable):
    """A running VM process and a client for it."""

    def __init__(self, process: NodeProcess, rpc: JsonRpc) -> None:
        self.process = process
        self.rpc = rpc

    @classmethod
    def start(cls, folder: Path, *, port: int = 0, slot_ms: int = DEFAULT_SLOT_MS) -> SolanaVm:
        """Start a process and wait until it answers.

        Args:
            folder: Its state and its log; the state of an earlier run is continued.
            port: 0 for any free one.
            slot_ms: Length of a slot; 0 for slots that only `mine` seals.

        Raises:
            NodeStartFailed: It does not start; the log's end is in the message.
        """
        for attempt in range(START_ATTEMPTS):
            chosen = port or free_port()
            rpc = JsonRpc(Endpoint("solana-vm", f"http://127.0.0.1:{chosen}"))
            arguments = ("--port", str(chosen), "--state", str(folder.resolve()), "--slot-ms", str(slot_ms))
            root = Path(__file__).resolve().parents[2]
            launch = Launch(
                "solana-vm",
                (sys.executable, "-m", "custody.devnet.solana_vm", *arguments),
                folder.resolve(),
                {"PYTHONPATH": str(root)},
            )
            try:
                ready = NodeProcess.start(launch, is_ready=lambda rpc=rpc: rpc.call("getHealth") == "ok")  # type: ignore[misc]
            except NodeStartFailed:
                rpc.close()
                if port or attempt == START_ATTEMPTS - 1:
                    raise
                continue
            return cls(ready, rpc)
        raise NodeStartFailed("solana-vm: no free port")

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.rpc.endpoint.url

    def mine(self, slots: int = 1) -> int:
        """Seal slots; the newest confirmed one."""
        return int(self.rpc.call("devnet_mine", slots))

    def fund(self, address: str, lamports: int) -> TxId:
        """Pay lamports from the faucet; id of the transaction."""
        return TxId(str(self.rpc.call("requestAirdrop", address, lamports)))

    def reorg(self, depth: int) -> list[str]:
        """Drop the newest blocks; ids of the dropped transactions."""
        return list(self.rpc.call("devnet_reorg", depth))

    def stop(self) -> None:
        """End it; its state stays."""
        self.rpc.close()
        self.process.stop()


class RpcApp:
    """The HTTP side, as an ASGI application: POST in, JSON out."""

    def __init__(self, rpc: SolanaRpc, journal: LedgerJournal, slot_ms: int) -> None:
        self._rpc = rpc
        self._journal = journal
        self._slot_ms = slot_ms

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Serve one request, or the life of the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            status, body = await self._post(receive)
            await send(
                {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
            )
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
        while self._slot_ms:
            await asyncio.sleep(self._slot_ms / 1000)
            if not self._rpc.paused:
                self._journal.seal()

    async def _post(self, receive: Callable[[], Awaitable[Message]]) -> tuple[int, bytes]:
        received, more = bytearray(), True
        while more:
            part = await receive()
            received += part.get("body", b"")
            more = part.get("more_body", False)
            if len(received) > MAX_REQUEST_BYTES:
                return 413, b"{}"
        try:
            question = json.loads(received)
        except (ValueError, RecursionError):
            return 400, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}'
        return 200, json.dumps(self._rpc.answer(question)).encode()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="solana-vm", description="The Solana VM behind a simulated JSON-RPC node.")
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    parser.add_argument("--state", type=Path, required=True, help="folder of the chain")
    parser.add_argument("--slot-ms", type=int, default=DEFAULT_SLOT_MS, help="length of a slot; 0: by devnet_mine only")
    options = parser.parse_args(arguments)
    ledger, journal = LedgerJournal.open(options.state, SystemClock().now_s(), options.slot_ms)
    app = RpcApp(SolanaRpc(ledger, journal), journal, options.slot_ms)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
