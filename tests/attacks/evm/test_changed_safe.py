"""E14, E15: the Safe on chain is not, or is no longer, what was registered."""

from dataclasses import replace

import pytest
from simulators.anvil import OWNER_PATH, OWNERS, TestSigner, compiled, make_wallet, running_house

from custody.chains.evm.abi import address_word, word
from custody.chains.evm.address import address_of
from custody.chains.evm.deploy import deploy_on_devnet
from custody.chains.evm.keccak import selector
from custody.chains.evm.verify import FALLBACK_SLOT, GUARD_SLOT, SINGLETON_SLOT, SafeChanged, verify_safe
from custody.chains.evm.watch import MAX_BLOCKS_A_STEP, SafeWatch
from custody.monitor.breaker import FileBreaker
from exchange.app.custody_steps import guarded_step

pytestmark = pytest.mark.node

STRANGER = address_of(TestSigner(88).key(OWNER_PATH))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_house(tmp_path_factory.mktemp("anvil")) as house:
        yield house


@pytest.fixture
def house(shared):
    with shared.undone():
        verify_safe(shared.anvil.node, shared.wallet)
        yield shared


def by_itself(house, call: bytes):
    """The Safe calls itself, as it would after its owners were tricked."""
    rpc, safe = house.anvil.rpc, house.wallet.safe
    rpc.call("anvil_impersonateAccount", safe)
    txid = rpc.call("eth_sendTransaction", {"from": safe, "to": safe, "data": "0x" + call.hex(), "gas": "0x100000"})
    rpc.call("anvil_stopImpersonatingAccount", safe)
    assert house.wait(txid).succeeded


def refuses(house, text):
    with pytest.raises(SafeChanged, match=text):
        verify_safe(house.anvil.node, house.wallet)


def test_notices_an_added_owner(house):
    by_itself(house, selector("addOwnerWithThreshold(address,uint256)") + address_word(STRANGER) + word(2))
    refuses(house, "owners are")


def test_notices_a_lowered_and_a_raised_threshold(house):
    for threshold in (1, 3):
        by_itself(house, selector("changeThreshold(uint256)") + word(threshold))
        refuses(house, f"threshold is {threshold}")


def test_notices_a_swapped_owner(house):
    first, second = house.wallet.sorted_owners()[:2]
    call = selector("swapOwner(address,address,address)") + address_word(first) + address_word(second)
    by_itself(house, call + address_word(STRANGER))
    refuses(house, "owners are")


def test_notices_a_module(house):
    by_itself(house, selector("enableModule(address)") + address_word(STRANGER))
    refuses(house, "modules are enabled")


def test_notices_a_fallback_handler(house):
    by_itself(house, selector("setFallbackHandler(address)") + address_word(STRANGER))
    refuses(house, "fallback handler")


@pytest.mark.parametrize(
    ("slot", "name"), [(GUARD_SLOT, "guard"), (SINGLETON_SLOT, "singleton"), (FALLBACK_SLOT, "fallback")]
)
def test_notices_a_written_slot(house, slot, name):
    # Slot 0 is what the delegatecall of the Bybit theft wrote; a foreign singleton also answers nothing sensible.
    value = "0x" + address_word(house.token.contract if slot == SINGLETON_SLOT else STRANGER).hex()
    slot_text = "0x" + word(slot).hex()
    house.anvil.rpc.call("anvil_setStorageAt", house.wallet.safe, slot_text, value)
    if slot == SINGLETON_SLOT:
        house.anvil.rpc.call("anvil_setCode", house.token.contract, "0x" + "60206000f3")
    refuses(house, name)


def test_notices_changed_code_of_every_pinned_contract(house):
    release = house.wallet.params.release
    gate = house.anvil.node.code(house.anvil.create(compiled()["Gate"]))
    for address in (release.multisend, release.fallback_handler, release.proxy_factory):
        house.anvil.rpc.call("anvil_setCode", address, "0x" + gate.hex())
        refuses(house, address)


# E14: in the block that changes it, also if the next block changes it back; then nothing of the chain is signed.
@pytest.mark.parametrize("taken_back", [False, True])
def test_e14_a_changed_safe_is_found_within_one_block_and_stops_its_chain(house, tmp_path, taken_back):
    breaker = FileBreaker(tmp_path / "breaker.json")
    watch = SafeWatch(house.anvil.node, [house.wallet])
    step = guarded_step(watch.step, house.reader.chain, breaker)
    assert step() == 1
    assert breaker.open_scopes() == {}
    by_itself(house, selector("changeThreshold(uint256)") + word(1))
    if taken_back:
        by_itself(house, selector("changeThreshold(uint256)") + word(2))
        verify_safe(house.anvil.node, house.wallet)
    for _ in range(2):
        with pytest.raises(SafeChanged, match="threshold is 1"):
            step()
    assert "threshold is 1" in breaker.open_scopes()[f"chain:{house.native.chain}"]


# E15: the implementation behind the proxy, or the library it calls, is gone.
@pytest.mark.parametrize("part", ["singleton", "multisend"])
def test_e15_a_destroyed_implementation_is_found_within_one_block(house, part):
    watch = SafeWatch(house.anvil.node, [house.wallet])
    watch.step()
    house.anvil.rpc.call("anvil_setCode", getattr(house.wallet.params.release, part), "0x")
    house.anvil.mine()
    watch.require_unchanged()
    with pytest.raises(SafeChanged, match="code at"):
        watch.step()
    # No new deposit address is handed out for it.
    with pytest.raises(SafeChanged, match="code at"):
        watch.require_unchanged()


def test_every_block_is_asked_once_and_a_long_pause_is_bounded(house):
    watch = SafeWatch(house.anvil.node, [house.wallet])
    assert watch.step() == 1
    assert watch.step() == 0
    house.anvil.mine(5)
    assert watch.step() == 5
    house.anvil.reorg(1)
    assert watch.step() == 1
    house.anvil.mine(3 * MAX_BLOCKS_A_STEP)
    assert watch.step() == MAX_BLOCKS_A_STEP


def test_a_safe_of_other_owners_or_one_that_is_not_there_is_not_ours(house):
    other = replace(house.wallet, threshold=2, salt_nonce=77)
    with pytest.raises(SafeChanged, match="code at"):
        verify_safe(house.anvil.node, other)


def test_reads_the_state_of_the_block_asked_for(house):
    before = house.reader.tip()
    by_itself(house, selector("changeThreshold(uint256)") + word(1))
    verify_safe(house.anvil.node, house.wallet, before)
    refuses(house, "threshold is 1")


def test_a_correct_deployment_is_accepted(house):
    wallet = make_wallet(salt_nonce=5)
    deploy_on_devnet(house.anvil.node, wallet)
    verify_safe(house.anvil.node, wallet)
    assert wallet.owners[0].address == address_of(OWNERS[0].key(OWNER_PATH))
