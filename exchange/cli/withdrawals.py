"""mext withdrawals: what waits for people, and what they found about it.

Rules:
    * One officer proposes, two others sign that very proposal, the service asks the chain before it does anything.
    * Commands speak to the running service; only signing needs the officer's keystore.

Example:
    mext withdrawals list
    mext withdrawals propose w-1 paid TXID 7 --as ann --out proposal.json
    mext withdrawals approve proposal.json --as bob --out bob.json
    mext withdrawals resolve proposal.json bob.json cid.json
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer

from exchange.cli.approval_files import approval_fields, read_approval, write_approval
from exchange.cli.serving import DEFAULT_HOME, HomeOption

if TYPE_CHECKING:
    from custody.withdrawals.reviewing import Resolution

app = typer.Typer(help="Withdrawals that wait for people.", no_args_is_help=True, pretty_exceptions_enable=False)
MAX_PROPOSAL_BYTES = 8_192
MAX_FINDING = 3
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
DEFAULT_URL = "http://127.0.0.1:8000"


@app.callback()
def at(
    context: typer.Context, url: Annotated[str, typer.Option("--url", help="Where the service listens.")] = DEFAULT_URL
) -> None:
    """Withdrawals that wait for people."""
    context.obj = url


@app.command("list")
def listed(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List withdrawals that wait for people; exit status 4 if there are any."""
    found = _call(home, "")
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for each in found:
            print(
                f"{each['id']}  {each['amount']['units']} {each['amount']['asset']} to {each['to']}: {each['reason']}"
            )
        print(f"{len(found)} under review")
    raise typer.Exit(4 if found else 0)


@app.command()
def show(withdrawal: str, home: HomeOption = DEFAULT_HOME) -> None:
    """Show one withdrawal with its payment, its conflict key and its transactions, as JSON."""
    print(json.dumps(_call(home, f"/{withdrawal}"), indent=2))


@app.command()
def propose(
    withdrawal: str,
    finding: Annotated[list[str], typer.Argument(help='"paid TXID HEIGHT", or "refund" with what took the key.')],
    officer: Annotated[str, typer.Option("--as", help="Approver id of who proposes; does not approve.")],
    target: Annotated[Path, typer.Option("--out", help="File to write the proposal to.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Write a proposal about a withdrawal as it stands now."""
    from custody.primitives.clock import SystemClock

    verdict, txid, height = (*finding, *("", "", "0")[len(finding) :])[:MAX_FINDING]
    fields = {
        "withdrawal": withdrawal,
        "verdict": verdict,
        "txid": txid,
        "height": int(height) if height.isdecimal() else height,
        "seen": _call(home, f"/{withdrawal}")["seen"],
        "officer": officer,
        "at_s": SystemClock().now_s(),
        "note": "",
    }
    target.write_text(json.dumps(fields, indent=2) + "\n")
    print(f"wrote {target}, digest {_read(target)[1].digest.hex()}")


@app.command()
def approve(
    proposal: Path,
    officer: Annotated[str, typer.Option("--as", help="Approver id; the keystore must be below this home.")],
    target: Annotated[Path, typer.Option("--out", help="File to write the signed approval to.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Show a proposal and sign it, and no other."""
    from custody.primitives.clock import SystemClock
    from exchange.app.home import Home
    from exchange.app.officers import approve_as

    fields, made = _read(proposal)
    for name, value in fields.items():
        print(f"{name:<12} {value}")
    write_approval(target, approve_as(Home(home), made.digest, officer, SystemClock().now_s()))
    print(f"wrote {target}")


@app.command()
def resolve(
    proposal: Path,
    approvals: Annotated[list[Path], typer.Argument(help="Files with signed approvals.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Carry a proposal out, if a quorum signed it and the chain shows what it says."""
    fields, made = _read(proposal)
    votes = [approval_fields(read_approval(path)) for path in approvals]
    body = {name: value for name, value in fields.items() if name != "withdrawal"} | {"approvals": votes}
    after = _call(home, f"/{made.withdrawal}", body)
    print(f"{made.withdrawal} is {after['state']}")


def _read(path: Path) -> tuple[dict[str, Any], Resolution]:
    from custody.primitives.errors import MalformedPayload
    from custody.withdrawals.reviewing import Resolution, ReviewVerdict

    try:
        fields = json.loads(path.read_bytes()[:MAX_PROPOSAL_BYTES])
        return fields, Resolution(**{**fields, "verdict": ReviewVerdict(fields["verdict"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MalformedPayload(f"{path}: not a proposal") from error


def _call(home: Path, place: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
    """Ask the running service below /v1/withdrawal-reviews."""
    from exchange.app.home import Home
    from exchange.cli.loop.client import Client

    client = Client(click.get_current_context().obj, Home(home).token.read_text().strip())
    try:
        path = f"/withdrawal-reviews{place}"
        return client.get(path) if body is None else client.post(path, body)
    finally:
        client.close()
