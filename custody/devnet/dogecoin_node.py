"""A simulator of a Dogecoin node, in a process of its own, with the interface of the real local nodes.

No dogecoind can be had from a package registry. Scripts are run by libbitcoinkernel; blocks, fees, pool and
JSON-RPC are a simulator, and `getnetworkinfo` says so.

Rules:
    * Loopback only; state lives as long as the process.
    * Nothing moves by itself: `mine` makes blocks.

Example:
    with DogecoinSimulator.start(Path(".devnet/dogecoin")) as dogecoin:
        txid = dogecoin.fund("2N...", 10 * 10**8)
        dogecoin.mine(6)
"""

from __future__ import annotations

import sys
from pathlib import Path

from custody.devnet.processes import Launch, NodeProcess, NodeStartFailed, Stoppable, free_port
from custody.nodes.bitcoin import BitcoinNode
from custody.nodes.jsonrpc import Endpoint, JsonRpc
from custody.primitives.ids import TxId

START_ATTEMPTS = 3
"""Another process may take the free port between the choice and the start."""


class DogecoinSimulator(Stoppable):
    """A running simulator with a funded faucet."""

    def __init__(self, process: NodeProcess, rpc: JsonRpc) -> None:
        self.process = process
        self.rpc = rpc
        self.node = BitcoinNode(rpc)

    @classmethod
    def start(cls, folder: Path) -> DogecoinSimulator:
        """Start a new network.

        Args:
            folder: For the log, `folder/dogecoin-simulator.log`.

        Raises:
            NodeStartFailed: It does not start; the log's end is in the message.
        """
        root = Path(__file__).resolve().parents[2]
        for attempt in range(START_ATTEMPTS):
            port = free_port()
            rpc = JsonRpc(Endpoint("dogecoin-simulator", f"http://127.0.0.1:{port}"))
            argv = (sys.executable, "-m", "custody.devnet.dogecoin_server", "--port", str(port))
            launch = Launch("dogecoin-simulator", argv, folder.resolve(), {"PYTHONPATH": str(root)})
            try:
                process = NodeProcess.start(launch, is_ready=lambda rpc=rpc: bool(rpc.call("getblockcount")))  # type: ignore[misc]
            except NodeStartFailed:
                rpc.close()
                if attempt == START_ATTEMPTS - 1:
                    raise
                continue
            return cls(process, rpc)
        raise NodeStartFailed("dogecoin-simulator: no free port")

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.rpc.endpoint.url

    def mine(self, blocks: int, to: str | None = None) -> list[str]:
        """Mine blocks and return their hashes; the reward goes to the faucet or to an address."""
        method, further = ("sim_mine", ()) if to is None else ("generatetoaddress", (to,))
        return list(self.rpc.call(method, blocks, *further))

    def fund(self, address: str, value_sat: int) -> TxId:
        """Pay local coins from the faucet, in koinu; unconfirmed until `mine`."""
        return self.fund_many({address: value_sat})

    def fund_many(self, values_sat: dict[str, int]) -> TxId:
        """Pay local coins to several addresses in one transaction."""
        return TxId(str(self.rpc.call("sim_fund", values_sat)))

    def holds(self, address: str) -> int:
        """Koinu that an address holds in blocks; Dogecoin Core has no such question, so it is the simulator's own."""
        return int(self.rpc.call("sim_holds", address))

    def reorganise(self, depth: int) -> list[str]:
        """Throw away the newest blocks and mine as many and one more empty ones in their place; their hashes."""
        return list(self.rpc.call("sim_reorganise", depth))

    def stop(self) -> None:
        """End it; its chain ends with it."""
        self.rpc.close()
        self.process.stop()
