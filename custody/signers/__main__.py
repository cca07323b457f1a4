"""Start one signer: python -m custody.signers --home DIR --socket PATH [--passphrase-file FILE] [--lease FILE].

The passphrase of the keystore, or the PIN of the token that holds the keys, comes from a file (or /dev/fd/N), named by
the option or by MEXT_SIGNER_PASSPHRASE_FILE; never from the command line itself. `--thaw` lifts a freeze and exits:
whoever can run it stands at the signer's own machine. `--verify-log` checks the audit log, prints its length and last
hash, and exits.
With `--lease` it signs only while the monitor renews that file.
Exit status: 0 stopped on request or done, 2 refused.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from custody.primitives.clock import SystemClock
from custody.primitives.errors import InvalidInput, ToolkitError
from custody.signers import audit
from custody.signers.daemon import serve
from custody.signers.home import SignerHome
from custody.signers.lease import FileLease
from custody.signers.memory import Memory
from custody.signers.registry import FAMILIES, SignerFamily
from custody.signers.service import SignerService

PASSPHRASE_VARIABLE = "MEXT_SIGNER_PASSPHRASE_FILE"  # noqa: S105 - the name of a variable
EXIT_REFUSED = 2


def main(argv: Sequence[str], families: Mapping[str, SignerFamily] = FAMILIES) -> int:
    """Run a signer until SIGTERM or SIGINT.

    Args:
        argv: Options, without the program's name.
        families: The decoders this signer knows.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m custody.signers", description="One signer process.")
    parser.add_argument("--home", type=Path, required=True, help="folder of the signer, mode 0700")
    parser.add_argument("--socket", type=Path, help="Unix socket to listen on")
    parser.add_argument(
        "--passphrase-file",
        type=Path,
        help=f"of the keystore, or the PIN of the token; default: ${PASSPHRASE_VARIABLE}",
    )
    parser.add_argument("--lease", type=Path, help="sign only while the monitor renews this file; default: always")
    parser.add_argument("--thaw", action="store_true", help="lift a freeze and exit")
    parser.add_argument("--verify-log", action="store_true", help="check the audit log and exit")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    home = SignerHome(options.home)
    try:
        with home.lock():
            if options.thaw:
                _thaw(home)
            elif options.verify_log:
                _verify_log(home)
            else:
                _serve(home, options, families)
    except ToolkitError as error:
        sys.stderr.write(f"signer: {error.code}: {error.message}\n")
        return EXIT_REFUSED
    return 0


def _thaw(home: SignerHome) -> None:
    memory = Memory(home.memory)
    memory.thaw(SystemClock().now_s())
    memory.close()


def _verify_log(home: SignerHome) -> None:
    memory = Memory(home.memory)
    with memory.transaction() as db:
        count = audit.verify_chain(db)
        sys.stdout.write(f"{count} entries, last hash {audit.head(db)[1].hex()}\n")
    memory.close()


def _serve(home: SignerHome, options: argparse.Namespace, families: Mapping[str, SignerFamily]) -> None:
    named = options.passphrase_file or os.environ.get(PASSPHRASE_VARIABLE)
    if options.socket is None or not named:
        raise InvalidInput(f"--socket and a passphrase file are needed (--passphrase-file or ${PASSPHRASE_VARIABLE})")
    keys = home.load_keys(Path(named))
    lease = FileLease(options.lease) if options.lease is not None else None
    daemon = serve(lambda: SignerService.open(home, keys, SystemClock(), families, lease), options.socket)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: daemon.stop())
    daemon.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
