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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from custody.devnet.json_process import NO_CONTENT, JsonApp, module_launch, serve
from custody.devnet.processes import CALL_TIMEOUT_S, NodeProcess, Stoppable, start_on_port
from custody.devnet.xrpl_ledger import SimLedger
from custody.devnet.xrpl_rpc import XrplRpc
from custody.nodes.posting import Endpoint
from custody.nodes.rippled import RippledRpc
from custody.primitives.clock import SystemClock
from custody.primitives.ids import TxId

DEFAULT_LEDGER_MS = 1_000
"""A quarter of the network's 3 to 5 s."""


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
        process, rpc = start_on_port(
            port,
            lambda chosen: RippledRpc(
                Endpoint("xrpl-simulator", f"http://127.0.0.1:{chosen}", timeout_s=CALL_TIMEOUT_S)
            ),
            lambda chosen: module_launch(
                "xrpl-simulator", __name__, folder, {"--port": chosen, "--ledger-ms": ledger_ms}
            ),
            lambda rpc: bool(rpc.call("server_state")),
        )
        return cls(process, rpc)

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


def _answer(rpc: XrplRpc, question: Any) -> tuple[int, Any]:  # noqa: ANN401 - any JSON
    """An answer, or the lack of one where a fault is switched on."""
    faults, asked = rpc.ledger.faults, isinstance(question, dict) and str(question.get("method"))
    if faults.silent and asked != "devnet_fault":
        return 503, NO_CONTENT
    answer = rpc.answer(question)
    if faults.lost_answers and asked == "submit":
        faults.lost_answers -= 1
        return 502, NO_CONTENT
    return 200, answer


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="xrpl-simulator", description="A simulated XRP Ledger behind JSON-RPC.")
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    parser.add_argument(
        "--ledger-ms", type=int, default=DEFAULT_LEDGER_MS, help="time between ledgers; 0: devnet_close"
    )
    options = parser.parse_args(arguments)
    ledger = SimLedger(SystemClock().now_s())
    rpc = XrplRpc(ledger)
    app = JsonApp(lambda _, question: _answer(rpc, question), tick=ledger.close, tick_ms=options.ledger_ms)
    serve(app, options.port)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
