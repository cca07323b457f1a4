"""The Tron family against the ledger simulator: who may sign, what is refused and in which words, what is seen."""

import hashlib
from dataclasses import replace

import pytest
from simulators.tron import (
    ACCOUNT_PATH,
    ALICE,
    BOB,
    COIN,
    COLD,
    MEMBER_PATH,
    MEMBERS,
    OPENER,
    SENDER,
    SOLID,
    STRANGER,
    TRX,
    TronHouse,
    make_intent,
    make_wallet,
    running_house,
)

from custody.chains.port import SignedTx
from custody.chains.token_listing import TokenDiffers
from custody.chains.tron.broadcaster import TronNodeRefuses
from custody.chains.tron.rawtx import (
    Quorum,
    RawPayment,
    Window,
    payment_bytes,
    permission_update_bytes,
    signed_bytes,
    txid_of,
)
from custody.chains.tron.reader import moment_of
from custody.chains.tron.setup import SetUpRefused, TronAccountChanged, open_account, verify_tokens, verify_wallet
from custody.chains.tron.sweep import plan_sweep, sweep_state
from custody.devnet.tron_simulator import TronOptions, TronSimulator
from custody.keys.material import SigningRole
from custody.primitives.address import Address
from custody.primitives.chain import Finality
from custody.primitives.errors import InsufficientFunds, NodeUnavailable, StaleState, UnknownAsset

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with running_house(tmp_path_factory.mktemp("tron")) as house:
        yield house


def sent(house, raw, *holders, path="m/44h/195h/0h/0/0"):
    digest = bytes.fromhex(txid_of(raw))
    whole = signed_bytes(raw, [holder.sign_digest(digest, path) for holder in holders])
    return house.broadcaster.broadcast(SignedTx(txid_of(raw), whole, "", None))


def now_window(house, number=0):
    moment = moment_of(house.node)
    return Window(moment.ref_block_bytes, moment.ref_block_hash, moment.head_ms + 60_000, number)


def raw_payment(house, permission_id=2, number=0):
    return payment_bytes(
        RawPayment(house.wallet.address.text, ALICE, COIN, None, permission_id, 0, now_window(house, number))
    )


def test_refuses_one_signature(house):
    with pytest.raises(TronNodeRefuses, match=r"SIGERROR.*weight 1 < threshold 2"):
        sent(house, raw_payment(house), MEMBERS[0])


def test_refuses_the_same_signer_twice(house):
    with pytest.raises(TronNodeRefuses, match="has signed twice!"):
        sent(house, raw_payment(house), MEMBERS[0], MEMBERS[0])


def test_refuses_a_stranger_and_more_signatures_than_keys(house):
    with pytest.raises(TronNodeRefuses, match="not contained of permission"):
        sent(house, raw_payment(house), MEMBERS[0], STRANGER)
    with pytest.raises(TronNodeRefuses, match="Signature count is 4 more than key counts of permission : 3"):
        sent(house, raw_payment(house), *MEMBERS, STRANGER)


def test_refuses_an_operation_that_the_mask_does_not_allow(house):
    quorum = Quorum(1, (ALICE,))
    raw = permission_update_bytes(house.wallet.address.text, quorum, quorum, now_window(house))
    # The same change under the members' permission: field 5 of the contract is written by hand.
    contract_at = raw.index(bytes([0x5A]))
    body_at = contract_at + 3
    size = (raw[contract_at + 1] & 0x7F) | raw[contract_at + 2] << 7
    changed = raw[body_at : body_at + size] + b"\x28\x02"
    length = bytes([len(changed) & 0x7F | 0x80, len(changed) >> 7])
    under_two = raw[: contract_at + 1] + length + changed + raw[body_at + size :]
    with pytest.raises(TronNodeRefuses, match="Permission denied"):
        sent(house, under_two, *MEMBERS[:2])


def test_members_cannot_act_under_the_owner_permission_nor_under_one_that_does_not_exist(house):
    with pytest.raises(TronNodeRefuses, match="not contained of permission"):
        sent(house, raw_payment(house, 0), *MEMBERS[:2])
    with pytest.raises(TronNodeRefuses, match="permission isn't exit"):
        sent(house, raw_payment(house, 3), *MEMBERS[:2])


def test_the_key_that_opened_the_account_has_no_power_left(house):
    with pytest.raises(TronNodeRefuses, match="not contained of permission"):
        sent(house, raw_payment(house, 0), OPENER, path=ACCOUNT_PATH)


def test_refuses_another_reference_block_and_an_expiration_in_the_past(house):
    window = now_window(house)
    payment = RawPayment(house.wallet.address.text, ALICE, COIN, None, 2, 0, window)
    with pytest.raises(NodeUnavailable, match="TAPOS_ERROR"):  # may be a node that is behind
        sent(house, payment_bytes(replace(payment, window=replace(window, ref_block_hash=bytes(8)))), *MEMBERS[:2])
    past = replace(window, expiration_ms=window.expiration_ms - 60_000)
    with pytest.raises(TronNodeRefuses, match="TRANSACTION_EXPIRATION_ERROR"):
        sent(house, payment_bytes(replace(payment, window=past)), *MEMBERS[:2])


def test_refuses_more_than_there_is(house):
    with pytest.raises(InsufficientFunds):
        house.plan(make_intent(units=10**12))
    raw = payment_bytes(RawPayment(house.wallet.address.text, ALICE, 10**12, None, 2, 0, now_window(house)))
    with pytest.raises(TronNodeRefuses, match="balance is not sufficient"):
        sent(house, raw, *MEMBERS[:2])


def test_a_quorum_of_cold_owners_can_change_the_permissions_and_one_cannot(tmp_path):
    with running_house(tmp_path) as house:
        account = house.wallet.address.text
        raw = permission_update_bytes(account, house.wallet.owners.on_chain(), Quorum(1, (ALICE,)), now_window(house))
        with pytest.raises(TronNodeRefuses, match="weight 2 < threshold 3"):
            sent(house, raw, *COLD[:2])
        sent(house, raw, *COLD[:3])
        verify_wallet(house.node, house.wallet)  # not solidified yet
        house.simulator.mine(1 + SOLID)
        with pytest.raises(TronAccountChanged, match=r"active permission's threshold is 1.*keys"):
            verify_wallet(house.node, house.wallet)


def test_a_wallet_that_is_not_set_up_is_refused(house):
    other = make_wallet((), account_path="m/44h/195h/9h/0/7")
    with pytest.raises(TronAccountChanged, match="not open"):
        verify_wallet(house.node, other)
    with pytest.raises(SetUpRefused, match="no OwnerAccount"):
        open_account(house.node, other, lambda digest: OPENER.sign_digest(digest, "m/44h/195h/9h/0/7"))
    house.simulator.fund(other.address.text, COIN)
    house.simulator.mine(1 + SOLID)
    with pytest.raises(TronAccountChanged, match="threshold is 1, not 3"):
        verify_wallet(house.node, other)


def test_a_listed_token_that_is_none_or_counts_otherwise_stops_the_start(house):
    verify_tokens(house.node, house.wallet)
    for wrong, said in (({"decimals": 18}, "6 decimals, listed with 18"), ({"contract": ALICE}, "no token")):
        with pytest.raises(TokenDiffers, match=said):
            verify_tokens(house.node, replace(house.wallet, tokens=(replace(house.usdt, **wrong),)))


def test_a_token_sweep_goes_under_the_accounts_own_key_and_nobody_elses(house):
    place = house.wallet.deposits.address(9)
    house.simulator.fund(place, 60 * COIN)
    house.simulator.mint(house.usdt.contract, place, 7)
    house.simulator.mine(1)
    move = plan_sweep(house.wallet, sweep_state(house.wallet, house.node, 9, house.usdt))
    digest = bytes.fromhex(move.plan.txid)
    for stranger, path in ((SENDER, "m/44h/195h/0h/0/8"), (STRANGER, "m/44h/195h/0h/0/9"), (MEMBERS[0], MEMBER_PATH)):
        stolen = signed_bytes(move.plan.raw, [stranger.sign_digest(digest, path)])
        with pytest.raises(TronNodeRefuses, match="not contained of permission"):
            house.broadcaster.broadcast(SignedTx(move.plan.txid, stolen, "", None))
    before, held = house.node.balance(house.wallet.address.text, house.usdt), house.sun(place)
    decoder = SENDER.decoder(house.wallet, "m/44h/195h/0h")
    signed = move.assemble([SENDER.sign(decoder, move.next_need(()))])
    house.broadcaster.broadcast(signed)
    assert house.broadcaster.broadcast(signed) == signed.txid  # the same bytes again pay once
    house.simulator.mine(1 + SOLID)
    assert house.reader.move_finality(signed.txid, signed.conflict_key) is Finality.FINAL
    assert house.node.balance(house.wallet.address.text, house.usdt) == before + 7
    assert held - house.sun(place) == house.reader.fee_paid(signed).units <= signed.fee_max.units


def test_pays_trx_with_a_quorum_and_opens_the_destination(house):
    before = house.sun(house.wallet.address.text)
    signed = house.pay(make_intent(BOB, 3 * COIN))
    assert house.finality(signed) is Finality.PENDING
    house.simulator.mine(1)
    assert house.finality(signed) is Finality.MINED
    house.simulator.mine(SOLID)
    assert house.finality(signed) is Finality.FINAL
    paid = before - house.sun(house.wallet.address.text)
    assert house.sun(BOB) == 3 * COIN
    assert 3 * COIN < paid <= 3 * COIN + signed.fee_max.units


def test_pays_a_token_with_every_pair_of_members(house):
    for number, pair in enumerate(((0, 1), (1, 2), (2, 0))):
        plan = house.plan(make_intent(ALICE, 5, house.usdt, withdrawal_id=f"t{number}"))
        signed = house.signed(plan, pair)
        house.broadcaster.broadcast(signed)
        house.simulator.mine(1 + SOLID)
        assert house.finality(signed) is Finality.FINAL
    assert house.node.balance(ALICE, house.usdt) == 15


def test_the_same_bytes_again_are_taken_as_sent_and_pay_once(house):
    before = house.sun(BOB)
    signed = house.pay(make_intent(BOB, COIN, withdrawal_id="again"))
    assert house.broadcaster.broadcast(signed) == signed.txid
    house.simulator.mine(1 + SOLID)
    assert house.broadcaster.broadcast(signed) == signed.txid
    house.simulator.mine(100)  # past the expiration
    assert house.broadcaster.broadcast(signed) == signed.txid
    house.simulator.mine(1)
    assert house.sun(BOB) == before + COIN
    assert house.finality(signed) is Finality.FINAL


def test_what_is_in_flight_is_left_out_until_it_is_in_a_block(house):
    plan = house.plan(make_intent(BOB, COIN, withdrawal_id="flight"))
    names = frozenset(house.codec.reservations(plan))
    free, left = (house.reader.spendable(reserved).balances[TRX.key] for reserved in (frozenset(), names))
    assert free - left == COIN + house.codec.fee(plan).units
    house.broadcaster.broadcast(house.signed(plan))
    assert house.reader.spendable(names).balances[TRX.key] == left
    house.simulator.mine(1)
    landed = house.reader.spendable(names).balances[TRX.key]
    assert left <= landed < free - COIN


def test_a_reorganised_payment_is_sent_again_with_the_same_bytes(house):
    signed = house.pay(make_intent(BOB, COIN, withdrawal_id="reorg"))
    house.simulator.mine(1)
    assert house.simulator.reorg(1) == [signed.txid]
    assert house.finality(signed) is Finality.UNKNOWN
    house.broadcaster.broadcast(signed)  # its reference block was solidified
    house.simulator.mine(1 + SOLID)
    assert house.finality(signed) is Finality.FINAL


def test_deposits_of_trx_and_listed_tokens_are_seen_once_with_their_senders(house):
    place = house.wallet.deposits.address(0)
    txid = house.simulator.fund(place, 7 * COIN)
    tokens = house.pay(make_intent(place, 9, house.usdt, withdrawal_id="deposit"))
    height = house.simulator.mine(1)
    block = house.reader.block_at(height)
    native, token = house.reader.deposits({place}, block)
    assert (native.txid, native.index, native.amount.units, native.amount.asset) == (txid, 0, 7 * COIN, TRX)
    assert (token.txid, token.index, token.amount.units, token.amount.asset) == (tokens.txid, 1, 9, house.usdt)
    assert token.senders == (house.wallet.address.text,)
    assert house.reader.deposits({ALICE}, block) == ()
    with pytest.raises(StaleState):
        house.reader.deposits({place}, replace(block, hash="0" * 64))


def test_a_sweep_brings_a_deposit_home(house):
    before = house.sun(house.wallet.address.text)
    house.simulator.fund(house.wallet.deposits.address(5), 10 * COIN)
    house.simulator.mine(1)
    move = plan_sweep(house.wallet, sweep_state(house.wallet, house.node, 5, TRX))
    need = move.next_need(())
    assert need.role is SigningRole.SENDER
    signed = move.assemble([SENDER.sign(SENDER.decoder(house.wallet, "m/44h/195h/0h"), need)])
    house.broadcaster.broadcast(signed)
    house.simulator.mine(1 + SOLID)
    assert house.finality(signed) is Finality.FINAL
    assert house.sun(house.wallet.address.text) == before + 10 * COIN - 320_000


def test_past_balances_are_those_of_their_block(house):
    block = house.reader.tip()
    address = Address(house.wallet.params.chain.id, BOB)
    held = house.reader.balance(address, TRX)
    house.simulator.fund(BOB, 1)
    house.simulator.mine(1)
    assert house.reader.balance(address, TRX, block) == held
    assert house.reader.balance(address, TRX).units == held.units + 1
    with pytest.raises(UnknownAsset):
        house.reader.balance(address, house.usdt, block)


def test_the_simulated_chain_survives_a_restart(tmp_path):
    options = TronOptions(block_ms=0)
    with TronSimulator.start(tmp_path, options) as simulator:
        house = TronHouse(simulator)
        signed = house.pay()
        simulator.mine(5)
        tip = house.reader.tip()
    with TronSimulator.start(tmp_path, options) as simulator:
        house.node.http = simulator.http
        assert house.reader.tip() == tip
        assert house.finality(signed) is Finality.FINAL


def test_ids_are_the_hash_of_the_raw_part(house):
    signed = house.pay(make_intent(BOB, COIN, withdrawal_id="hash"))
    size = (signed.raw[1] & 0x7F) | signed.raw[2] << 7
    assert hashlib.sha256(signed.raw[3 : 3 + size]).hexdigest() == signed.txid
