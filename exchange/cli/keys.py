"""mext signer, mext wallet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.columns import aligned
from exchange.cli.serving import DEFAULT_HOME, HomeOption

app = typer.Typer(help="Wallets of an installation.", no_args_is_help=True, pretty_exceptions_enable=False)


def signer(
    home: Annotated[Path, typer.Option(help="Folder of the signer, mode 0700.")],
    socket: Annotated[Path, typer.Option(help="Unix socket to listen on.")],
    passphrase_file: Annotated[
        Path, typer.Option(help="File with the passphrase, or the PIN of the token; mode 0600.")
    ],
    lease: Annotated[Path | None, typer.Option(help="Sign only while the monitor renews this file.")] = None,
) -> None:
    """Run one signer process until it is stopped."""
    from custody.signers.__main__ import main

    arguments = ["--home", str(home), "--socket", str(socket), "--passphrase-file", str(passphrase_file)]
    arguments += ["--lease", str(lease)] if lease is not None else []
    raise typer.Exit(main(arguments))


@app.command("list")
def list_wallets(
    home: HomeOption = DEFAULT_HOME,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """List the wallets. Id, tier, quorum, chain, and the address where each receives."""
    from exchange.app.blueprint import load_blueprint
    from exchange.app.home import Home
    from exchange.app.wallets import receives_at

    rows = [
        {
            "id": spec.id,
            "tier": spec.tier,
            "chain": spec.chain,
            "quorum": f"{spec.threshold} of {len(spec.members)}",
            "address": receives_at(spec),
        }
        for spec in load_blueprint(Home(home).blueprint).wallets
    ]
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        names = ("id", "tier", "quorum", "chain", "address")
        print("\n".join(aligned([[row[name] for name in names] for row in rows])))
