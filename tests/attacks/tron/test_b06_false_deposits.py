# B06: what looks like a deposit and is none.
import pytest
from simulators.tron import COIN, SOLID, STRANGER, make_intent

from custody.chains.port import SignedTx
from custody.chains.tron.address import address_of, wire_bytes
from custody.chains.tron.protobuf import bytes_field, number_field
from custody.chains.tron.rawtx import RawPayment, Window, payment_bytes, signed_bytes, txid_of
from custody.chains.tron.reader import moment_of
from custody.primitives.chain import Finality

pytestmark = pytest.mark.node

THIEF_PATH = "m/44h/195h/0h/0/0"
THIEF = address_of(STRANGER.key(THIEF_PATH))
URL = b"type.googleapis.com/protocol."


@pytest.fixture
def victim(house):
    house.simulator.fund(THIEF, 1_000 * COIN)
    house.simulator.mint(house.usdt.contract, THIEF, 100)
    house.simulator.mine(1 + SOLID)
    return house.wallet.deposits.address(0)


def send(house, raw):
    digest = bytes.fromhex(txid_of(raw))
    house.broadcaster.broadcast(
        SignedTx(txid_of(raw), signed_bytes(raw, [STRANGER.sign_digest(digest, THIEF_PATH)]), "", None)
    )


def window(house):
    moment = moment_of(house.node)
    return Window(moment.ref_block_bytes, moment.ref_block_hash, moment.head_ms + 60_000, 1)


def call(house, contract, data, fee_limit=100 * COIN):
    value = bytes_field(1, wire_bytes(THIEF)) + bytes_field(2, wire_bytes(contract)) + bytes_field(4, data)
    return raw_of(house, 31, b"TriggerSmartContract", value, fee_limit)


def raw_of(house, kind, name, value, fee_limit=0):
    here = window(house)
    body = number_field(1, kind) + bytes_field(2, bytes_field(1, URL + name) + bytes_field(2, value))
    return (
        bytes_field(1, here.ref_block_bytes)
        + bytes_field(4, here.ref_block_hash)
        + number_field(8, here.expiration_ms)
        + bytes_field(11, body)
        + number_field(14, here.timestamp_ms)
        + number_field(18, fee_limit)
    )


def seen(house, victim):
    return house.reader.deposits({victim}, house.reader.block_at(house.simulator.mine(1)))


def transfer_data(to, units, selector="a9059cbb"):
    return bytes.fromhex(selector) + bytes(12) + wire_bytes(to)[1:] + units.to_bytes(32, "big")


def test_b06_a_trc10_asset_named_usdt_is_no_deposit(house, victim):
    value = (
        bytes_field(1, b"USDT")
        + bytes_field(2, wire_bytes(THIEF))
        + bytes_field(3, wire_bytes(victim))
        + number_field(4, 10**12)
    )
    send(house, raw_of(house, 2, b"TransferAssetContract", value))
    assert seen(house, victim) == ()


def test_b06_a_look_alike_contract_is_no_deposit(house, victim):
    fake = house.simulator.create_token("USDT")
    house.simulator.mint(fake, THIEF, 10**12)
    send(house, payment_bytes(RawPayment(THIEF, victim, 10**12, fake, 0, 100 * COIN, window(house))))
    assert seen(house, victim) == ()


def test_b06_a_reverted_transfer_is_no_deposit(house, victim):
    send(house, call(house, house.usdt.contract, transfer_data(victim, 101)))  # one more than it has
    assert seen(house, victim) == ()


def test_b06_a_transfer_without_energy_is_no_deposit(house, victim):
    send(house, call(house, house.usdt.contract, transfer_data(victim, 50), fee_limit=COIN))
    assert seen(house, victim) == ()


def test_b06_an_approval_is_no_deposit(house, victim):
    send(house, call(house, house.usdt.contract, transfer_data(victim, 50, "095ea7b3")))
    assert seen(house, victim) == ()


def test_b06_a_transaction_whose_result_is_not_success_is_no_deposit(house, victim):
    txid = house.simulator.fund(victim, COIN)
    block = house.reader.block_at(house.simulator.mine(1))
    shown = house.simulator.http.ask("/wallet/getblockbynum", num=block.height)
    for result in ("REVERT", "OUT_OF_ENERGY", "OUT_OF_TIME", "", "success"):
        shown["transactions"][0]["ret"] = [{"contractRet": result}]
        house.simulator.fault(lies={"/wallet/getblockbynum": shown})
        assert house.reader.deposits({victim}, block) == ()
    house.simulator.fault(lies={})
    (honest,) = house.reader.deposits({victim}, block)
    assert (honest.txid, honest.amount.units) == (txid, COIN)


def test_b06_a_real_transfer_by_the_same_sender_is_a_deposit(house, victim):
    send(house, call(house, house.usdt.contract, transfer_data(victim, 50)))
    (deposit,) = seen(house, victim)
    assert (deposit.amount.units, deposit.amount.asset, deposit.senders) == (50, house.usdt, (THIEF,))


# The other way round: our own payment that fails on chain has moved nothing, and is not final.
def test_our_own_transfer_that_reverts_is_failed_only_when_solidified(house, victim):
    broken = house.simulator.create_token("BRK", reverts=True)
    house.simulator.mint(broken, house.wallet.address.text, 100)
    house.simulator.mine(1)
    signed = house.pay(make_intent(victim, 5, house.usdt))
    house.simulator.mine(1 + SOLID)
    assert house.finality(signed) is Finality.FINAL
    plan = house.plan(make_intent(victim, 995 * COIN, house.usdt, withdrawal_id="a"))
    other = house.plan(make_intent(victim, 990 * COIN, house.usdt, withdrawal_id="b"))
    for each in (plan, other):
        house.broadcaster.broadcast(house.signed(each))
    house.simulator.mine(1)
    signed = house.signed(other)
    assert house.finality(signed) is Finality.MINED
    house.simulator.mine(SOLID)
    assert house.finality(signed) is Finality.FAILED
    assert house.finality(house.signed(plan)) is Finality.FINAL
