"""Litecoin Core on regtest: a real node that refuses what the network would refuse.

Rules:
    * See `core_node`, which it shares with Bitcoin.
    * It is of the year 2022 (0.21.2.1): no replacement of transactions unless switched on, which we do not, since
      the network's nodes do not either; no spent outputs with a block; no descriptor wallets, which we do not use.
    * `python -m custody.devnet.litecoin install` fetches the node without root, see `private_apt`.

Example:
    with LitecoinNode.start(Path(".devnet/run"), installed_in=Path(".devnet/litecoin")) as litecoin:
        txid = litecoin.fund("rltc1q...", 50_000)
        litecoin.mine(6)
"""

from __future__ import annotations

import sys
from pathlib import Path

from custody.devnet.core_node import CoreKind, CoreNode, Unpacked, install_command, write_start_script
from custody.devnet.private_apt import AptRequest, Say, fetch_packages

NO_MWEB = "-vbparams=mweb:9000000000:9100000000"
"""A time far away: else block 432 of a new chain must hold a payment into MWEB, and its miner refuses to go on."""

LITECOIN = CoreKind("litecoind", "custody.devnet.litecoin", Path(".devnet/litecoin"), "MEXT_LITECOIN", (NO_MWEB,))

SUITE = "bookworm"
"""The stable suite has this package; later ones dropped it."""


def install_litecoin(folder: Path, say: Say) -> Path:
    """Fetch and unpack Litecoin Core, and write a start script.

    Returns:
        The start script, `folder/litecoind`.

    Raises:
        PackageUnavailable: Not possible on this machine.
        PackageChanged: A cached package differs from the first download.
    """
    folder = folder.resolve()
    request = AptRequest(("litecoind",), SUITE, folder)
    fetch_packages(request, say=say)
    lib, usr_lib = request.root / "lib", request.root / "usr" / "lib"
    # `usr/bin/litecoind` is a shell script with an absolute path; the program itself stands here.
    unpacked = Unpacked(usr_lib / "litecoin" / "litecoind", lib, (lib, usr_lib))
    return write_start_script(LITECOIN, folder, unpacked, say=say)


class LitecoinNode(CoreNode):
    """A running Litecoin Core."""

    kind = LITECOIN


if __name__ == "__main__":
    sys.exit(install_command(LITECOIN, install_litecoin))
