import pytest
from requests import ConnectionError as NoConnection
from simulators.anvil import mined_by_hand

from custody.primitives.errors import NodeUnavailable
from governance.contracts import sending
from governance.contracts.sending import CallReverted, FeeTooHigh, OutcomeUnknown, Sender, connect

pytestmark = pytest.mark.node


@pytest.fixture
def bent(house):
    # A sender whose node can be bent, and a call that moves one unit.
    web3 = house.bending()
    sender = Sender(web3, house.people["alice"].account)
    mext = web3.eth.contract(address=house.deployment.address("MEXT"), abi=house.raw("MEXT").abi)
    return sender, mext.functions.transfer(house.people["bob"].address, 1)


def units(house, name):
    return house.raw("MEXT").functions.balanceOf(house.people[name].address).call()


def test_refuses_a_node_that_is_not_there():
    with pytest.raises(NodeUnavailable):
        connect("http://127.0.0.1:1", 31337)


def test_a_refusal_names_the_contracts_error_and_sends_nothing(house):
    mallory = house.people["mallory"]
    before = house.web3.eth.get_transaction_count(mallory.address)
    with pytest.raises(CallReverted) as raised:
        mallory.send(house.raw("MEXT").functions.transfer(house.people["bob"].address, 1))
    assert raised.value.facts["error"] == "ERC20InsufficientBalance"
    assert house.web3.eth.get_transaction_count(mallory.address) == before


def test_an_account_without_gas_hears_the_nodes_reason(house):
    poor = Sender(house.web3, house.web3.eth.account.create())
    with pytest.raises(NodeUnavailable):
        poor.send(house.raw("MEXT").functions.delegate(poor.address))


def test_refuses_a_fee_above_the_ceiling(house, bent):
    sender, call = bent
    high = hex(sending.FEE_CEILING_WEI_PER_GAS + 1)

    def dear(method, params, answer):
        return {**answer, "result": high} if method == "eth_maxPriorityFeePerGas" else answer

    sender.web3.provider.after = dear
    before = units(house, "bob")
    with pytest.raises(FeeTooHigh):
        sender.send(call)
    assert units(house, "bob") == before


def test_nothing_is_sent_to_a_node_that_changed_its_chain(house, bent):
    sender, call = bent
    sender.web3.provider.after = lambda method, params, answer: (
        {**answer, "result": "0x1"} if method == "eth_chainId" else answer
    )
    asked = []
    sender.web3.provider.before = lambda method, params: asked.append(method)
    with pytest.raises(NodeUnavailable):
        sender.send(call)
    assert "eth_sendRawTransaction" not in asked


def test_a_lost_answer_after_sending_is_no_failure(house, bent):
    # The node took it and the connection broke: to send again would pay twice.
    sender, call = bent

    def lose(method, params, answer):
        if method == "eth_sendRawTransaction":
            raise NoConnection("broken")
        return answer

    sender.web3.provider.after = lose
    before = units(house, "bob")
    with pytest.raises(OutcomeUnknown) as raised:
        sender.send(call)
    assert units(house, "bob") == before + 1
    assert house.web3.eth.get_transaction_receipt(raised.value.facts["txid"])["status"] == 1
    assert not raised.value.transient
    assert raised.value.hint()


def test_what_is_not_mined_in_time_is_unknown_not_failed(house, bent, monkeypatch):
    sender, call = bent
    monkeypatch.setattr(sending, "RECEIPT_WAIT_S", 0.3)
    with mined_by_hand(house.anvil), pytest.raises(OutcomeUnknown):
        sender.send(call)


def test_a_call_that_turns_bad_before_it_is_mined_is_refused(house, bent):
    # Estimated while it was possible; the balance leaves first.
    sender, _ = bent
    mext = house.raw("MEXT").functions
    alice, bob = house.people["alice"], house.people["bob"]
    whole = units(house, "alice")
    moved = []

    def race(method, params):
        if method == "eth_sendRawTransaction" and not moved:
            moved.append(True)
            house.people["carol"].send(mext.transferFrom(alice.address, bob.address, whole))

    alice.send(mext.approve(house.people["carol"].address, whole))
    sender.web3.provider.before = race
    with pytest.raises(CallReverted) as raised:
        sender.send(mext.transfer(bob.address, whole))
    assert "reverted in 0x" in raised.value.message


def test_a_second_between_estimate_and_block_does_not_run_out_of_gas(house):
    # In the second of the estimate the deposit goes into an existing vote checkpoint, a second later into a new one.
    listing = house.propose()
    web3 = house.bending()
    screener = Sender(web3, house.people["screener_a"].account)
    web3.provider.before = lambda method, params: (
        house.reach(house.now_s() + 5) if method == "eth_sendRawTransaction" else None
    )
    contract = web3.eth.contract(address=house.vote.box.contract, abi=house.raw("ListingVote").abi)
    screener.send(contract.functions.reject(listing, "no licence"))


def test_each_call_is_mined_once_and_in_order(house):
    alice, before = house.people["alice"], units(house, "bob")
    for _ in range(3):
        alice.send(house.raw("MEXT").functions.transfer(house.people["bob"].address, 1))
    assert units(house, "bob") == before + 3
