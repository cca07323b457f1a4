from dataclasses import replace
from types import SimpleNamespace

import pytest

from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import NotFound, UnknownAsset
from exchange.app.blueprint import InvalidBlueprint
from exchange.app.compose import Installation, require_same_assets
from exchange.app.home import Home
from exchange.settlement.scale import AssetScale, ScaleBook


def test_a_folder_where_nothing_is_provisioned_is_refused_and_gets_no_journal(tmp_path):
    with pytest.raises(NotFound, match="nothing is provisioned here"):
        Installation.open(Home(tmp_path))
    assert list(tmp_path.iterdir()) == []


TRX = Asset("TRX", 6, ChainId("tron-local"))
USDT = Asset("USDT", 6, TRX.chain, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")


@pytest.mark.parametrize(
    "row",
    [
        replace(USDT, decimals=18),
        replace(USDT, contract="TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"),
        replace(USDT, chain=ChainId("ethereum-local")),
    ],
)
def test_a_token_that_books_and_wallets_know_otherwise_stops_the_start(row):
    part = SimpleNamespace(native=TRX, tokens=(SimpleNamespace(asset=USDT),))
    coin = AssetScale(TRX, 0, 0)
    require_same_assets([part], ScaleBook([coin, AssetScale(USDT, 1, 0)]))
    with pytest.raises(InvalidBlueprint, match="USDT"):
        require_same_assets([part], ScaleBook([coin, AssetScale(row, 1, 0)]))
    with pytest.raises(UnknownAsset):
        require_same_assets([part], ScaleBook([coin]))
