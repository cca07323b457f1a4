# What a statement says of Safes and deposit accounts: the coin and every listed token, as of one block.
import pytest
from simulators.anvil import ETH, make_intent, make_wallet, running_house

from custody.chains.evm.abi import transfer_call
from custody.chains.evm.deploy import deploy_on_devnet
from custody.chains.evm.verify import SafeChanged
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from exchange.app.reserve_sources import SafeReserves, TierReader, asset_id

pytestmark = pytest.mark.node

ALICE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with running_house(tmp_path_factory.mktemp("anvil")) as house:
        yield house


@pytest.fixture(scope="module")
def cold(house):
    wallet = make_wallet(tokens=(house.token,), salt_nonce=1)
    deploy_on_devnet(house.anvil.node, wallet)
    return wallet


@pytest.fixture
def account(house):
    return Address(house.reader.chain.id, house.wallet.deposits.address(3))


@pytest.fixture
def reserves(house, cold, account):
    tiers = [(TierReader("hot-eth", "hot"), house.wallet), (TierReader("cold-eth", "cold"), cold)]
    return SafeReserves(tiers, house.anvil.node, lambda: [account])


def test_a_safe_that_is_not_deployed_has_no_quorum_to_show(house, account):
    missing = make_wallet(salt_nonce=9)
    tiers = [(TierReader("hot-eth", "hot"), house.wallet), (TierReader("cold-eth", "cold"), missing)]
    reserves = SafeReserves(tiers, house.anvil.node, lambda: [account])
    with pytest.raises(SafeChanged):
        reserves.quorums(reserves.final_block())


def test_coins_and_tokens_of_every_place_are_those_of_the_final_block(house, cold, account, reserves):
    with house.undone():
        house.anvil.send(house.token.contract, transfer_call(account.text, 77))
        house.anvil.fund(cold.safe, 5)
        house.anvil.mine(house.reader.chain.final_depth)
        block = reserves.final_block()
        house.pay(make_intent(ALICE, Amount(3, ETH)))
        held = {(each.asset_id, each.address): each.base_units for each in reserves.holdings(block)}
        coin, token = (asset_id(asset, "eip155:31337") for asset in (ETH, house.token))
        assert held == {
            (coin, house.wallet.safe): house.wei(house.wallet.safe) + 3,
            (coin, cold.safe): 5,
            (coin, account.text): 0,
            (token, house.wallet.safe): house.tokens(house.wallet.safe),
            (token, cold.safe): 0,
            (token, account.text): 77,
        }
        assert {each.address for each in reserves.owned(block)} == {address for _, address in held}
