"""mext por: proof of reserves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.writing import write_file

app = typer.Typer(help="Proof of reserves.", no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def verify(
    proof: Annotated[Path, typer.Argument(help="Your proof file (por-proof/1).")],
    account: Annotated[str, typer.Option(help="Your account, as you know it.")],
    balance: Annotated[
        list[str] | None, typer.Option(metavar="ASSET=UNITS", help="What you are owed, in ledger quanta; repeatable.")
    ] = None,
    digest: Annotated[
        str | None, typer.Option(help="Statement digest you trust: from the registry or the log.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Check that a statement counts what you are owed. Offline, with the standard library alone."""
    from custody.reserves.verify_command import main

    arguments = [str(proof), "--account", account]
    for text in balance or ():
        arguments += ["--balance", text]
    arguments += ["--digest", digest] if digest else []
    raise typer.Exit(main(arguments + (["--json"] if as_json else [])))


@app.command()
def verifier(
    target: Annotated[Path, typer.Argument(help="File to write.")] = Path("mext-por-verify.py"),
) -> None:
    """Write the verifier as one file that needs nothing but Python."""
    from custody.reserves.single_file import single_file

    write_file(target, single_file())
    print(f"wrote {target}")
