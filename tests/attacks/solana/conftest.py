from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from simulators.solana import SOL, House, Key, LiveHouse, make_mint

from custody.chains.solana.params import LOCAL
from custody.devnet.solana_vm import SolanaVm
from custody.primitives.asset import Asset


@pytest.fixture(scope="module")
def usdc():
    return Asset("USDC", 6, LOCAL.chain.id, Key("usdc").text)


@pytest.fixture(scope="module")
def house(usdc):
    return House("hot", (usdc,))


@pytest.fixture(scope="module")
def vm():
    with TemporaryDirectory() as folder, SolanaVm.start(Path(folder), slot_ms=0) as running:
        yield running


@pytest.fixture(scope="module")
def minted(vm):
    return make_mint(vm, "usdc-live")


@pytest.fixture(scope="module")
def live(vm, minted):
    made = LiveHouse(vm, "hot", (minted[0],))
    vm.fund(made.wallet.vault(LOCAL.native), 20 * SOL)
    vm.mine(40)
    return made
