# Several requests at once, over a real database.
import time
from concurrent.futures import ThreadPoolExecutor

from simulators.blocks import MemoryDeposits

from custody.primitives.address import Address
from custody.primitives.asset import AssetBook
from custody.primitives.chain import ChainId
from custody.store.database import open_database
from custody.store.deposits import SqlDepositStore
from custody.wallets.addresses import AddressDesk, Siblings

SIM = ChainId("sim")


def test_requests_at_the_same_moment_get_an_address_each_and_none_is_refused(tmp_path):
    store = SqlDepositStore(open_database(f"sqlite:///{tmp_path}/custody.db"), AssetBook([]))
    desk = AddressDesk(SIM, lambda index: Address(SIM, f"place-{index}"), lambda *_: time.sleep(0.01), store)
    customers = [f"c{number % 6}" for number in range(12)]
    with ThreadPoolExecutor(max_workers=12) as pool:
        given = [address.text for address in pool.map(desk.address_for, customers)]
    assert given[:6] == given[6:]
    assert sorted(given[:6]) == [f"place-{index}" for index in range(6)]


# B18: on chains where the same keys give the same addresses, an address is one customer's on all of them.
def test_sibling_chains_give_a_customer_one_index_and_never_share_one_between_two():
    store = MemoryDeposits()
    chains = ChainId("eth"), ChainId("bsc")
    siblings = Siblings(chains)
    eth, bsc = (
        AddressDesk(
            chain, lambda n, chain=chain: Address(chain, f"0x{n}"), lambda _index, _address: None, store, siblings
        )
        for chain in chains
    )
    given = [desk.address_for(who).text for desk, who in ((eth, "ada"), (bsc, "bob"), (bsc, "ada"), (eth, "bob"))]
    assert given == ["0x0", "0x1", "0x0", "0x1"]
