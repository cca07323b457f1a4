from xml.etree import ElementTree as ET

import pytest

from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.store.stock import StockSample
from custody.wallets.bands import Bands
from exchange.app.treasury_report import AssetReport
from exchange.cli.treasury_chart import COLUMNS, ROWS, svg_chart, text_chart

BTC = Asset("BTC", 8, ChainId("bitcoin"))
BANDS = Bands(throttle=100, low=400, target=600, high=900, warm_low=0, warm_target=0, is_modelled=True)


def report(*hot, bands=BANDS, basis="forecast"):
    samples = tuple(StockSample("BTC", 1_000 + place, units, 9_000, 10_000) for place, units in enumerate(hot))
    return AssetReport(BTC, 700, basis, bands, "feasible", samples[-1] if samples else None, None, samples)


@pytest.mark.parametrize("hot", [(), (0,), (0,) * 500, (10**30,)])
def test_any_history_makes_a_chart_of_the_same_size(hot):
    lines = text_chart(report(*hot)).splitlines()
    assert len(lines) == ROWS + 1
    assert {line.rindex("|") for line in lines[:-1]} == {COLUMNS + 1}


def test_a_house_that_owes_nothing_has_a_picture_too():
    nothing = Bands(0, 0, 0, 0, 0, 0, is_modelled=False)
    assert text_chart(report(bands=nothing)).count("#") == 0
    ET.fromstring(svg_chart([report(bands=nothing)]))


def test_the_column_reaches_the_band_it_reached():
    lines = text_chart(report(100, 400, 900)).splitlines()
    high = next(line for line in lines if line.endswith("high"))
    low = next(line for line in lines if line.endswith("low"))
    assert (high[1:4], low[1:4]) == ("--#", "-##")


def test_the_svg_is_well_formed_whatever_stands_in_a_text_and_shows_every_level_once():
    drawing = svg_chart([report(100, 400, basis='<script>"&'), report()])
    ET.fromstring(drawing)
    assert "<script>" not in drawing
    for name in ("throttle", "low", "target", "high"):
        assert drawing.count(f">{name} ") == 2
    assert drawing.count("<polyline") == 1
    assert "no stock was recorded yet" in drawing


def test_more_stock_is_drawn_higher():
    drawing = svg_chart([report(100, 800)])
    points = drawing.split('points="')[1].split('"')[0].split()
    (x1, y1), (x2, y2) = (map(int, point.split(",")) for point in points)
    assert x1 < x2
    assert y1 > y2
