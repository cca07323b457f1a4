"""A simulator: the Dogecoin ledger behind HTTP; `dogecoin_node` starts it as a process of its own.

Example:
    python -m custody.devnet.dogecoin_server --port 22555
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from custody.devnet.dogecoin_ledger import FAUCET_SCRIPT, DogecoinLedger
from custody.devnet.dogecoin_rpc import AnswerLost, DogecoinRpc, to_json
from custody.devnet.dogecoin_rules import MATURITY_BLOCKS

MAX_REQUEST_BYTES = 16 << 20
FIRST_BLOCKS = MATURITY_BLOCKS + 41
"""Forty mature coins for the faucet."""


class _Door(BaseHTTPRequestHandler):
    """Carries questions to the one ledger, one at a time."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together
    rpc: DogecoinRpc
    lock: threading.Lock

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        if length > MAX_REQUEST_BYTES:
            self.close_connection = True
            return
        body = self.rfile.read(length)
        try:
            with self.lock:
                answer = to_json(self.rpc.answer(json.loads(body)))
        except (AnswerLost, ValueError):
            self.close_connection = True  # nobody hears of it
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the server's own name
        """Say nothing: the log is for what goes wrong."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one network until the process is stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m custody.devnet.dogecoin_server", description="A Dogecoin simulator."
    )
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args(arguments).port
    ledger = DogecoinLedger()
    ledger.mine(FIRST_BLOCKS, FAUCET_SCRIPT)
    door = type("Door", (_Door,), {"rpc": DogecoinRpc(ledger), "lock": threading.Lock()})
    ThreadingHTTPServer(("127.0.0.1", port), door).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
