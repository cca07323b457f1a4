"""mext audit: receipts of the nine gates, and the audit logs of the signers.

Rules:
    * The service may go on meanwhile; only `accept` writes, one line behind the kept heads.
    * `verify --receipts` needs a file and the public key. A head that was kept outside shows a tail that was cut off.

Example:
    mext audit export --receipts receipts.jsonl
    mext audit verify --receipts receipts.jsonl --key 5f8e... --head 120:9c41...
    mext audit verify
    mext audit accept receipts --reason "backup of Friday restored" --yes
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.serving import DEFAULT_HOME, HomeOption
from exchange.cli.writing import write_file

app = typer.Typer(help="Receipts and audit logs.", no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def export(
    receipts: Annotated[Path, typer.Option("--receipts", help="File to write, one receipt a line.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Write every receipt with its evidence to a file, and print where the chain ends."""
    from exchange.app.auditing import check_receipts, home_key, lines_of, read_lines
    from exchange.app.home import Home

    lines = list(lines_of(Home(home)))
    write_file(receipts, "".join(line.decode() + "\n" for line in lines))
    end = check_receipts(read_lines(receipts), home_key(Home(home)), None)
    print(f"wrote {receipts}: {end.entries} receipts, head {end.entries}:{end.head}")


@app.command()
def verify(
    receipts: Annotated[Path | None, typer.Option("--receipts", help="Exported receipts, instead of a home.")] = None,
    key: Annotated[str | None, typer.Option(help="Public receipt key, hex; from the home if not given.")] = None,
    head: Annotated[str | None, typer.Option(metavar="NUMBER:HASH", help="A head that was kept elsewhere.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Check receipts, and without a file the signers' audit logs too, against the heads kept outside of them."""
    from exchange.app.auditing import check_home, check_receipts, home_key, parse_head, read_lines
    from exchange.app.home import Home
    from exchange.app.sealing import read_receipt_key

    if receipts is None:
        found = check_home(Home(home))
    else:
        public = home_key(Home(home)) if key is None else read_receipt_key(key)
        found = [check_receipts(read_lines(receipts), public, None if head is None else parse_head(head))]
    if as_json:
        print(json.dumps([asdict(each) for each in found], indent=2))
        return
    for each in found:
        kept = (
            "contains the head kept outside" if each.was_kept else "no head was kept outside: a cut tail does not show"
        )
        print(f"ok   {each.name:<12} {each.entries:>6} entries, head {each.entries}:{each.head}; {kept}")


@app.command()
def accept(
    name: Annotated[str, typer.Argument(help='A signer, or "receipts".')],
    reason: Annotated[str, typer.Option(help="Why its log is not what it was; stays in the file.")],
    home: HomeOption = DEFAULT_HOME,
    yes: Annotated[bool, typer.Option("--yes", help="Accept it; without this nothing is written.")] = False,
) -> None:
    """After a restored backup: let heads be compared with the one shown now. Exit status 4 if it waits for --yes."""
    from exchange.app.auditing import accept_shown, compare_head
    from exchange.app.home import Home

    found = compare_head(Home(home), name)
    print(f"kept   {name} {found.kept.number}:{found.kept.hash}")
    print(f"shown  {name} {found.shown.number}:{found.shown.hash}")
    if (found.kept.number, found.kept.hash) == (found.shown.number, found.shown.hash):
        print("they are the same: nothing to accept")
        return
    if not yes:
        print("nothing was written; look why they differ, then repeat it with --yes")
        raise typer.Exit(4)
    accept_shown(Home(home), found, reason)
    print("accepted; a service that runs keeps its gates closed until it is started again")
