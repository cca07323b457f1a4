"""The bands of a hot wallet and its stock over time: as text for a terminal, as SVG for a file.

Rules:
    * Pure: samples and levels in, text out. Positions are whole pixels or rows, computed in integers.
    * The picture shows exactly what the numbers beside it say: the scale begins at zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from custody.store.stock import StockSample
from custody.wallets.bands import Bands
from exchange.app.treasury_report import AssetReport

ROWS = 10
COLUMNS = 60
WIDTH, PANEL, MARGIN = 760, 220, 48
_COLOURS = {"high": "#b3261e", "target": "#1b6e3c", "low": "#a15c00", "throttle": "#6b6b6b"}


def text_chart(report: AssetReport) -> str:
    """Draw hot stock as columns of "#" with the bands as marked lines."""
    levels, samples = _levels(report.bands), report.samples[-COLUMNS:]
    top = _top(levels, samples)
    lines = []
    for row in range(ROWS, 0, -1):
        floor, ceiling = top * (row - 1) // ROWS, top * row // ROWS
        marks = [name for name, units in levels.items() if floor < units <= ceiling]
        fill = "-" if marks else " "
        bars = "".join("#" if sample.hot > floor else fill for sample in samples)
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
    panels = (_panel(report, PANEL * place) for place, report in enumerate(reports))
    return "\n".join([head, *panels, "</svg>", ""])


def _panel(report: AssetReport, offset: int) -> str:
    levels, samples, unit = _levels(report.bands), report.samples, report.asset.unit
    top, bottom, tall = _top(levels, samples), offset + PANEL - MARGIN // 2, PANEL - MARGIN
    wide = WIDTH - 4 * MARGIN

    def height_of(units: int) -> int:
        return bottom - units * tall // top

    title = escape(f"{report.asset.symbol}: hot stock by hour; {report.basis}")
    parts = [f'<text x="{MARGIN}" y="{offset + 16}" font-weight="bold">{title}</text>']
    parts.append(f'<path d="M{MARGIN} {bottom}H{MARGIN + wide}" stroke="#000000"/>')
    for name, units in levels.items():
        y, shown = height_of(units), f"{name} {units // unit}.{units % unit * 1_000 // unit:03d}"
        parts.append(
            f'<path d="M{MARGIN} {y}H{MARGIN + wide}" stroke="{_COLOURS[name]}" stroke-dasharray="5 4"/>'
            f'<text x="{MARGIN + wide + 6}" y="{y + 4}" fill="{_COLOURS[name]}">{shown}</text>'
        )
    if samples:
        first, span = samples[0].hour, max(1, samples[-1].hour - samples[0].hour)
        points = [(MARGIN + (s.hour - first) * wide // span, height_of(s.hot)) for s in samples]
        line = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="#0b57d0" stroke-width="2"/>')
        parts.append(f'<circle cx="{points[-1][0]}" cy="{points[-1][1]}" r="3" fill="#0b57d0"/>')
    else:
        parts.append(f'<text x="{MARGIN}" y="{offset + PANEL // 2}">no stock was recorded yet</text>')
    return "\n".join(parts)


def _levels(bands: Bands) -> dict[str, int]:
    return {"high": bands.high, "target": bands.target, "low": bands.low, "throttle": bands.throttle}


def _top(levels: dict[str, int], samples: Sequence[StockSample]) -> int:
    """The upper end of the scale: a tenth above the highest thing shown."""
    highest = max([1, *levels.values(), *(sample.hot for sample in samples)])
    return highest + highest // 10 + 1
