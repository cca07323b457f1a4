from dataclasses import replace

import pytest
from simulators.reserves_world import BITCOIN, BTC, ETH, HEADER

from custody.primitives.errors import InvalidInput
from custody.reserves.balances import (
    AssetSide,
    Holding,
    HoldingClass,
    ReserveRefused,
    ReserveRow,
    ratio_ppm,
    reserve_rows,
)

HEIGHT = 934_512
COLD = Holding(BTC, BITCOIN, "bc1cold", 5 * 10**8, 8, HEIGHT)
CONTROLLED = {(BITCOIN, "bc1cold")}


def row(*holdings, controlled=CONTROLLED):
    return reserve_rows(HEADER, holdings, controlled)[0]


# R40, R41: what must not be counted ---------------------------------------------------------


@pytest.mark.parametrize("height", [HEIGHT - 1, HEIGHT + 1])
def test_r41_balance_of_another_block(height):
    with pytest.raises(ReserveRefused):
        row(replace(COLD, at_height=height))


def test_r40_same_place_counted_twice():
    with pytest.raises(ReserveRefused):
        row(COLD, COLD)


def test_r40_wrapped_token_beside_its_backing():
    wrapped = replace(COLD, asset_id=ETH, address="0xwrapped", chain_decimals=18, backing=((BITCOIN, "bc1cold"),))
    with pytest.raises(ReserveRefused):
        row(COLD, wrapped, controlled={*CONTROLLED, (BITCOIN, "0xwrapped")})


@pytest.mark.parametrize("kind", [HoldingClass.PROVEN, HoldingClass.ENCUMBERED])
def test_r43_holding_called_proven_whose_keys_nobody_showed(kind):
    with pytest.raises(ReserveRefused):
        row(replace(COLD, kind=kind), controlled=())


def test_r43_more_encumbered_than_proven():
    with pytest.raises(ReserveRefused):
        ReserveRow(BTC, proven=5, attested=100, encumbered=6, addresses_digest=b"")


@pytest.mark.parametrize(
    "change", [{"asset_id": "x"}, {"chain": "eip155:1"}, {"base_units": -1}, {"chain_decimals": 7}]
)
def test_refuses_holding_that_does_not_fit_the_header(change):
    with pytest.raises(InvalidInput):
        row(replace(COLD, **change), controlled={*CONTROLLED, ("eip155:1", "bc1cold")})


def test_refuses_ratio_of_nothing():
    with pytest.raises(InvalidInput):
        ratio_ppm(row(COLD), 0)


def test_refuses_rows_that_are_not_the_headers():
    with pytest.raises(InvalidInput):
        AssetSide((row(COLD),), "test").json(HEADER, [1, 1])


# What counts ---------------------------------------------------------------------------------


def test_r42_lowest_balance_of_the_window_counts():
    assert row(replace(COLD, lowest_base_units=10**8)).proven == 10**8
    assert row(replace(COLD, lowest_base_units=9 * 10**8)).proven == 5 * 10**8


def test_attested_stands_apart_and_encumbered_is_subtracted():
    letter = replace(COLD, address="bc1bank", kind=HoldingClass.ATTESTED)
    pledged = replace(COLD, address="bc1lent", base_units=10**8, kind=HoldingClass.ENCUMBERED)
    counted = row(COLD, letter, pledged, controlled={*CONTROLLED, (BITCOIN, "bc1lent")})
    assert (counted.proven, counted.attested, counted.encumbered, counted.net) == (
        6 * 10**8,
        5 * 10**8,
        10**8,
        5 * 10**8,
    )


def test_base_units_are_rounded_down_to_quanta():
    fine = replace(COLD, base_units=10**12 + 9_999, chain_decimals=12)
    assert row(fine).proven == 10**8


def test_ratio_is_rounded_down():
    assert ratio_ppm(ReserveRow(BTC, 2, 0, 0, b""), 3) == 666_666
    assert ratio_ppm(ReserveRow(BTC, 10**30, 0, 0, b""), 1) == 10**36


def test_token_account_counts_under_the_multisig_that_owns_it():
    token = replace(COLD, address="TokenAccount", controller="Multisig")
    assert row(token, controlled={(BITCOIN, "Multisig")}).proven == 5 * 10**8


def test_asset_without_liabilities_has_no_ratio():
    side = AssetSide(reserve_rows(HEADER, [COLD], CONTROLLED), "mext test")
    fields = side.json(HEADER, [10**9, 0])
    assert fields["ratio_ppm"] == {BTC: "500000"}
    assert fields["control_totals"] == ["1000000000", "0"]
    assert [each["asset"] for each in fields["reserves"]] == [BTC, ETH]
    assert fields["tool"] == "mext test"


def test_addresses_digest_changes_with_every_fact_it_lists():
    holdings = (
        COLD,
        replace(COLD, base_units=5),
        replace(COLD, controller="x"),
        replace(COLD, kind=HoldingClass.ATTESTED),
    )
    digests = {row(holding, controlled={*CONTROLLED, (BITCOIN, "x")}).addresses_digest for holding in holdings}
    assert len(digests) == len(holdings)
    assert row(COLD).addresses_digest in digests
