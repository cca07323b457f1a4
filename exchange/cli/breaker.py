"""mext breaker: what is stopped and why; officers sign that a stop may end, a quorum ends it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.columns import aligned
from exchange.cli.serving import DEFAULT_HOME, HomeOption
from exchange.cli.writing import write_file

if TYPE_CHECKING:
    from custody.primitives.approval import Approval

app = typer.Typer(
    help="The breaker: machines open it, a quorum closes it.", no_args_is_help=True, pretty_exceptions_enable=False
)
ScopeArgument = Annotated[str, typer.Argument(help='"asset:BTC", "chain:NAME", "lane:WALLET" or "all".')]
MAX_APPROVAL_BYTES = 4_096


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
    fields = {
        "intent_hash": vote.intent_hash.hex(),
        "approver": vote.approver,
        "verdict": vote.verdict.value,
        "at_s": vote.at_s,
        "signature": vote.signature.hex(),
    }
    write_file(target, json.dumps(fields) + "\n")
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

    close_stop(Home(home), scope, [_read(path) for path in approvals], SystemClock().now_s())
    print(f"closed {scope}")


def _read(path: Path) -> Approval:
    from custody.primitives.approval import Approval, Verdict
    from custody.primitives.errors import MalformedPayload
    from custody.primitives.ids import Digest

    try:
        raw = json.loads(path.read_bytes()[:MAX_APPROVAL_BYTES])
        what, signature = bytes.fromhex(raw["intent_hash"]), bytes.fromhex(raw["signature"])
        return Approval(Digest(what), str(raw["approver"]), Verdict(raw["verdict"]), int(raw["at_s"]), signature)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MalformedPayload(f"{path}: not a signed approval") from error
