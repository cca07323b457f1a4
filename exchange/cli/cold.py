"""mext cold: the air-gapped room. It reads a request file, shows what it does, and signs what a person typed.

Rules:
    * This process becomes `python -m custody.cold`: reading options loads code that knows sockets, and the room does
      not start beside such code.

Example:
    mext cold inspect request.json --home cold-1
    mext cold sign request.json --home cold-1 --out part-1.json
    mext cold combine request.json part-1.json part-3.json part-5.json --home cold-1 --out result.json
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

app = typer.Typer(
    help="The air-gapped room: shows a request, signs it, puts parts together.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
ColdOption = Annotated[Path, typer.Option("--home", help="Folder of the cold room, mode 0700.")]
PassphraseOption = Annotated[
    Path | None, typer.Option(help="File with the passphrase, mode 0600, or /dev/fd/N; asked for if not given.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON document on stdout; questions are asked all the same.")
]
RequestArgument = Annotated[Path, typer.Argument(help="The request file.")]
OutOption = Annotated[Path, typer.Option("--out", help="File to write; one that exists is not overwritten.")]


@app.command()
def inspect(
    request: RequestArgument, home: ColdOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """Show what a request does, and whether this room would sign it. Exit status 2 if it would not."""
    _enter("inspect", [request], ["--home", home], passphrase_file, ["--json"] if as_json else [])


@app.command()
def sign(
    request: RequestArgument,
    home: ColdOption,
    target: OutOption,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a request after its destination and amount were typed. Writes this keyholder's part."""
    _enter("sign", [request], ["--home", home, "--out", target], passphrase_file, ["--json"] if as_json else [])


@app.command()
def combine(
    request: RequestArgument,
    parts: Annotated[list[Path], typer.Argument(help="The parts, one a keyholder.")],
    home: ColdOption,
    target: OutOption,
    passphrase_file: PassphraseOption = None,
) -> None:
    """Verify each part alone and put a quorum together. A bad part is named and nothing is written."""
    _enter("combine", [request, *parts], ["--home", home, "--out", target], passphrase_file)


@app.command()
def verify(file: Annotated[Path, typer.Argument(help="A request, a part or a result.")]) -> None:
    """Read a file strictly and show its digest. Needs no keys: for comparing two screens."""
    _enter("verify", [file])


def _enter(
    command: str,
    files: Sequence[Path],
    named: Sequence[str | Path] = (),
    passphrase: Path | None = None,
    more: Sequence[str] = (),
) -> NoReturn:
    secret = () if passphrase is None else ("--passphrase-file", str(passphrase))
    arguments = [command, *map(str, named), *secret, *more, "--", *map(str, files)]
    program = [sys.executable, "-P", "-m", "custody.cold", *arguments]
    os.execv(sys.executable, program)  # noqa: S606 - our own program, without a shell
