from dataclasses import replace

import pytest

from custody.store.database import open_database
from custody.store.stock import SqlStock, StockSample, create_stock_table

NOW = StockSample("BTC", 500_000, hot=2, cold=10**30, owed=100)


@pytest.fixture
def stock():
    database = open_database("sqlite://")
    create_stock_table(database)
    create_stock_table(database)
    return SqlStock(database)


def test_within_an_hour_the_last_reading_stays_and_hours_come_back_in_order(stock):
    for sample in (replace(NOW, hour=500_002), NOW, replace(NOW, hot=3), replace(NOW, symbol="ETH")):
        stock.record(sample)
    assert stock.samples("BTC", 0) == (replace(NOW, hot=3), replace(NOW, hour=500_002))
    assert stock.samples("BTC", 500_001) == (replace(NOW, hour=500_002),)
    assert stock.samples("SOL", 0) == ()


def test_what_lies_warm_is_recorded_and_gone_when_nothing_is_left(stock):
    stock.record(replace(NOW, warm=7))
    assert stock.samples("BTC", 0) == (replace(NOW, warm=7),)
    stock.record(NOW)
    assert stock.samples("BTC", 0) == (NOW,)


def test_a_database_from_before_there_were_warm_wallets_is_read(stock):
    stock.record(NOW)
    with stock._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE treasury_warm_stock")
    assert stock.samples("BTC", 0) == (NOW,)
