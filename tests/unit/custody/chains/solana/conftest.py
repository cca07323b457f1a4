import pytest
from simulators.solana import SOL, House, Key

from custody.chains.solana.params import LOCAL
from custody.chains.solana.state import Nonce, Source, SplState
from custody.primitives.asset import Asset

USDC = Asset("USDC", 6, LOCAL.chain.id, Key("usdc").text)


@pytest.fixture(scope="session")
def usdc():
    return USDC


@pytest.fixture(scope="session")
def house():
    return House("hot", (USDC,))


@pytest.fixture
def state(house):
    # Vault 5 SOL and 100 USDC; customer 0 has 9 SOL that are not synced yet, customer 1 has 40 USDC.
    wallet, native = house.wallet, LOCAL.native
    sources = (
        Source(wallet.vault(native), native, 5 * SOL, stale=False),
        Source(wallet.deposit_address(0).text, native, 9 * SOL, stale=True),
        Source(wallet.vault(USDC), USDC, 100_000_000, stale=False),
        Source(wallet.deposit_address(1, USDC).text, USDC, 40_000_000, stale=False),
    )
    nonces = tuple(Nonce(account, Key(f"value {account}").text) for account in wallet.nonce_accounts)
    return SplState(SOL, nonces, sources)
