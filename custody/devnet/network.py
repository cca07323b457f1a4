"""All local chains together: started on free loopback ports, mined steadily, stopped cleanly.

Rules:
    * What answers is named for what it is: a node, a virtual machine, or a simulator. One row a chain says how it
      is started; nothing else in the house knows.
    * A regtest chain mines only when told to: a thread does it once a second. EVM chains mine every transaction at
      once while contracts are set up, and once a second after `run_clock`.
    * `endpoints.json` in the folder says where everything answers, until it is stopped.

Example:
    with LocalChains.start(Path(".devnet/run")) as chains:
        chains.node("bitcoin-regtest").fund("bcrt1q...", 50_000)
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from custody.chains.evm.params import BSC_LOCAL, ETHEREUM_LOCAL
from custody.devnet.anvil import AnvilNode
from custody.devnet.core_node import CoreNode
from custody.devnet.dogecoin_node import DogecoinSimulator
from custody.devnet.knots import KnotsNode
from custody.devnet.litecoin import LitecoinNode
from custody.devnet.processes import NodeProcess, Stoppable
from custody.devnet.solana_vm import SolanaVm
from custody.devnet.tron_simulator import TronOptions, TronSimulator
from custody.devnet.xrpl_simulator import XrplSimulator
from custody.primitives.errors import InvalidInput, InvariantBroken, NodeUnavailable, NotFound
from custody.primitives.ids import TxId

BLOCK_TIME_S = 1
SLOT_MS = 150
"""Solana's slots are 400 ms; faster ones shorten the 32 slots to finality to five seconds."""

ENDPOINTS_FILE = "endpoints.json"

N = TypeVar("N")


class LocalNode(Protocol):
    """What every local chain can do for us, whatever answers behind it."""

    process: NodeProcess

    @property
    def url(self) -> str:
        """Where it answers."""
        ...

    def fund(self, address: str, units: int, /) -> TxId:
        """Pay local coins from outside the house, in base units."""
        ...

    def mine(self, blocks: int, /) -> object:
        """Add blocks now."""
        ...

    def stop(self) -> None:
        """End it. Safe to call again."""
        ...


@dataclass(frozen=True, slots=True)
class LocalChainKind:
    """How one local chain is started.

    Attributes:
        chain: Our name of the network.
        evidence: "node", "VM" or "simulator", with what it is.
        start: Starts it in a folder.
        cookie: Where below that folder the node writes user and password; "" if it wants none.
        mined_by_hand: True where a block comes only when asked for.
    """

    chain: str
    evidence: str
    start: Callable[[Path], LocalNode]
    cookie: str = ""
    mined_by_hand: bool = False


def _solana(folder: Path) -> SolanaVm:
    return SolanaVm.start(folder, slot_ms=SLOT_MS)


def _tron(folder: Path) -> TronSimulator:
    return TronSimulator.start(folder, TronOptions(block_ms=BLOCK_TIME_S * 1_000))


KINDS: tuple[LocalChainKind, ...] = (
    LocalChainKind(
        "bitcoin-regtest", "node (Bitcoin Knots, regtest)", KnotsNode.start, "regtest/.cookie", mined_by_hand=True
    ),
    LocalChainKind(
        "litecoin-regtest", "node (Litecoin Core, regtest)", LitecoinNode.start, "regtest/.cookie", mined_by_hand=True
    ),
    LocalChainKind(
        "dogecoin-regtest", "simulator (scripts: libbitcoinkernel)", DogecoinSimulator.start, mined_by_hand=True
    ),
    LocalChainKind("ethereum-local", "node (anvil)", lambda folder: AnvilNode.start(folder, ETHEREUM_LOCAL)),
    LocalChainKind("bsc-local", "node (anvil; BSC consensus not reproduced)", lambda f: AnvilNode.start(f, BSC_LOCAL)),
    LocalChainKind("solana-local", "VM (RPC and finality: simulator)", _solana),
    LocalChainKind("tron-local", "simulator (bytes equal to tronweb's)", _tron),
    LocalChainKind("xrpl-local", "simulator (bytes equal to xrpl.js's)", XrplSimulator.start),
)
"""Every chain of the local network, in the order it is started."""


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
    """The local network on this machine."""

    def __init__(self, folder: Path, kinds: Sequence[LocalChainKind], nodes: Mapping[str, LocalNode]) -> None:
        self.folder = folder
        self._kinds = tuple(kinds)
        self._nodes = dict(nodes)
        self._stopping = threading.Event()
        self._miner = threading.Thread(target=self._mine, name="regtest-miner", daemon=True)

    @classmethod
    def start(cls, folder: Path, kinds: Sequence[LocalChainKind] = KINDS) -> LocalChains:
        """Start all chains, or none.

        Args:
            folder: Data and logs of this run, made if missing.
            kinds: Which chains.

        Raises:
            NodeUnavailable: One does not start; the end of its log is in the message.
            NotFound: A program is not installed; the message says how.
        """
        folder = folder.resolve()
        nodes: dict[str, LocalNode] = {}
        with ExitStack() as started:
            for kind in kinds:
                nodes[kind.chain] = kind.start(folder / kind.chain)
                started.callback(nodes[kind.chain].stop)
            started.pop_all()
        chains = cls(folder, kinds, nodes)
        chains._miner.start()
        rows = [asdict(endpoint) for endpoint in chains.endpoints()]
        (folder / ENDPOINTS_FILE).write_text(json.dumps(rows, indent=2) + "\n")
        return chains

    def node(self, chain: str) -> LocalNode:
        """What answers for a chain.

        Raises:
            NotFound: It is not part of this network.
        """
        if chain not in self._nodes:
            raise NotFound(f"no local chain {chain!r}; there are: {', '.join(self._nodes)}", chain=chain)
        return self._nodes[chain]

    @property
    def names(self) -> frozenset[str]:
        """Which chains run."""
        return frozenset(self._nodes)

    @property
    def bitcoin(self) -> KnotsNode:
        """The Bitcoin node."""
        return _of_kind(KnotsNode, self.node("bitcoin-regtest"))

    @property
    def ethereum(self) -> AnvilNode:
        """The EVM node that carries the contracts."""
        return self.evm("ethereum-local")

    @property
    def solana(self) -> SolanaVm:
        """The Solana VM behind its simulated RPC."""
        return _of_kind(SolanaVm, self.node("solana-local"))

    @property
    def tron(self) -> TronSimulator:
        """The simulator of Tron's ledger."""
        return _of_kind(TronSimulator, self.node("tron-local"))

    @property
    def xrpl(self) -> XrplSimulator:
        """The simulator of the XRP Ledger."""
        return _of_kind(XrplSimulator, self.node("xrpl-local"))

    def core(self, chain: str) -> CoreNode:
        """A Bitcoin or Litecoin node."""
        return _of_kind(CoreNode, self.node(chain))

    def dogecoin(self, chain: str) -> DogecoinSimulator:
        """The simulator of Dogecoin's node."""
        return _of_kind(DogecoinSimulator, self.node(chain))

    def evm(self, chain: str) -> AnvilNode:
        """An EVM node."""
        return _of_kind(AnvilNode, self.node(chain))

    def endpoints(self) -> tuple[ChainEndpoint, ...]:
        """Where each chain answers, and what it is."""
        return tuple(
            ChainEndpoint(
                kind.chain,
                kind.evidence,
                node.url,
                str(self.folder / kind.chain / kind.cookie) if kind.cookie else "",
                node.process.pid,
                str(node.process.launch.log),
            )
            for kind in self._kinds
            for node in (self._nodes[kind.chain],)
        )

    def run_clock(self) -> None:
        """From now on the blocks of EVM chains come by the clock, as they do in earnest."""
        for node in self._nodes.values():
            if isinstance(node, AnvilNode):
                node.mine_every(BLOCK_TIME_S)

    def stop(self) -> None:
        """Stop mining, then every chain, last first; data and logs stay."""
        self._stopping.set()
        if self._miner.is_alive():
            self._miner.join()
        for node in reversed(self._nodes.values()):
            node.stop()
        (self.folder / ENDPOINTS_FILE).unlink(missing_ok=True)

    def _mine(self) -> None:
        by_hand = [self._nodes[kind.chain] for kind in self._kinds if kind.mined_by_hand]
        while not self._stopping.wait(BLOCK_TIME_S):
            for node in by_hand:
                # The node may be busy or stopping; the next second tries again.
                with suppress(NodeUnavailable):
                    node.mine(1)


def _of_kind(kind: type[N], node: LocalNode) -> N:
    if not isinstance(node, kind):
        raise InvariantBroken(f"{node.url} is served by {type(node).__name__}, not {kind.__name__}")
    return node


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
