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

from pathlib import Path

from custody.devnet.json_process import module_launch
from custody.devnet.processes import CALL_TIMEOUT_S, NodeProcess, Stoppable, start_on_port
from custody.nodes.bitcoin import BitcoinNode
from custody.nodes.jsonrpc import Endpoint, JsonRpc
from custody.primitives.ids import TxId


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
        process, rpc = start_on_port(
            0,
            lambda port: JsonRpc(Endpoint("dogecoin-simulator", f"http://127.0.0.1:{port}", timeout_s=CALL_TIMEOUT_S)),
            lambda port: module_launch(
                "dogecoin-simulator", "custody.devnet.dogecoin_server", folder, {"--port": port}
            ),
            lambda rpc: bool(rpc.call("getblockcount")),
        )
        return cls(process, rpc)

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
