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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from custody.devnet.json_process import NO_CONTENT, JsonApp, module_launch, serve
from custody.devnet.processes import CALL_TIMEOUT_S, NodeProcess, Stoppable, start_on_port
from custody.devnet.tron_http import BLOCK_MS, TronApi, Unanswered
from custody.devnet.tron_journal import TronJournal
from custody.nodes.posting import Endpoint
from custody.nodes.tron import TronHttp
from custody.primitives.clock import SystemClock
from custody.primitives.ids import TxId

EVIDENCE = "simulator"
DEFAULT_BLOCK_MS = 500
"""A sixth of the network's 3 s."""
DEFAULT_SOLID_DEPTH = 3
"""Blocks on top of a final one, so that depth 4 is final, as the row `tron-local` says; the network has 19 or so."""


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
        state = folder.resolve()
        given = {"--state": state, "--block-ms": chosen.block_ms, "--solid-depth": chosen.solid_depth}
        process, http = start_on_port(
            chosen.port,
            lambda port: TronHttp(Endpoint("tron-simulator", f"http://127.0.0.1:{port}", timeout_s=CALL_TIMEOUT_S)),
            lambda port: module_launch("tron-simulator", __name__, folder, {"--port": port, **given}),
            lambda http: bool(http.ask("/wallet/getnowblock")),
        )
        return cls(process, http)

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.http.endpoint.url

    def mine(self, blocks: int = 1, *, milliseconds: int = BLOCK_MS) -> int:
        """Seal blocks, by default three seconds of chain time each; the new height."""
        return int(self.http.ask("/devnet/mine", blocks=blocks, milliseconds=milliseconds)["height"])

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


def _answer(api: TronApi, path: str, question: Any) -> tuple[int, Any]:  # noqa: ANN401 - any JSON
    """An answer; 404 for a path that is not served, 503 where the node is to be silent."""
    try:
        answer = api.answer(path, question if isinstance(question, dict) else {})
    except Unanswered:
        return 503, NO_CONTENT
    return (404, NO_CONTENT) if answer is None else (200, answer)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="tron-simulator", description="A simulator of the Tron ledger; no node.")
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    parser.add_argument("--state", type=Path, required=True, help="folder of the chain")
    parser.add_argument("--block-ms", type=int, default=DEFAULT_BLOCK_MS, help="time between blocks; 0: by mine only")
    parser.add_argument("--solid-depth", type=int, default=DEFAULT_SOLID_DEPTH, help="blocks on top of a final one")
    options = parser.parse_args(arguments)
    ledger, journal = TronJournal.open(options.state, SystemClock().now_s() * 1000, options.solid_depth)
    api = TronApi(ledger, journal)

    def tick() -> None:
        if not api.paused:
            journal.seal(SystemClock().now_s() * 1000)

    app = JsonApp(partial(_answer, api), tick=tick, tick_ms=options.block_ms, close=journal.close)
    serve(app, options.port)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
