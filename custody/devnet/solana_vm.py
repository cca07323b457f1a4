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
from collections.abc import Sequence
from pathlib import Path

from custody.devnet.json_process import JsonApp, module_launch, serve
from custody.devnet.processes import CALL_TIMEOUT_S, NodeProcess, Stoppable, start_on_port
from custody.devnet.solana_journal import LedgerJournal
from custody.devnet.solana_rpc import SolanaRpc
from custody.nodes.jsonrpc import Endpoint, JsonRpc
from custody.primitives.clock import SystemClock
from custody.primitives.ids import TxId

DEFAULT_SLOT_MS = 25
"""A sixteenth of the network's 400 ms: final after 0.8 s instead of 13 s."""


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
        options = {"--state": folder.resolve(), "--slot-ms": slot_ms}
        process, rpc = start_on_port(
            port,
            lambda chosen: JsonRpc(Endpoint("solana-vm", f"http://127.0.0.1:{chosen}", timeout_s=CALL_TIMEOUT_S)),
            lambda chosen: module_launch("solana-vm", __name__, folder, {"--port": chosen, **options}),
            lambda rpc: rpc.call("getHealth") == "ok",
        )
        return cls(process, rpc)

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="solana-vm", description="The Solana VM behind a simulated JSON-RPC node.")
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    parser.add_argument("--state", type=Path, required=True, help="folder of the chain")
    parser.add_argument("--slot-ms", type=int, default=DEFAULT_SLOT_MS, help="length of a slot; 0: by devnet_mine only")
    options = parser.parse_args(arguments)
    ledger, journal = LedgerJournal.open(options.state, SystemClock().now_s(), options.slot_ms)
    rpc = SolanaRpc(ledger, journal)

    def tick() -> None:
        if not rpc.paused:
            journal.seal()

    app = JsonApp(
        lambda _, question: (200, rpc.answer(question)), tick=tick, tick_ms=options.slot_ms, close=journal.close
    )
    serve(app, options.port)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
