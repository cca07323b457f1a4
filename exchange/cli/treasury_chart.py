"""The bands of a hot wallet and its stock over time: as text for a terminal, as SVG for a file.

Rules:
    * Pure: samples and levels in, text out. Positions are whole pixels or rows, computed in integers.
    * The picture shows exactly what the numbers beside it say: the scale begins at zero, amounts carry their
      unit and are cut after five digits, never rounded up.
    * An hour without a sample is a gap: nobody looked then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.store.flows import HOUR_S
from custody.store.stock import StockSample
from custody.wallets.bands import Bands
from exchange.app.treasury_report import AssetReport

ROWS = 10
COLUMNS = 60
WIDTH, PANEL, MARGIN = 780, 230, 48
LABELS = 190
"""Pixels to the right of the drawing, for names and amounts of the levels."""
LABEL_STEP = 14
"""Labels stand at least so far apart; a thin line leads from each to its level."""
DIGITS = 5
_COLOURS = {"high": "#b3261e", "target": "#1b6e3c", "low": "#a15c00", "throttle": "#6b6b6b"}
_STOCK = "#0b57d0"


def text_chart(report: AssetReport) -> str:
    """Draw hot stock as columns of "#" with the bands as marked lines; a column may stand for several hours."""
    levels, columns = _levels(report.bands), _columns(report.samples)
    top = _top(levels, report.samples)
    lines = []
    for row in range(ROWS, 0, -1):
        floor, ceiling = top * (row - 1) // ROWS, top * row // ROWS
        marks = [name for name, units in levels.items() if floor < units <= ceiling]
        fill = "-" if marks else " "
        bars = "".join("#" if hot is not None and hot > floor else fill for hot in columns)
        lines.append(f"|{bars.ljust(COLUMNS, fill)}|{' '.join(marks)}")
    lines.append(f"+{'-' * COLUMNS}+ 0")
    return "\n".join(lines)


def svg_chart(reports: Sequence[AssetReport]) -> str:
    """Draw one panel an asset: stock as a line, bands as dashed lines with their names and amounts."""
    height = PANEL * max(1, len(reports))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="11" role="img"><title>Hot stock and its bands</title>'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    )
    panels = ("\n".join(_panel(report, PANEL * place)) for place, report in enumerate(reports))
    return "\n".join([head, *panels, "</svg>", ""])


def _panel(report: AssetReport, offset: int) -> Iterator[str]:
    levels, samples = _levels(report.bands), report.samples
    top, bottom, tall = _top(levels, samples), offset + PANEL - MARGIN, PANEL - 2 * MARGIN
    right = WIDTH - LABELS
    last = f"{_short(samples[-1].hot, report.asset)} hot" if samples else "no stock was recorded yet"
    yield _text(MARGIN, offset + 18, f"{report.asset.symbol}: {last}", ' font-size="13" font-weight="bold"')
    yield _text(MARGIN, offset + 34, f"hot stock by hour; {report.basis}", ' fill="#444444"')
    yield f'<path d="M{MARGIN} {bottom}H{right}" stroke="#000000"/>'
    yield _text(MARGIN - 8, bottom + 4, "0", ' text-anchor="end"')
    if not samples:
        return

    def height_of(units: int) -> int:
        return bottom - units * tall // top

    heights = {name: height_of(units) for name, units in levels.items()}
    for (name, y), label_y in zip(heights.items(), _apart(list(heights.values())), strict=True):
        yield f'<path d="M{MARGIN} {y}H{right}" stroke="{_COLOURS[name]}" stroke-dasharray="5 4"/>'
        yield f'<path d="M{right} {y}L{right + 10} {label_y}" stroke="{_COLOURS[name]}" fill="none"/>'
        label = f"{name} {_short(levels[name], report.asset)}"
        yield _text(right + 14, label_y + 4, label, f' fill="{_COLOURS[name]}"')
    first, span = samples[0].hour, max(1, samples[-1].hour - samples[0].hour)
    points = [(MARGIN + (each.hour - first) * (right - MARGIN) // span, height_of(each.hot)) for each in samples]
    for start, end in _runs(samples):
        line = " ".join(f"{x},{y}" for x, y in points[start:end])
        yield f'<polyline points="{line}" fill="none" stroke="{_STOCK}" stroke-width="2" stroke-linecap="round"/>'
    yield f'<circle cx="{points[-1][0]}" cy="{points[-1][1]}" r="3" fill="{_STOCK}"/>'
    yield _text(MARGIN, bottom + 16, _when(first), "")
    if samples[-1].hour > first:
        yield _text(right, bottom + 16, _when(samples[-1].hour), ' text-anchor="end"')


def _text(x: int, y: int, text: str, style: str) -> str:
    return f'<text x="{x}" y="{y}"{style}>{escape(text)}</text>'


def _runs(samples: Sequence[StockSample]) -> Iterator[tuple[int, int]]:
    """Where samples follow each other hour by hour: (first, behind the last)."""
    start = 0
    for place in range(1, len(samples) + 1):
        if place == len(samples) or samples[place].hour > samples[place - 1].hour + 1:
            yield start, place
            start = place


def _apart(heights: Sequence[int]) -> list[int]:
    """Move labels up until none touches another; given from the highest level (least y) to the lowest."""
    placed: list[int] = []
    for y in reversed(heights):
        placed.append(min(y, placed[-1] - LABEL_STEP) if placed else y)
    return placed[::-1]


def _columns(samples: Sequence[StockSample]) -> list[int | None]:
    """The last stock known in each column; None where nothing is known."""
    if not samples:
        return []
    first = samples[0].hour
    hours = -(-(samples[-1].hour - first + 1) // COLUMNS)
    found: list[int | None] = [None] * ((samples[-1].hour - first) // hours + 1)
    for sample in samples:
        found[(sample.hour - first) // hours] = sample.hot
    return found


def _short(units: int, asset: Asset) -> str:
    """An amount with its unit, cut after five digits but never within the whole coins."""
    exact = Amount(units, asset).text()
    whole, _, fraction = exact.partition(".")
    zeros = len(fraction) - len(fraction.lstrip("0")) if whole == "0" else 0
    kept = fraction[: max(0, DIGITS - len(whole)) + zeros].rstrip("0")
    return f"{whole}.{kept} {asset.symbol}" if kept else f"{whole} {asset.symbol}"


def _when(hour: int) -> str:
    return datetime.fromtimestamp(hour * HOUR_S, UTC).strftime("%Y-%m-%d %H:00 UTC")


def _levels(bands: Bands) -> dict[str, int]:
    return {"high": bands.high, "target": bands.target, "low": bands.low, "throttle": bands.throttle}


def _top(levels: dict[str, int], samples: Sequence[StockSample]) -> int:
    """The upper end of the scale: a tenth above the highest thing shown."""
    highest = max([1, *levels.values(), *(sample.hot for sample in samples)])
    return highest + highest // 10 + 1
