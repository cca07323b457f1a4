"""mext look-alikes: withdrawals whose destination could be mistaken for a trusted place, and the officers who compare.

Rules:
    * The service tells the two ends of the address only: what lies between is typed by the officer, from a source that
      is not this service, and signed with the officer's key.

Example:
    mext look-alikes list
    mext look-alikes compare wd-1 --as ann
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import click
import typer

from exchange.cli.serving import DEFAULT_HOME, HomeOption

app = typer.Typer(
    help="Destinations that could be mistaken for another: list, compare in full.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
DEFAULT_URL = "http://127.0.0.1:8000"


@app.callback()
def at(
    context: typer.Context, url: Annotated[str, typer.Option("--url", help="Where the service listens.")] = DEFAULT_URL
) -> None:
    """Destinations that could be mistaken for another."""
    context.obj = url


@app.command("list")
def listed(
    home: HomeOption = DEFAULT_HOME,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """List withdrawals that wait for a comparison; exit status 4 if there are any."""
    found = _call(home, "/look-alikes")
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for each in found:
            amount = f"{each['amount']['units']} {each['amount']['asset']}"
            print(f"{each['id']}  {amount} of {each['customer']} to {each['to_ends']}: {each['resembles']}")
        print(f"{len(found)} wait for a comparison")
    raise typer.Exit(4 if found else 0)


@app.command()
def compare(
    withdrawal: str,
    officer: Annotated[str, typer.Option("--as", help="Approver id; the keystore must be below this home.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Type a destination in full and sign it. Only then its withdrawal goes on."""
    from custody.compliance.look_alikes import ENDS
    from custody.primitives.address import Address
    from custody.primitives.chain import ChainId
    from custody.primitives.clock import SystemClock
    from custody.primitives.errors import NotFound
    from custody.primitives.ids import CustomerId
    from custody.withdrawals.full_compare import compare_digest, verify_typed
    from exchange.app.home import Home
    from exchange.app.officers import approve_as
    from exchange.cli.approval_files import approval_fields

    case = next((each for each in _call(home, "/look-alikes") if each["id"] == withdrawal), None)
    if case is None:
        raise NotFound(f"withdrawal {withdrawal} does not wait for a comparison", withdrawal=withdrawal)
    print(f"{withdrawal}: {case['to_ends']} on {case['chain']}: {case['resembles']}")
    typed = typer.prompt(
        f"The address, or all but its first and last {ENDS} characters, from a source you trust", type=str
    ).strip()
    head, _, tail = case["to_ends"].partition("...")
    whole = typed if typed.startswith(head) and typed.endswith(tail) else f"{head}{typed}{tail}"
    to = Address(ChainId(case["chain"]), whole)
    verify_typed(to, typed)
    what = compare_digest(CustomerId(case["customer"]), to, typed)
    vote = approve_as(Home(home), what, officer, SystemClock().now_s())
    found = _call(home, f"/withdrawals/{withdrawal}/full-compare", {"typed": typed, "approval": approval_fields(vote)})
    print(f"compared by {found['compared_by']}; the withdrawal goes on")


def _call(home: Path, place: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
    """Ask the running service."""
    from exchange.app.home import Home
    from exchange.cli.loop.client import Client

    client = Client(click.get_current_context().obj, Home(home).token.read_text().strip())
    try:
        return client.get(place) if body is None else client.post(place, body)
    finally:
        client.close()
