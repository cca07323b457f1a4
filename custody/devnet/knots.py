"""Bitcoin Knots on regtest: a real node that refuses what the network would refuse.

Rules:
    * Loopback only, own data folder, password by cookie file, no peers, no discovery.
    * Its wallet is a faucet for local coins; it never holds a key of a wallet under test.
    * `python -m custody.devnet.knots install` fetches the node without root, see `private_apt`.

Example:
    with KnotsNode.start(Path(".devnet/run"), installed_in=Path(".devnet/knots")) as bitcoin:
        txid = bitcoin.fund("bcrt1q...", 50_000)
        bitcoin.mine(6)
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from custody.devnet.private_apt import AptRequest, PackageUnavailable, Say, fetch_packages
from custody.devnet.processes import Launch, NodeProcess, NodeStartFailed, Stoppable, free_port
from custody.nodes.bitcoin import BitcoinNode
from custody.nodes.jsonrpc import Endpoint, JsonRpc
from custody.primitives.errors import ToolkitError
from custody.primitives.ids import TxId
from custody.primitives.secret import Secret

DEFAULT_FOLDER = Path(".devnet/knots")
FOLDER_VARIABLE = "MEXT_KNOTS"
"""Names another folder that holds an installed node."""

SUITE = "sid"
"""The first suite with this package; the stable one has none."""

COINBASE_MATURITY = 100
FAUCET = "faucet"
START_ATTEMPTS = 3
"""Another process may take the free port between the choice and the start."""

_LIBRARY_FOLDERS = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}
_LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}


def install_knots(folder: Path, *, say: Say) -> Path:
    """Fetch and unpack Bitcoin Knots, and write a start script.

    Returns:
        The start script, `folder/bitcoind`.

    Raises:
        PackageUnavailable: Not possible on this machine.
        PackageChanged: A cached package differs from the first download.
    """
    machine = platform.machine()
    if machine not in _LOADERS:
        raise PackageUnavailable(f"no loader known for a {machine} machine")
    folder = folder.resolve()
    request = AptRequest(("bitcoin-knots",), SUITE, folder)
    fetch_packages(request, say=say)
    libraries = request.root / "usr" / "lib" / _LIBRARY_FOLDERS[machine]
    program, loader = request.root / "usr" / "bin" / "bitcoind", libraries / _LOADERS[machine]
    if not (program.exists() and loader.exists()):
        raise PackageUnavailable(f"the package holds no {program.name} or no loader for {machine}")
    script = folder / "bitcoind"
    script.write_text(f'#!/bin/sh\nexec "{loader}" --library-path "{libraries}" "{program}" "$@"\n')
    script.chmod(0o755)
    say(f"ready: {script}")
    return script


def find_knots(folder: Path | None = None) -> Path | None:
    """Return the start script of an installed node: the given folder, else MEXT_KNOTS, else .devnet/knots."""
    where = folder or Path(os.environ.get(FOLDER_VARIABLE) or DEFAULT_FOLDER)
    script = where.resolve() / "bitcoind"
    return script if script.exists() else None


class KnotsNode(Stoppable):
    """A running regtest node with 101 blocks and a funded faucet."""

    def __init__(self, process: NodeProcess, rpc: JsonRpc) -> None:
        self.process = process
        self.rpc = rpc
        self.node = BitcoinNode(rpc)
        self._faucet = JsonRpc(_at_wallet(rpc.endpoint, FAUCET))

    @classmethod
    def start(cls, folder: Path, *, installed_in: Path | None = None) -> KnotsNode:
        """Start a node; on a folder that was used before it continues its chain.

        Args:
            folder: Data folder of this run; the log is `folder/bitcoind.log`.
            installed_in: Where `install` put the node; see `find_knots`.

        Raises:
            PackageUnavailable: No node is installed.
            NodeStartFailed: It does not start; the log's end is in the message.
        """
        script = find_knots(installed_in)
        if script is None:
            raise PackageUnavailable("no bitcoind here; run: python -m custody.devnet.knots install")
        folder = folder.resolve()
        node = cls._launch(script, folder, attempts=START_ATTEMPTS)
        node._open_faucet()  # noqa: SLF001 - its own, just made
        return node

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.rpc.endpoint.url

    def mine(self, blocks: int, to: str | None = None) -> list[str]:
        """Mine blocks and return their hashes; the reward goes to the faucet or to an address."""
        target = to or str(self._faucet.call("getnewaddress"))
        hashes: list[str] = self.rpc.call("generatetoaddress", blocks, target)
        return hashes

    def fund(self, address: str, value_sat: int) -> TxId:
        """Pay local coins from the faucet; unconfirmed until `mine`."""
        return self.fund_many({address: value_sat})

    def fund_many(self, values_sat: dict[str, int]) -> TxId:
        """Pay local coins to several addresses in one transaction."""
        coins = {address: f"{value // 10**8}.{value % 10**8:08d}" for address, value in values_sat.items()}
        return TxId(str(self._faucet.call("sendmany", "", coins)))

    def reorganise(self, depth: int) -> list[str]:
        """Throw away the newest blocks and mine as many and one more empty ones in their place.

        Returns:
            Hashes of the new blocks. What the old ones held is not in them, nor mined again by this call.
        """
        height = self.node.height()
        fork = self.node.block_hash(height - depth + 1)
        self.rpc.call("invalidateblock", fork)
        target = str(self._faucet.call("getnewaddress"))
        return [str(self.rpc.call("generateblock", target, [])["hash"]) for _ in range(depth + 1)]

    def stop(self) -> None:
        """Stop the node; its data folder stays."""
        self._faucet.close()
        self.rpc.close()
        self.process.stop()

    @classmethod
    def _launch(cls, script: Path, folder: Path, attempts: int) -> KnotsNode:
        port = free_port()
        cookie = folder / "regtest" / ".cookie"
        cookie.unlink(missing_ok=True)  # of an earlier run: the new one must be read
        argv = (
            str(script), "-regtest", f"-datadir={folder}", "-conf=/dev/null", "-server=1", "-txindex=1",
            "-listen=0", "-dnsseed=0", "-discover=0", "-listenonion=0", "-natpmp=0",
            "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1", f"-rpcport={port}",
            "-fallbackfee=0.0001", "-printtoconsole=1", "-nodebuglogfile",
        )  # fmt: skip
        opened: list[JsonRpc] = []

        def answers() -> bool:
            if not cookie.exists():
                return False
            if not opened:
                user, _, password = cookie.read_text().partition(":")
                secret = Secret(password.encode())
                opened.append(JsonRpc(Endpoint("bitcoind", f"http://127.0.0.1:{port}", user=user, password=secret)))
            opened[0].call("getblockcount")
            return True

        try:
            process = NodeProcess.start(Launch("bitcoind", argv, folder), is_ready=answers)
        except NodeStartFailed:
            if attempts <= 1:
                raise
            return cls._launch(script, folder, attempts - 1)
        return cls(process, opened[0])

    def _open_faucet(self) -> None:
        known = {entry["name"] for entry in self.rpc.call("listwalletdir")["wallets"]}
        if FAUCET not in self.rpc.call("listwallets"):
            self.rpc.call("loadwallet" if FAUCET in known else "createwallet", FAUCET)
        missing = COINBASE_MATURITY + 1 - self.node.height()
        if missing > 0:
            self.mine(missing)


def _at_wallet(endpoint: Endpoint, wallet: str) -> Endpoint:
    return Endpoint(endpoint.name, f"{endpoint.url}/wallet/{wallet}", user=endpoint.user, password=endpoint.password)


def main(arguments: Sequence[str] | None = None) -> int:
    """Install the node from the command line; exit status 1 where that is not possible."""
    parser = argparse.ArgumentParser(prog="python -m custody.devnet.knots", description="A local Bitcoin node.")
    install = parser.add_subparsers(required=True).add_parser("install", help="fetch and unpack, without root")
    install.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    folder: Path = parser.parse_args(arguments).folder
    try:
        install_knots(folder, say=lambda line: _write(sys.stdout, line))
    except ToolkitError as error:
        _write(sys.stderr, error.message)
        return 1
    return 0


def _write(stream: object, line: str) -> None:
    stream.write(f"{line}\n")  # type: ignore[attr-defined]


if __name__ == "__main__":
    sys.exit(main())
