# Which wallets of the blueprint pay on a chain.
from dataclasses import replace
from types import SimpleNamespace

import pytest

from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from exchange.app.blueprint import Blueprint, InvalidBlueprint, MemberSpec, WalletSpec
from exchange.app.custody_room import DEPOSIT_FLOORS, floors_of
from exchange.app.wallet_tiers import wallets_on, warm_on


def blueprint(*wallets):
    specs = tuple(WalletSpec(name, tier, chain, 2, ()) for name, tier, chain in wallets)
    return Blueprint("local", "example", (), "gas", 0, (), (), specs, (), ())


ETH, BTC = "ethereum-local", "bitcoin-regtest"


@pytest.mark.parametrize(
    "wallets",
    [
        (),
        (("hot", "hot", ETH),),
        (("cold", "cold", ETH),),
        (("hot", "hot", ETH), ("cold", "cold", ETH), ("cold-2", "cold", ETH)),
        (("hot", "hot", ETH), ("hot", "hot", ETH), ("cold", "cold", ETH)),
        (("hot", "hot", ETH), ("hot", "cold", ETH)),
        (("hot", "hot", ETH), ("tepid", "tepid", ETH), ("cold", "cold", ETH)),
        (("hot", "hot", ETH), ("cold", "cold", BTC)),
    ],
)
def test_refuses_other_sets_than_hot_wallets_and_one_cold(wallets):
    with pytest.raises(InvalidBlueprint, match="needs hot wallets and one cold wallet"):
        wallets_on(blueprint(*wallets), ETH)


def test_refuses_several_hot_wallets_in_a_family_that_has_one_lane():
    made = blueprint(("hot", "hot", BTC), ("hot-2", "hot", BTC), ("cold", "cold", BTC))
    with pytest.raises(InvalidBlueprint, match="not from 2"):
        wallets_on(made, BTC)


def test_the_first_hot_wallet_is_the_first_of_the_blueprint():
    made = blueprint(("cold", "cold", ETH), ("hot-b", "hot", ETH), ("other", "hot", BTC), ("hot-a", "hot", ETH))
    hot, cold = wallets_on(made, ETH)
    assert ([spec.id for spec in hot], cold.id) == (["hot-b", "hot-a"], "cold")
    assert wallets_on(replace(made, wallets=made.wallets[:2]), ETH)[0][0].id == "hot-b"


def test_a_warm_wallet_is_an_option_and_no_hot_one():
    made = blueprint(("hot", "hot", ETH), ("warm", "warm", ETH), ("cold", "cold", ETH))
    assert warm_on(made, ETH).id == "warm"
    assert [spec.id for spec in wallets_on(made, ETH)[0]] == ["hot"]
    assert warm_on(blueprint(("hot", "hot", ETH), ("cold", "cold", ETH)), ETH) is None


@pytest.mark.parametrize(
    ("wallets", "why"),
    [
        ((("warm", "warm", ETH), ("warm-2", "warm", ETH)), "2 warm wallets"),
        ((("hot", "hot", ETH), ("hot", "warm", ETH)), "are called hot"),
        ((("hot", "hot", "xrpl-local"), ("warm", "warm", "xrpl-local")), "can have no warm wallet"),
    ],
)
def test_refuses_a_warm_wallet_that_cannot_be_told_apart_or_be_paid_from(wallets, why):
    with pytest.raises(InvalidBlueprint, match=why):
        warm_on(blueprint(*wallets), wallets[0][2])


def test_refuses_a_warm_wallet_over_a_key_of_another_tier():
    made = blueprint(("hot", "hot", ETH), ("warm", "warm", ETH))
    one_key = tuple(replace(spec, members=(MemberSpec("signer-a", "m/0h", "00"),)) for spec in made.wallets)
    with pytest.raises(InvalidBlueprint, match="can empty both"):
        warm_on(replace(made, wallets=one_key), ETH)


# A forged or unlucky symbol must not borrow the floor of a coin.
def test_a_token_is_credited_from_a_thousandth_of_it_on_whatever_it_calls_itself():
    token = Asset("BTC", 6, ChainId(ETH), "0x" + "11" * 20)
    part = SimpleNamespace(tokens=(SimpleNamespace(asset=token),))
    assert floors_of(part) == DEPOSIT_FLOORS | {"BTC": 1_000}
    assert floors_of(SimpleNamespace(tokens=())) == DEPOSIT_FLOORS
