# Several hot Safes of one chain, put together as an installation does it, over a real node.
from dataclasses import replace
from types import SimpleNamespace

import pytest
from simulators.anvil import ETH, OWNER_PATH, OWNERS, SENDER, SENDER_PATH, running_house
from simulators.gates import SEALS

from custody.chains.evm.deploy import deploy_on_devnet
from custody.chains.evm.verify import SafeChanged, verify_tokens
from custody.chains.token_listing import TokenDiffers
from custody.primitives.asset import AssetBook
from custody.primitives.errors import ToolkitError
from custody.store.database import open_database
from custody.store.deposits import SqlDepositStore
from custody.store.gas_loans import SqlGasLoanStore
from custody.store.sweeps import SqlSweepStore
from custody.store.withdrawals import SqlWithdrawalStore
from exchange.app.blueprint import ChainSpec, InvalidBlueprint, MemberSpec, WalletSpec
from exchange.app.chain_parts import Ingredients, Records
from exchange.app.evm import evm_parts
from exchange.app.wallets import safe_wallet

pytestmark = pytest.mark.node

NAMES = ("signer-a", "signer-b", "signer-c")


def spec(name, tier="hot", salt=0, sender=SENDER_PATH, **service):
    members = tuple(
        MemberSpec(each, OWNER_PATH, owner.key(OWNER_PATH).raw.hex()) for each, owner in zip(NAMES, OWNERS, strict=True)
    )
    keys = {"salt_nonce": str(salt), "sender": SENDER.key(sender).raw.hex()}
    return WalletSpec(name, tier, ETH.chain, 2, members, keys | service)


FIRST = spec("hot-eth", salt=11)
SECOND = spec("hot-eth-2", salt=12, sender="m/44h/60h/9h/0/2")
COLD = spec("cold-eth", "cold", salt=13)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with running_house(tmp_path_factory.mktemp("anvil")) as house:
        for place, each in enumerate((FIRST, SECOND, COLD)):
            deploy_on_devnet(house.anvil.node, safe_wallet(each))
            house.anvil.fund(safe_wallet(each).safe, 10**place)
        house.anvil.mine(3)
        yield house


def parts(house, folder, *more):
    database, assets = open_database("sqlite://"), AssetBook([ETH])
    stores = (SqlWithdrawalStore(database, assets, SEALS), SqlSweepStore(database, assets), SqlGasLoanStore(database))
    records = Records(*stores, SqlDepositStore(database, assets))
    signers = {name: SimpleNamespace(name=name) for name in (*NAMES, "gas")}
    chain = ChainSpec(ETH.chain, "node", house.anvil.node.rpc.endpoint.url)
    deposits = SqlDepositStore(database, assets)
    return evm_parts(Ingredients(chain, FIRST, COLD, signers, "gas", deposits, 0, folder, records, None, more))


@pytest.mark.parametrize(
    "further",
    [
        spec("hot-eth-2", salt=12),  # the sender of the first
        spec("hot-eth-2", salt=11, sender="m/44h/60h/9h/0/2"),  # the Safe of the first
        spec("hot-eth-2", salt=12, sender="m/44h/60h/9h/0/2", gas_station=SENDER.key(SENDER_PATH).raw.hex()),
        spec("hot-eth-2", salt=12, sender="m/44h/60h/9h/0/2", tokens="USDT:6:0x" + "11" * 20),
    ],
)
def test_refuses_hot_wallets_that_share_a_counter_or_the_deposits(house, tmp_path, further):
    with pytest.raises(InvalidBlueprint, match=r"hot-eth|two paying wallets"):
        parts(house, tmp_path, further)


def test_refuses_a_further_safe_that_is_not_on_the_chain(house, tmp_path):
    with pytest.raises(ToolkitError) as refused:
        parts(house, tmp_path, spec("hot-eth-3", salt=99, sender="m/44h/60h/9h/0/3"))
    assert isinstance(refused.value, SafeChanged) or refused.value.transient


def test_each_hot_safe_has_a_lane_and_all_of_them_count_as_hot(house, tmp_path):
    made = parts(house, tmp_path, SECOND)
    assert [lane.wallet_id for lane in made.lanes()] == ["hot-eth", "hot-eth-2"]
    assert len({lane.codec.wallet.sender_address for lane in made.lanes()}) == 2
    assert [each.text for each in made.hot_addresses()] == [safe_wallet(each).safe for each in (FIRST, SECOND)]
    assert (made.hot_balance().units, made.cold_balance().units) == (11, 100)
    owned = made.reserves.owned(made.reserves.final_block())
    assert [(place.wallet_id, place.tier) for place in owned] == [
        ("hot-eth", "hot"),
        ("hot-eth-2", "hot"),
        ("cold-eth", "cold"),
    ]
    assert sum(each.base_units for each in made.reserves.holdings(made.reserves.final_block())) == 111
    assert made.further[0].lane.trial is not None
    for step in (made.upkeep, made.watch, made.repair, made.further[0].upkeep, made.further[0].repair):
        step()


def test_a_listed_token_that_is_none_or_counts_otherwise_stops_the_start(house):
    verify_tokens(house.anvil.node, house.wallet)
    wrong = ({"decimals": 6}, "18 decimals, listed with 6"), ({"contract": house.wallet.sender_address}, "no token")
    for change, said in wrong:
        with pytest.raises(TokenDiffers, match=said):
            verify_tokens(house.anvil.node, replace(house.wallet, tokens=(replace(house.token, **change),)))
