"""mext breaker: what is stopped and why; officers sign that a stop may end, a quorum ends it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.approval_files import read_approval, write_approval
from exchange.cli.columns import aligned
from exchange.cli.serving import DEFAULT_HOME, HomeOption

app = typer.Typer(
    help="The breaker: machines open it, a quorum closes it.", no_args_is_help=True, pretty_exceptions_enable=False
)
ScopeArgument = Annotated[str, typer.Argument(help='"asset:BTC", "chain:NAME", "lane:WALLET" or "all".')]


@app.command()
def show(
    home: HomeOption = DEFAULT_HOME,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """List what is stopped; exit status 4 if anything is."""
    from exchange.app.closing import breaker_of
    from exchange.app.home import Home

    stops = breaker_of(Home(home)).stops()
    if as_json:
        print(json.dumps({scope: {"reason": s.reason, "number": s.number} for scope, s in stops.items()}, indent=2))
    else:
        for line in aligned([(scope, stop.reason, f"[{stop.number[:8]}]") for scope, stop in stops.items()]):
            print(line)
        print(f"{len(stops)} stopped")
    raise typer.Exit(4 if stops else 0)


@app.command()
def approve(
    scope: ScopeArgument,
    officer: Annotated[str, typer.Option("--as", help="Approver id; the keystore must be below this home.")],
    target: Annotated[Path, typer.Option("--out", help="File to write the signed approval to.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Sign that this stop, and no other, may end."""
    from custody.primitives.clock import SystemClock
    from exchange.app.closing import approve_closing
    from exchange.app.home import Home

    vote = approve_closing(Home(home), scope, officer, SystemClock().now_s())
    write_approval(target, vote)
    print(f"wrote {target}")


@app.command()
def close(
    scope: ScopeArgument,
    approvals: Annotated[list[Path], typer.Argument(metavar="FILE", help="Files with signed approvals.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Let a scope be signed again, with the approvals of a quorum."""
    from custody.primitives.clock import SystemClock
    from exchange.app.closing import close_stop
    from exchange.app.home import Home

    close_stop(Home(home), scope, [read_approval(path) for path in approvals], SystemClock().now_s())
    print(f"closed {scope}")
