"""mext treasury: bands, stock and moves of the hot wallets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli import treasury_cold
from exchange.cli.serving import DEFAULT_HOME, HomeOption
from exchange.cli.writing import write_file

if TYPE_CHECKING:
    from custody.primitives.asset import Asset
    from custody.wallets.refill_requests import RefillRequest
    from exchange.app.treasury_report import AssetReport

app = typer.Typer(
    help="Hot, warm and cold: stock, bands, moves. Only the cold commands ask a node.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("cold-plan")(treasury_cold.cold_plan)
app.command("cold-approve")(treasury_cold.cold_approve)
app.command("cold-request")(treasury_cold.cold_request)
app.command("cold-submit")(treasury_cold.cold_submit)
app.command("cold-wallets")(treasury_cold.cold_wallets)
app.command("cold-rooms")(treasury_cold.cold_rooms)
app.command("cold-drill")(treasury_cold.cold_drill)
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
LeadOption = Annotated[
    int, typer.Option(help="Hours from a refill request to coins in the hot wallet.", min=1, max=168)
]


@app.command()
def status(
    home: HomeOption = DEFAULT_HOME,
    svg: Annotated[Path | None, typer.Option(help="Write the picture to this SVG file too.")] = None,
    lead_h: LeadOption = 8,
    as_json: JsonOption = False,
) -> None:
    """Show stock and bands of each asset. With the hot stock over the last two weeks as a picture."""
    from exchange.cli.treasury_chart import svg_chart, text_chart

    reports = _reports(home, lead_h)
    if svg is not None:
        write_file(svg, svg_chart(reports))
    if as_json:
        print(json.dumps([_as_json(report) for report in reports], indent=2))
        return
    for report in reports:
        print("\n".join(_lines(report)))
        print(text_chart(report))
        print()
    if svg is not None:
        print(f"wrote {svg}")


@app.command()
def plan(home: HomeOption = DEFAULT_HOME, lead_h: LeadOption = 8, as_json: JsonOption = False) -> None:
    """Say what should move now, and why. Moving it is for officers and the policy."""
    reports = _reports(home, lead_h)
    if as_json:
        print(json.dumps([_as_json(report) for report in reports], indent=2))
        return
    for report in reports:
        print("\n".join([*_lines(report), *_plan_lines(report)]))
        print()


@app.command()
def requests(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the refill requests, oldest first. The service raises and follows them; officers approve their moves."""
    from exchange.api.shapes import refill_json
    from exchange.app.home import Home
    from exchange.app.treasury_report import report_refills

    found = report_refills(Home(home))
    if as_json:
        print(json.dumps([refill_json(request) for _, request in found], indent=2))
        return
    for asset, request in found:
        print("\n".join(_request_lines(asset, request)))
    if not found:
        print("no refill was ever asked for")


def _request_lines(asset: Asset, request: RefillRequest) -> list[str]:
    from datetime import UTC, datetime

    from custody.primitives.amount import Amount

    raised = datetime.fromtimestamp(request.raised_at_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    amount, people = Amount(request.units, asset).text(), f"{request.quorum} people" if request.quorum else "nobody"
    way = f"{amount} from {request.source} to {request.destination}"
    lines = [
        f"{request.id}: {request.state}",
        f"  {way}, {request.reason}; {people} may allow it  ({raised})",
    ]
    lines += [f"  move {request.withdrawal_id}"] if request.withdrawal_id else []
    return lines + ([f"  note {request.note}"] if request.note else [])


def _reports(home: Path, lead_h: int) -> tuple[AssetReport, ...]:
    from custody.primitives.clock import SystemClock
    from custody.store.flows import HOUR_S
    from exchange.app.home import Home
    from exchange.app.treasury_planning import Assumptions
    from exchange.app.treasury_report import report_treasury

    return report_treasury(Home(home), Assumptions(lead_h=lead_h), SystemClock().now_s() // HOUR_S)


def _lines(report: AssetReport) -> list[str]:
    from datetime import UTC, datetime

    from custody.primitives.amount import Amount
    from custody.store.flows import HOUR_S

    def shown(units: int) -> str:
        return Amount(units, report.asset).text()

    bands, lines = report.bands, [f"{report.asset.symbol}: {report.basis}"]
    if report.last is None:
        return [*lines, "  stock: never recorded; the service records it while it runs"]
    last, share = report.last, report.cold_ppm or 0
    warm = f"warm {shown(last.warm)}  " if last.warm else ""
    at = datetime.fromtimestamp(last.hour * HOUR_S, UTC).strftime("%Y-%m-%d %H h UTC")
    lines.append(
        f"  stock  hot {shown(last.hot)}  {warm}cold {shown(last.cold)}  owed {shown(last.owed)}  "
        f"cold share {share // 10_000}.{share % 10_000:04d} %  (recorded {at})"
    )
    levels = {"throttle": bands.throttle, "low": bands.low, "target": bands.target, "high": bands.high}
    lines.append("  bands  " + "  ".join(f"{name} {shown(units)}" for name, units in levels.items()))
    return [*lines, f"  98 % rule  {report.feasibility}"]


def _plan_lines(report: AssetReport) -> list[str]:
    from custody.primitives.amount import Amount

    if report.plan is None:
        return ["  plan   none: where the coins lie is not known"]
    found = report.plan
    lines = [
        f"  move   {Amount(move.units, report.asset).text()} from {move.source} to {move.destination}: {move.reason}"
        for move in found.moves
    ]
    lines += [f"  note   {note}" for note in found.notes]
    if found.throttle_above is not None:
        lines.append(f"  throttle   withdrawals above {Amount(found.throttle_above, report.asset).text()} wait")
    return lines or ["  plan   nothing to move"]


def _as_json(report: AssetReport) -> dict[str, object]:
    bands, last, found = report.bands, report.last, report.plan
    levels = {"throttle": bands.throttle, "low": bands.low, "target": bands.target, "high": bands.high}
    return {
        "asset": report.asset.symbol,
        "history_hours": report.history_h,
        "basis": report.basis,
        "is_modelled": bands.is_modelled,
        "bands": {name: str(units) for name, units in levels.items()},
        "feasibility": report.feasibility,
        "stock": last
        and {
            "hour": last.hour,
            "hot": str(last.hot),
            "warm": str(last.warm),
            "cold": str(last.cold),
            "owed": str(last.owed),
        },
        "cold_ppm": report.cold_ppm,
        "plan": found
        and {
            "moves": [
                {"from": m.source.value, "to": m.destination.value, "units": str(m.units), "reason": m.reason}
                for m in found.moves
            ],
            "throttle_above": None if found.throttle_above is None else str(found.throttle_above),
            "notes": list(found.notes),
        },
        "samples": [{"hour": sample.hour, "hot": str(sample.hot)} for sample in report.samples],
    }
