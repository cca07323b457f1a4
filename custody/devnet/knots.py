"""Bitcoin Knots on regtest: a real node that refuses what the network would refuse.

Rules:
    * See `core_node`, which it shares with Litecoin.
    * `python -m custody.devnet.knots install` fetches the node without root, see `private_apt`.

Example:
    with KnotsNode.start(Path(".devnet/run"), installed_in=Path(".devnet/knots")) as bitcoin:
        txid = bitcoin.fund("bcrt1q...", 50_000)
        bitcoin.mine(6)
"""

from __future__ import annotations

import sys
from pathlib import Path

from custody.devnet.core_node import CoreKind, CoreNode, Unpacked, install_command, write_start_script
from custody.devnet.private_apt import AptRequest, Say, fetch_packages

KNOTS = CoreKind("bitcoind", "custody.devnet.knots", Path(".devnet/knots"), "MEXT_KNOTS", ("-natpmp=0",))

SUITE = "sid"
"""The first suite with this package; the stable one has none."""


def install_knots(folder: Path, say: Say) -> Path:
    """Fetch and unpack Bitcoin Knots, and write a start script.

    Returns:
        The start script, `folder/bitcoind`.

    Raises:
        PackageUnavailable: Not possible on this machine.
        PackageChanged: A cached package differs from the first download.
    """
    folder = folder.resolve()
    request = AptRequest(("bitcoin-knots",), SUITE, folder)
    fetch_packages(request, say=say)
    usr = request.root / "usr"
    return write_start_script(KNOTS, folder, Unpacked(usr / "bin" / "bitcoind", usr / "lib", (usr / "lib",)), say=say)


class KnotsNode(CoreNode):
    """A running Bitcoin Knots."""

    kind = KNOTS


if __name__ == "__main__":
    sys.exit(install_command(KNOTS, install_knots))
