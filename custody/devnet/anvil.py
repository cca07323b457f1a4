"""Anvil: a local EVM node that executes the real contracts.

Rules:
    * Loopback only, on a free port; chain id of the network's row, so that a wrong one shows.
    * It executes for real. Consensus, fees of second layers and BSC's validators are not reproduced.
    * With a state file the chain survives a restart.

Example:
    with AnvilNode.start(Path(".devnet/run/anvil"), ETHEREUM_LOCAL) as anvil:
        anvil.fund("0x...", 10**18)
        anvil.mine(3)
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from custody.chains.evm.deploy import install_release, send_unlocked
from custody.chains.evm.node import EvmNode
from custody.chains.evm.params import EvmParams
from custody.devnet.processes import CALL_TIMEOUT_S, Launch, NodeProcess, Stoppable, start_on_port
from custody.nodes.jsonrpc import Endpoint, JsonRpc
from custody.primitives.errors import NotFound
from custody.primitives.ids import TxId
from custody.primitives.invariant import invariant

PROGRAM_VARIABLE = "MEXT_ANVIL"
"""Names another anvil binary."""
STATE_INTERVAL_S = 5

_PACKAGES = {"x86_64": "anvil-linux-amd64", "aarch64": "anvil-linux-arm64"}


@dataclass(frozen=True, slots=True)
class AnvilOptions:
    """How to run it.

    Attributes:
        block_time_s: Seconds between blocks; 0 mines one at every transaction.
        keep_state: Load and store the chain in `state.json` of the folder.
        port: Fixed port; 0 for a free one.
    """

    block_time_s: int = 0
    keep_state: bool = False
    port: int = 0


def find_anvil() -> Path | None:
    """Return the binary: MEXT_ANVIL, else the npm package in this project; None if absent."""
    named = os.environ.get(PROGRAM_VARIABLE)
    package = _PACKAGES.get(platform.machine(), "")
    root = Path(__file__).resolve().parents[2]
    program = Path(named) if named else root / "node_modules" / "@foundry-rs" / package / "bin" / "anvil"
    return program if program.is_file() else None


class AnvilNode(Stoppable):
    """A running node with the canonical Safe contracts."""

    def __init__(self, process: NodeProcess, rpc: JsonRpc, params: EvmParams) -> None:
        self.process = process
        self.rpc = rpc
        self.node = EvmNode(rpc, params)

    @classmethod
    def start(cls, folder: Path, params: EvmParams, options: AnvilOptions | None = None) -> AnvilNode:
        """Start a node and install the Safe contracts.

        Args:
            folder: Its log, and its state if kept.
            params: Row of a local chain.
            options: See `AnvilOptions`.

        Raises:
            NotFound: No binary; run `npm ci`.
            NodeStartFailed: It does not start; the log's end is in the message.
            Refused: The row is not of a local chain.
        """
        program = find_anvil()
        if program is None:
            raise NotFound(f"no anvil on this {platform.machine()} machine; run npm ci, or set {PROGRAM_VARIABLE}")
        chosen = options or AnvilOptions()
        anvil = cls._launch(program, folder.resolve(), params, chosen)
        with ExitStack() as undo:
            undo.callback(anvil.stop)
            install_release(anvil.node)
            undo.pop_all()
        return anvil

    @classmethod
    def _launch(cls, program: Path, folder: Path, params: EvmParams, options: AnvilOptions) -> AnvilNode:
        process, rpc = start_on_port(
            options.port,
            lambda port: JsonRpc(Endpoint("anvil", f"http://127.0.0.1:{port}", timeout_s=CALL_TIMEOUT_S)),
            lambda port: Launch("anvil", _command(program, port, params, options), folder),
            lambda rpc: bool(rpc.call("eth_chainId")),
        )
        return cls(process, rpc, params)

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.rpc.endpoint.url

    def mine(self, blocks: int = 1) -> None:
        """Add empty blocks."""
        self.rpc.call("anvil_mine", hex(blocks))

    def mine_every(self, seconds: int) -> None:
        """From now on add a block every so many seconds instead of one at every transaction."""
        self.rpc.call("evm_setIntervalMining", seconds)

    def fund(self, address: str, value_wei: int) -> TxId:
        """Pay local coins from the node's own account, mined at once."""
        return TxId(send_unlocked(self.node, address, b"", value_wei).txid)

    def send(self, to: str, call: bytes, value_wei: int = 0) -> TxId:
        """Call a contract from the node's own account, mined at once."""
        return TxId(send_unlocked(self.node, to, call, value_wei).txid)

    def create(self, creation_code: bytes) -> str:
        """Deploy a contract from the node's own account; its address, EIP-55."""
        created = send_unlocked(self.node, None, creation_code).created
        invariant(created is not None, "a creation has an address")
        return str(created)

    def reorg(self, depth: int, replacements: Mapping[int, tuple[str, ...]] | None = None) -> None:
        """Replace the newest blocks by others, empty but for the raw transactions given.

        Args:
            depth: How many blocks.
            replacements: Raw signed transactions (0x...) per place among the new blocks, from 0.
        """
        pairs: list[list[Any]] = [[raw, place] for place, raws in (replacements or {}).items() for raw in raws]
        self.rpc.call("anvil_reorg", depth, pairs)

    def stop(self) -> None:
        """End it; a kept state is written first."""
        self.rpc.close()
        self.process.stop()


def _command(program: Path, port: int, params: EvmParams, options: AnvilOptions) -> tuple[str, ...]:
    command = [str(program), "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(params.chain_id)]
    if options.block_time_s:
        command += ["--block-time", str(options.block_time_s)]
    if options.keep_state:
        command += ["--state", "state.json", "--state-interval", str(STATE_INTERVAL_S)]
    return tuple(command)
