import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.store.stock import StockSample
from custody.wallets.bands import Bands
from exchange.app.treasury_report import AssetReport
from exchange.cli.treasury_chart import COLUMNS, LABEL_STEP, ROWS, svg_chart, text_chart

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
        assert drawing.count(f">{name} ") == 1
    assert drawing.count("<polyline") == 1
    assert "no stock was recorded yet" in drawing


def at(*readings):
    samples = tuple(StockSample("BTC", hour, units, 9_000, 10_000) for hour, units in readings)
    return replace(report(), samples=samples)


def test_an_hour_that_nobody_looked_at_is_a_gap_in_both_pictures():
    missing = at((1_000, 900), (1_001, 900), (1_003, 900))
    assert svg_chart([missing]).count("<polyline") == 2
    assert text_chart(missing).splitlines()[-2][1:6] == "## # "


def test_two_weeks_fit_into_the_columns_and_the_newest_reading_is_the_last_of_them():
    lines = text_chart(at(*((1_000 + hour, 0) for hour in range(335)), (1_335, 900))).splitlines()
    assert {line.find("#") for line in lines[:-1]} == {1 + 335 // 6}
    assert {line.count("#") for line in lines[:-1]} == {1}


def test_labels_of_levels_that_coincide_do_not_touch():
    same = Bands(400, 400, 400, 400, 0, 0, is_modelled=False)
    places = [
        int(each)
        for each in re.findall(
            r'y="(\d+)" fill="#\w+">(?:high|target|low|throttle) ', svg_chart([report(1, bands=same)])
        )
    ]
    assert len(places) == 4
    assert all(lower - upper >= LABEL_STEP for upper, lower in pairwise(places))


@pytest.mark.parametrize(
    ("units", "shown"),
    [
        (0, "0 BTC"), (1, "0.00000001 BTC"), (123_456_789, "1.2345 BTC"), (199_999_999, "1.9999 BTC"),
        (10**8, "1 BTC"), (12_345_678 * 10**8 + 99_999_999, "12345678 BTC"), (1_234_567, "0.01234 BTC"),
    ],
)  # fmt: skip
def test_an_amount_is_cut_and_never_rounded_up_and_never_loses_whole_coins(units, shown):
    assert f">BTC: {shown} hot<" in svg_chart([report(units)])


def test_more_stock_is_drawn_higher():
    drawing = svg_chart([report(100, 800)])
    points = drawing.split('points="')[1].split('"')[0].split()
    (x1, y1), (x2, y2) = (map(int, point.split(",")) for point in points)
    assert x1 < x2
    assert y1 > y2
