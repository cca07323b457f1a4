"""All local chains together: started on free loopback ports, mined steadily, stopped cleanly.

Rules:
    * What answers is named for what it is: a node, a virtual machine, or a simulator.
    * Bitcoin's regtest mines only when told to: a thread does it once a second. Ethereum's chain mines
      every transaction at once while contracts are set up, and once a second after `run_clock`.
    * `endpoints.json` in the folder says where everything answers, until it is stopped.

Example:
    with LocalChains.start(Path(".devnet/run")) as chains:
        chains.bitcoin.fund("bcrt1q...", 50_000)
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from custody.chains.evm.params import ETHEREUM_LOCAL
from custody.devnet.anvil import AnvilNode
from custody.devnet.knots import KnotsNode
from custody.devnet.processes import Stoppable
from custody.devnet.solana_vm import SolanaVm
from custody.primitives.errors import InvalidInput, NodeUnavailable, NotFound

BLOCK_TIME_S = 1
SLOT_MS = 150
"""Solana's slots are 400 ms; faster ones shorten the 32 slots to finality to five seconds."""

ENDPOINTS_FILE = "endpoints.json"


@dataclass(frozen=True, slots=True)
class ChainEndpoint:
    """Where one local chain answers.

    Attributes:
        chain: Our name of the network.
        evidence: "node", "VM" or "simulator", with what it is.
        url: HTTP address.
        cookie: File with user and password, where the node wants one; else empty.
        pid: Process id.
        log: Its log file.
    """

    chain: str
    evidence: str
    url: str
    cookie: str
    pid: int
    log: str

    def is_running(self) -> bool:
        """Tell whether the process still exists."""
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, 0)
            return True
        return False


class LocalChains(Stoppable):
    """Bitcoin, Ethereum and Solana on this machine."""

    def __init__(self, folder: Path, bitcoin: KnotsNode, ethereum: AnvilNode, solana: SolanaVm) -> None:
        self.folder = folder
        self.bitcoin = bitcoin
        self.ethereum = ethereum
        self.solana = solana
        self._stopping = threading.Event()
        self._miner = threading.Thread(target=self._mine, name="regtest-miner", daemon=True)

    @classmethod
    def start(cls, folder: Path) -> LocalChains:
        """Start all chains, or none.

        Args:
            folder: Data and logs of this run, made if missing.

        Raises:
            NodeUnavailable: One does not start; the end of its log is in the message.
            NotFound: A program is not installed; the message says how.
        """
        folder = folder.resolve()
        with ExitStack() as started:
            bitcoin = started.enter_context(KnotsNode.start(folder / "bitcoin"))
            ethereum = started.enter_context(AnvilNode.start(folder / "ethereum", ETHEREUM_LOCAL))
            solana = started.enter_context(SolanaVm.start(folder / "solana", slot_ms=SLOT_MS))
            started.pop_all()
        chains = cls(folder, bitcoin, ethereum, solana)
        chains._miner.start()
        rows = [asdict(endpoint) for endpoint in chains.endpoints()]
        (folder / ENDPOINTS_FILE).write_text(json.dumps(rows, indent=2) + "\n")
        return chains

    def endpoints(self) -> tuple[ChainEndpoint, ...]:
        """Where each chain answers, and what it is."""
        bitcoin, ethereum, solana = self.bitcoin.process, self.ethereum.process, self.solana.process
        cookie = str(self.folder / "bitcoin" / "regtest" / ".cookie")
        return (
            ChainEndpoint(
                "bitcoin-regtest",
                "node (Bitcoin Knots, regtest)",
                self.bitcoin.rpc.endpoint.url,
                cookie,
                bitcoin.pid,
                str(bitcoin.launch.log),
            ),
            ChainEndpoint(
                "ethereum-local", "node (anvil)", self.ethereum.url, "", ethereum.pid, str(ethereum.launch.log)
            ),
            ChainEndpoint(
                "solana-local",
                "VM (RPC and finality: simulator)",
                self.solana.url,
                "",
                solana.pid,
                str(solana.launch.log),
            ),
        )

    def run_clock(self) -> None:
        """From now on Ethereum's blocks come by the clock, as they do in earnest."""
        self.ethereum.rpc.call("evm_setIntervalMining", BLOCK_TIME_S)

    def stop(self) -> None:
        """Stop mining, then every chain; data and logs stay."""
        self._stopping.set()
        if self._miner.is_alive():
            self._miner.join()
        for chain in (self.solana, self.ethereum, self.bitcoin):
            chain.stop()
        (self.folder / ENDPOINTS_FILE).unlink(missing_ok=True)

    def _mine(self) -> None:
        while not self._stopping.wait(BLOCK_TIME_S):
            # The node may be busy or stopping; the next second tries again.
            with suppress(NodeUnavailable):
                self.bitcoin.mine(1)


def load_endpoints(folder: Path) -> tuple[ChainEndpoint, ...]:
    """Read where the chains of a run answer.

    Raises:
        NotFound: Nothing runs from this folder.
        InvalidInput: The file is damaged.
    """
    path = folder / ENDPOINTS_FILE
    try:
        return tuple(ChainEndpoint(**row) for row in json.loads(path.read_text()))
    except FileNotFoundError as error:
        raise NotFound(f"no local chains run from {folder}; start them with: mext devnet up") from error
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{path}: not a list of endpoints") from error
