from dataclasses import replace

import pytest
from simulators.anvil import ETH, compiled, dev_token_code, make_intent, make_wallet, mined_by_hand, running_house

from custody.chains.evm.abi import address_word, transfer_call
from custody.chains.evm.address import checksum
from custody.chains.evm.keccak import keccak256, selector
from custody.chains.evm.node import EvmNode
from custody.chains.evm.params import BSC_LOCAL
from custody.chains.evm.reader import SafeReader
from custody.chains.evm.rlp import rlp_encode, rlp_int
from custody.primitives.amount import Amount
from custody.primitives.chain import BlockRef
from custody.primitives.errors import NodeUnavailable

pytestmark = pytest.mark.node

CUSTOMER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
SECOND = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
WATCHED = frozenset({CUSTOMER, SECOND})


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_house(tmp_path_factory.mktemp("anvil")) as house:
        yield house


@pytest.fixture
def house(shared):
    with shared.undone():
        yield shared


def seen(house, txid, reader=None, watched=WATCHED):
    block = house.block_of(txid)
    found = (reader or house.reader).deposits(watched, block)
    return [(each.to.text, each.amount.units, each.amount.asset.symbol) for each in found if each.txid == txid]


# B02: transfer answers false, status 1, no event.
def test_b02_a_transfer_that_answers_false_is_no_deposit(house):
    token, reader = house.list_token("FLS", house.anvil.create(compiled()["FalseToken"]))
    assert seen(house, house.anvil.send(token.contract, transfer_call(CUSTOMER, 100)), reader) == []


# B02, sharper: the event is there, the coins are not.
def test_b02_an_announced_transfer_that_moved_nothing_is_no_deposit(house):
    token, reader = house.list_token("LIE", house.anvil.create(compiled()["LiarToken"]))
    assert seen(house, house.anvil.send(token.contract, transfer_call(CUSTOMER, 100)), reader) == []


# B03: a look-alike with the same name and symbol.
def test_b03_a_token_that_is_not_listed_is_no_deposit(house):
    fake = house.anvil.create(dev_token_code("Listed token", "MXT", 10**24))
    assert seen(house, house.anvil.send(fake, transfer_call(CUSTOMER, 100))) == []


# B04: the outer frame reverts.
def test_b04_coins_of_a_reverted_transaction_or_frame_are_no_deposit(house):
    forwarder = house.anvil.create(compiled()["Forwarder"])
    call = selector("payInRevertedFrame(address)") + address_word(CUSTOMER)
    txid = house.anvil.send(forwarder, call, 100)
    assert house.wait(txid).succeeded
    assert seen(house, txid) == []
    assert house.wei(CUSTOMER) == 0
    funder = house.anvil.rpc.call("eth_accounts")[0]
    data = "0x" + (selector("payAndRevert(address)") + address_word(CUSTOMER)).hex()
    fields = {"from": funder, "to": forwarder, "data": data, "value": "0x64", "gas": "0x100000"}
    txid = house.anvil.rpc.call("eth_sendTransaction", fields)
    assert not house.wait(txid).succeeded
    assert seen(house, txid) == []


# B05: fee on transfer.
def test_b05_only_what_arrived_of_a_token_with_a_fee_is_credited(house):
    token, reader = house.list_token("FEE", house.anvil.create(compiled()["FeeToken"]))
    txid = house.anvil.send(token.contract, transfer_call(CUSTOMER, 1_000))
    assert seen(house, txid, reader) == [(CUSTOMER, 990, "FEE")]


# B18: the same address watched on another chain sees nothing of this one.
def test_b18_a_deposit_is_of_the_chain_it_was_seen_on(house):
    txid = house.anvil.fund(CUSTOMER, 100)
    (found,) = house.reader.deposits(WATCHED, house.block_of(txid))
    assert found.amount.asset == ETH
    assert found.to.chain == found.block.chain != BSC_LOCAL.chain.id


# B16: a block that the node does not have.
def test_a_block_that_is_not_on_the_chain_is_refused(house):
    tip = house.reader.tip()
    with pytest.raises(NodeUnavailable):
        house.reader.deposits(WATCHED, BlockRef(tip.chain, tip.height, "0x" + "12" * 32, tip.parent))


# B10: the deposit's block is reorganised away.
def test_a_reorganised_block_is_not_scanned_as_if_it_stood(house):
    txid = house.anvil.fund(CUSTOMER, 100)
    block = house.block_of(txid)
    house.anvil.mine(1)
    house.anvil.reorg(2)
    again = house.reader.block_at(block.height)
    assert again.hash != block.hash
    assert house.reader.deposits(WATCHED, again) == ()


def test_what_is_not_watched_and_what_is_zero_is_not_seen(house):
    assert seen(house, house.anvil.fund(CUSTOMER, 0)) == []
    assert seen(house, house.anvil.send(house.token.contract, transfer_call(CUSTOMER, 0))) == []
    assert seen(house, house.anvil.fund(CUSTOMER, 5), watched=frozenset({SECOND})) == []


def test_a_deposit_in_the_block_that_created_the_token_is_seen(house):
    with mined_by_hand(house.anvil):
        funder = house.anvil.rpc.call("eth_accounts")[0]
        fields = {"from": funder, "gas": "0x200000"}
        code = dev_token_code("Fresh", "FRS", 10**24)
        created = house.anvil.rpc.call("eth_sendTransaction", {**fields, "data": "0x" + code.hex()})
        nonce = house.anvil.node.sequence(house.codec.parse_address(funder).text)
        contract = checksum(keccak256(rlp_encode([bytes.fromhex(funder[2:]), rlp_int(nonce)]))[12:])
        data = "0x" + transfer_call(CUSTOMER, 9).hex()
        txid = house.anvil.rpc.call("eth_sendTransaction", {**fields, "to": contract, "data": data})
        house.anvil.mine(1)
    assert house.wait(created).height == house.wait(txid).height
    _, reader = house.list_token("FRS", contract)
    assert seen(house, txid, reader) == [(CUSTOMER, 9, "FRS")]


def test_sees_native_coins_and_tokens_with_what_arrived(house):
    assert seen(house, house.anvil.fund(CUSTOMER, 123)) == [(CUSTOMER, 123, "ETH")]
    txid = house.anvil.send(house.token.contract, transfer_call(CUSTOMER, 456))
    assert seen(house, txid) == [(CUSTOMER, 456, "MXT")]


# A customer may be paid by a contract: another exchange's multisig, or this very Safe.
def test_sees_coins_paid_by_a_contract(house):
    forwarder = house.anvil.create(compiled()["Forwarder"])
    txid = house.anvil.send(forwarder, selector("pay(address)") + address_word(CUSTOMER), 77)
    assert seen(house, txid) == [(CUSTOMER, 77, "ETH")]


# B17: whoever moved the coins is named, and whoever signed for it.
def test_b17_senders_are_the_account_behind_a_payment_and_who_moved_it(house):
    def senders(txid, reader=house.reader):
        (found,) = [each for each in reader.deposits(WATCHED, house.block_of(txid)) if each.txid == txid]
        return found.senders

    first, second = (house.codec.parse_address(each).text for each in house.anvil.rpc.call("eth_accounts")[:2])
    plain = SafeReader(make_wallet(), EvmNode(house.anvil.rpc, replace(house.anvil.node.params, tracing=False)))
    direct = house.anvil.fund(CUSTOMER, 5)
    assert senders(direct) == senders(direct, plain) == (first,)
    forwarder = house.anvil.create(compiled()["Forwarder"])
    inner = house.anvil.send(forwarder, selector("pay(address)") + address_word(CUSTOMER), 77)
    assert senders(inner) == (first, forwarder)
    assert senders(house.anvil.send(house.token.contract, transfer_call(CUSTOMER, 456))) == (first,)
    house.anvil.send(house.token.contract, transfer_call(second, 60))
    allow = selector("approve(address,uint256)") + address_word(first) + (60).to_bytes(32, "big")
    fields = {"from": second, "to": house.token.contract, "gas": "0x100000", "data": "0x" + allow.hex()}
    house.wait(house.anvil.rpc.call("eth_sendTransaction", fields))
    words = address_word(second) + address_word(CUSTOMER) + (60).to_bytes(32, "big")
    taken = house.anvil.send(house.token.contract, selector("transferFrom(address,address,uint256)") + words)
    assert senders(taken) == (first, second)


# The Safe hands its received coins to its code by delegatecall, which shows a value but moves none.
def test_a_delegatecall_moves_no_coins(house):
    safe, singleton = house.wallet.safe, house.wallet.params.release.singleton
    txid = house.anvil.fund(safe, 55)
    assert seen(house, txid, watched=frozenset({safe, singleton})) == [(safe, 55, "ETH")]


def test_several_payments_of_one_transaction_have_different_indexes(house):
    amounts = [Amount(5, ETH), Amount(6, ETH), Amount(7, house.token), Amount(8, house.token)]
    targets = [CUSTOMER, CUSTOMER, CUSTOMER, SECOND]
    pairs = zip(targets, amounts, strict=True)
    signed = house.pay(*(make_intent(to, amount, name=f"w{i}") for i, (to, amount) in enumerate(pairs)))
    found = house.reader.deposits(WATCHED, house.block_of(signed.txid))
    assert sorted(each.amount.units for each in found) == [5, 6, 7, 8]
    assert len({(each.txid, each.index) for each in found}) == 4


# A sweep out of the address in the same block: the difference of its balance must not hide what came in.
def test_a_spend_in_the_same_block_does_not_hide_a_deposit(house):
    first, second = house.anvil.rpc.call("eth_accounts")[:2]
    account = house.codec.parse_address(first).text
    house.anvil.send(house.token.contract, transfer_call(second, 60))
    sends = [(first, SECOND, 40), (second, first, 60), (first, first, 11)]
    with mined_by_hand(house.anvil):
        for source, target, units in sends:
            data = "0x" + transfer_call(target, units).hex()
            fields = {"from": source, "to": house.token.contract, "gas": "0x100000", "data": data}
            txid = house.anvil.rpc.call("eth_sendTransaction", fields)
        house.anvil.mine(1)
    found = house.reader.deposits(frozenset({account, SECOND}), house.block_of(txid))
    # A transfer to oneself gains nothing.
    assert sorted(each.amount.units for each in found) == [40, 60]


def test_without_traces_only_direct_payments_are_seen(house):
    plain = SafeReader(make_wallet(), EvmNode(house.anvil.rpc, replace(house.anvil.node.params, tracing=False)))
    forwarder = house.anvil.create(compiled()["Forwarder"])
    inner = house.anvil.send(forwarder, selector("pay(address)") + address_word(CUSTOMER), 77)
    assert seen(house, inner, plain) == []
    assert seen(house, house.anvil.fund(CUSTOMER, 5), plain) == [(CUSTOMER, 5, "ETH")]
