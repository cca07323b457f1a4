"""mext cold: the air-gapped room. It reads a request file, shows what it does, and signs what a person typed.

Rules:
    * This process becomes `python -m custody.cold`: reading options loads code that knows sockets, and the room does
      not start beside such code. Only `qr` does not: it reads the file that leaves anyway, and no home.

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
    help="The air-gapped room of a cold key. Shows a request, signs it, puts parts together.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
FRAME_S = 0.25
"""How long a camera sees each code, as the specification of the parts advises."""
NEXT_FRAME = "\x1b[H\x1b[2J"
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
    """Sign a request after its destination, amount and memo were typed. Writes this keyholder's part."""
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


@app.command()
def register(
    file: Annotated[Path, typer.Argument(help="The wallets file.")],
    home: ColdOption,
    passphrase_file: PassphraseOption = None,
) -> None:
    """Tell a room of its wallets and places, once. A group of the file's digest is typed from the other screen."""
    _enter("register", [file], ["--home", home], passphrase_file)


@app.command()
def qr(
    file: Annotated[Path, typer.Argument(help="A request, a part or a result.")],
    chars: Annotated[int, typer.Option(help="Most characters of one code.", min=32, max=4_296)] = 800,
    rounds: Annotated[int, typer.Option(help="How often the series is shown.", min=1, max=10_000)] = 20,
    text: Annotated[bool, typer.Option("--text", help="Print the texts of the codes, one a line.")] = False,
) -> None:
    """Show a file as an animated QR code. BBQr parts, four a second, for a camera on the other side."""
    import time

    from custody.cold.bbqr import split
    from custody.cold.files import read_file
    from custody.cold.reading import describe
    from exchange.cli.qr_frames import frames

    raw = read_file(file)
    describe(raw)  # a picture of anything else would only be refused on the other side
    texts = split(raw, chars)
    if text:
        print("\n".join(texts))
        return
    for number, picture in list(enumerate(frames(texts), start=1)) * rounds:
        print(f"{NEXT_FRAME}{picture}{number} of {len(texts)}", flush=True)
        time.sleep(FRAME_S)


@app.command()
def unqr(
    file: Annotated[Path, typer.Argument(help="Scanned texts, one a line, in any order.")], target: OutOption
) -> None:
    """Put scanned QR texts together to the file they came from. Parts of another series are refused."""
    _enter("unqr", [file], ["--out", target])


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
