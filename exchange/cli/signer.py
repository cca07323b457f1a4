"""mext signer: one signer process, and what is wrong with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.columns import aligned

app = typer.Typer(pretty_exceptions_enable=False)

HomeOption = Annotated[Path | None, typer.Option("--home", help="Folder of the signer, mode 0700.")]
SocketOption = Annotated[Path | None, typer.Option("--socket", help="Unix socket it listens on.")]
LeaseOption = Annotated[Path | None, typer.Option("--lease", help="Sign only while the monitor renews this file.")]
UNWELL = 7


@app.callback(invoke_without_command=True)
def signer(
    context: typer.Context,
    home: HomeOption = None,
    socket: SocketOption = None,
    passphrase_file: Annotated[
        Path | None, typer.Option(help="File with the passphrase, or the PIN of the token; mode 0600.")
    ] = None,
    lease: LeaseOption = None,
) -> None:
    """Run one signer process until it is stopped."""
    if context.invoked_subcommand is not None:
        return
    if home is None or socket is None or passphrase_file is None:
        raise typer.BadParameter("a signer needs --home, --socket and --passphrase-file")
    from custody.signers.__main__ import main

    arguments = ["--home", str(home), "--socket", str(socket), "--passphrase-file", str(passphrase_file)]
    arguments += ["--lease", str(lease)] if lease is not None else []
    raise typer.Exit(main(arguments))


@app.command()
def doctor(
    home: Annotated[Path, typer.Option("--home", help="Folder of the signer, mode 0700.")],
    socket: SocketOption = None,
    lease: LeaseOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Say what is wrong with a signer, and the cure. Exits with 7 if anything is."""
    from custody.signers.doctor import examine
    from custody.signers.home import SignerHome

    findings = list(examine(SignerHome(home.resolve()), socket, lease))
    if as_json:
        rows = [{"name": each.name, "ok": each.is_well, "seen": each.seen, "cure": each.cure} for each in findings]
        print(json.dumps(rows, indent=2))
    else:
        for line in aligned([("ok" if each.is_well else "NO", each.name, each.seen) for each in findings]):
            print(line)
        for each in findings:
            if not each.is_well:
                print(f"cure of {each.name}: {each.cure}")
    raise typer.Exit(0 if all(each.is_well for each in findings) else UNWELL)
