# C16: what a signer reads out of Tron bytes, and what it refuses. No simulator, no builder: shapes are made by hand.
from dataclasses import replace

import pytest
from simulators.signer_kit import Bench, request, rules_json
from simulators.tron import (
    ALICE,
    BOB,
    COIN,
    COLD,
    MEMBER_PATH,
    MEMBERS,
    NOW_MS,
    SENDER,
    STATION_PATH,
    STRANGER,
    TRX,
    USDT,
    make_intent,
    make_wallet,
    rich,
    window,
)

from custody.chains.tron.address import wire_bytes
from custody.chains.tron.codec import PAYMENT_TAG, TronCodec
from custody.chains.tron.gas_station import TOP_UP_TAG, top_up
from custody.chains.tron.protobuf import bytes_field, number_field
from custody.chains.tron.rawtx import Quorum, RawPayment, payment_bytes, permission_update_bytes
from custody.chains.tron.sweep import SWEEP_TAG, SweepState, plan_sweep
from custody.keys.material import SigningRole
from custody.primitives.encoding import encode
from custody.primitives.errors import InvalidInput, LimitExceeded, MalformedPayload, Refused
from custody.primitives.secret import Secret
from custody.signers.decoders.tron import TronDecoder
from custody.signers.decoders.tron_bytes import Message, UnknownField
from custody.signers.ownership import NotOurAddress

WALLET = make_wallet()
HOT = WALLET.address.text
DECODER = MEMBERS[0].decoder(WALLET)
SWEEPER = SENDER.decoder(WALLET, "m/44h/195h/0h", STATION_PATH)
URL = b"type.googleapis.com/protocol."


def read(raw):
    return DECODER.understand(encode(PAYMENT_TAG, raw), SigningRole.MEMBER)


def pay(**changes):
    return replace(RawPayment(HOT, ALICE, COIN, None, 2, 0, window()), **changes)


def contract(kind, name, value, permission_id=2, more=b""):
    parameter = bytes_field(1, URL + name) + bytes_field(2, value)
    return number_field(1, kind) + bytes_field(2, parameter) + number_field(5, permission_id) + more


def raw_data(*contracts, before=b"", after=b"", fee_limit=0):
    here = window()
    head = bytes_field(1, here.ref_block_bytes) + bytes_field(4, here.ref_block_hash)
    body = b"".join(bytes_field(11, each) for each in contracts)
    tail = number_field(14, here.timestamp_ms) + number_field(18, fee_limit)
    return head + number_field(8, here.expiration_ms) + before + body + tail + after


TRANSFER = bytes_field(1, wire_bytes(HOT)) + bytes_field(2, wire_bytes(ALICE)) + number_field(3, COIN)


def trigger(call=None, token=USDT.contract, more=b""):
    usual = bytes.fromhex("a9059cbb") + bytes(12) + wire_bytes(ALICE)[1:] + COIN.to_bytes(32, "big")
    owner = bytes_field(1, wire_bytes(HOT)) + bytes_field(2, wire_bytes(token))
    return owner + more + bytes_field(4, usual if call is None else call)


def test_c16_a_permission_update_is_never_signed():
    quorum = Quorum(1, (BOB,))
    update = permission_update_bytes(HOT, quorum, quorum, window())
    value = bytes_field(1, wire_bytes(HOT)) + bytes_field(2, wire_bytes(ALICE)) + number_field(3, COIN)
    disguised = (
        update,
        raw_data(contract(46, b"AccountPermissionUpdateContract", value)),
        raw_data(contract(46, b"TransferContract", value)),  # one name outside, another inside
        raw_data(contract(1, b"AccountPermissionUpdateContract", value)),
    )
    for raw in disguised:
        with pytest.raises(Refused, match="is no payment"):
            read(raw)


@pytest.mark.parametrize("permission_id", [0, 1, 3, 1 << 40])
def test_c16_another_permission_is_refused(permission_id):
    with pytest.raises(Refused, match="permission"):
        read(payment_bytes(pay(permission_id=permission_id)))


def test_c16_another_account_is_refused():
    with pytest.raises(Refused, match="pays, not"):
        read(payment_bytes(pay(owner=BOB)))


@pytest.mark.parametrize(
    ("kind", "name"),
    [(2, b"TransferAssetContract"), (11, b"FreezeBalanceContract"), (30, b"CreateSmartContract"), (57, b"Delegate")],
)
def test_c16_other_contract_types_are_refused(kind, name):
    with pytest.raises(Refused, match="is no payment"):
        read(raw_data(contract(kind, name, TRANSFER)))


@pytest.mark.parametrize("selector", ["095ea7b3", "23b872dd", "a9059cbc", "39509351"])
def test_c16_other_calls_of_a_listed_token_are_refused(selector):
    call = bytes.fromhex(selector) + bytes(12) + wire_bytes(BOB)[1:] + COIN.to_bytes(32, "big")
    with pytest.raises(Refused, match="no transfer of a registered token"):
        read(raw_data(contract(31, b"TriggerSmartContract", trigger(call)), fee_limit=COIN))


def test_c16_calls_of_other_contracts_are_refused():
    with pytest.raises(Refused, match="no transfer of a registered token"):
        read(raw_data(contract(31, b"TriggerSmartContract", trigger(token=BOB)), fee_limit=COIN))


@pytest.mark.parametrize("more", [number_field(3, 5)])
def test_c16_a_call_that_carries_trx_is_refused(more):
    with pytest.raises(UnknownField):
        read(raw_data(contract(31, b"TriggerSmartContract", trigger(more=more)), fee_limit=COIN))


def test_c16_a_call_that_carries_trc10_is_refused():
    value = trigger() + number_field(5, 7) + number_field(6, 1_000_001)
    with pytest.raises(UnknownField):
        read(raw_data(contract(31, b"TriggerSmartContract", value), fee_limit=COIN))


@pytest.mark.parametrize("tail", [b"", b"\0", bytes(32)])
def test_c16_calldata_of_another_length_is_refused(tail):
    call = bytes.fromhex("a9059cbb") + bytes(12) + wire_bytes(ALICE)[1:] + COIN.to_bytes(32, "big")
    changed = call + tail if tail else call[:-1]
    with pytest.raises(MalformedPayload, match="transfer call"):
        read(raw_data(contract(31, b"TriggerSmartContract", trigger(changed)), fee_limit=COIN))


def test_c16_an_address_word_with_more_than_an_address_is_refused():
    call = bytes.fromhex("a9059cbb") + bytes(11) + wire_bytes(ALICE) + COIN.to_bytes(32, "big")
    with pytest.raises(MalformedPayload, match="first word"):
        read(raw_data(contract(31, b"TriggerSmartContract", trigger(call)), fee_limit=COIN))


def test_c16_memos_scripts_auths_and_unknown_fields_are_refused():
    good = contract(1, b"TransferContract", TRANSFER)
    for before in (bytes_field(9, b"auth"), bytes_field(10, b"memo")):
        with pytest.raises(UnknownField):
            read(raw_data(good, before=before))
    for raw in (
        raw_data(good, after=number_field(19, 1)),
        raw_data(contract(1, b"TransferContract", TRANSFER + number_field(4, 1))),
        raw_data(contract(1, b"TransferContract", TRANSFER, more=number_field(6, 1))),
    ):
        with pytest.raises(UnknownField):
            read(raw)


def test_c16_a_second_contract_is_refused():
    good = contract(1, b"TransferContract", TRANSFER)
    with pytest.raises(MalformedPayload, match="twice"):
        read(raw_data(good, good))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x08",
        b"\x08\x80",
        b"\x08\x80\x00",  # zero in two bytes
        b"\x08" + b"\xff" * 10 + b"\x01",
        b"\x0d\x00\x00\x00\x00",  # another wire type
        b"\x5a\x05ab",
        b"\x40\x00",  # an empty field, written
        payment_bytes(pay())[:-1],
    ],
)
def test_c16_bytes_that_two_readers_could_read_differently_are_refused(raw):
    with pytest.raises((MalformedPayload, Refused)):
        read(raw)


def test_fields_out_of_order_are_refused():
    with pytest.raises(MalformedPayload, match="order"):
        Message.read(number_field(14, 1) + number_field(8, 1), "test", numbers={8, 14})


def test_fee_limits_above_the_registered_one_and_on_trx_payments_are_refused():
    most = WALLET.params.prices.fee_limit
    read(payment_bytes(pay(contract=USDT.contract, fee_limit_sun=most)))
    with pytest.raises(LimitExceeded):
        read(payment_bytes(pay(contract=USDT.contract, fee_limit_sun=most + 1)))
    with pytest.raises(LimitExceeded):
        read(payment_bytes(pay(fee_limit_sun=1)))


@pytest.mark.parametrize("to", [HOT, USDT.contract])
def test_payments_to_the_wallet_itself_or_a_contract_are_refused(to):
    with pytest.raises(Refused, match="ours"):
        read(payment_bytes(pay(to=to)))


def test_payloads_of_the_wrong_role_or_tag_are_refused():
    raw = payment_bytes(pay())
    for tag, role in ((PAYMENT_TAG, SigningRole.SENDER), (SWEEP_TAG, SigningRole.MEMBER), ("x", SigningRole.MEMBER)):
        with pytest.raises(Refused):
            DECODER.understand(encode(tag, raw), role)
    with pytest.raises(MalformedPayload):
        DECODER.understand(encode(PAYMENT_TAG, raw, raw), SigningRole.MEMBER)


def deposit(index=3, asset=TRX, sun=10 * COIN):
    return SweepState(index, asset, 10 * COIN, sun, rich().moment)


ROOMY = 50 * COIN  # pays for a token's sweep


def altered(move, **changes):
    return encode(move.tag, move.index, payment_bytes(replace(move.plan.payment, **changes)))


def sweep(asset=TRX, **changes):
    return altered(plan_sweep(WALLET, deposit(asset=asset, sun=ROOMY)), **changes)


def loan(**changes):
    return altered(top_up(WALLET, deposit(asset=USDT, sun=0), 10**9), **changes)


ACCOUNT = WALLET.deposits.address(4)


@pytest.mark.parametrize(
    "payload",
    [
        sweep(to=ALICE),
        sweep(permission_id=2),
        sweep(owner=BOB),
        sweep(owner=ACCOUNT),
        sweep(contract=ALICE),
        sweep(fee_limit_sun=1),
        sweep(USDT, to=ALICE),
        sweep(USDT, to=ACCOUNT),
        sweep(USDT, to=WALLET.station_address),
        sweep(USDT, contract=ALICE),
        sweep(USDT, owner=HOT),
        sweep(USDT, fee_limit_sun=WALLET.params.prices.fee_limit + 1),
        encode(SWEEP_TAG, 1_000, payment_bytes(pay())),
        encode(SWEEP_TAG, 3, payment_bytes(pay())),
    ],
)
def test_sweeps_go_from_the_named_deposit_account_to_the_wallet_only(payload):
    with pytest.raises(Refused):
        SWEEPER.understand(payload, SigningRole.SENDER)


# E07: the station's key lends to deposit accounts; under no tag does it pay anybody else.
@pytest.mark.parametrize(
    "payload",
    [
        loan(to=ALICE),
        loan(to=HOT),
        loan(to=ACCOUNT),
        loan(owner=ACCOUNT),
        loan(owner=HOT),
        loan(permission_id=2),
        loan(contract=USDT.contract),
        loan(fee_limit_sun=1),
        encode(SWEEP_TAG, 3, top_up(WALLET, deposit(asset=USDT, sun=0), 10**9).plan.raw),
        encode(TOP_UP_TAG, 3, plan_sweep(WALLET, deposit()).plan.raw),
        encode(TOP_UP_TAG, 1_000, top_up(WALLET, deposit(asset=USDT, sun=0), 10**9).plan.raw),
    ],
)
def test_e07_the_gas_station_lends_to_deposit_accounts_only(payload):
    with pytest.raises(Refused):
        SWEEPER.understand(payload, SigningRole.SENDER)


def test_a_signer_without_the_stations_key_lends_nothing():
    SWEEPER.understand(loan(), SigningRole.SENDER)
    with pytest.raises(Refused, match="no key of the gas station"):
        SENDER.decoder(WALLET, "m/44h/195h/0h").understand(loan(), SigningRole.SENDER)
    alone = {name: value for name, value in WALLET.registration().items() if name != "gas_station"}
    with pytest.raises(Refused, match="not the gas station"):
        TronDecoder(alone, {STATION_PATH: SENDER.key(STATION_PATH)}).understand(loan(), SigningRole.SENDER)


@pytest.mark.parametrize("asset", [TRX, USDT])
def test_a_sweep_shows_that_everything_comes_home(asset):
    move = plan_sweep(WALLET, deposit(asset=asset, sun=ROOMY))
    need = move.next_need(())
    understood = SWEEPER.understand(need.payload, need.role)
    assert understood.summary == move.summarize()
    assert [(item.path, item.message.hex()) for item in understood.to_sign] == [("m/44h/195h/0h/0/3", move.plan.txid)]
    assert understood.conflict_key == move.plan.conflict_key


def test_a_loan_counts_as_fee_of_its_signer():
    move = top_up(WALLET, deposit(asset=USDT, sun=0), 10**9)
    need = move.next_need(())
    understood = SWEEPER.understand(need.payload, need.role)
    assert understood.summary.change == move.summarize().change
    assert understood.summary.fee.units == move.fee.units + move.plan.payment.units
    assert [(item.path, item.message.hex()) for item in understood.to_sign] == [(STATION_PATH, move.plan.txid)]
    assert understood.conflict_key == move.plan.conflict_key


# E07 and D09: a sweep needs no approval, but a wallet that the signer's own rules name, within fee cap and bucket.
@pytest.mark.parametrize(("own_moves", "cap"), [([], "1000000"), (["hot-trx"], "200000"), (["hot-trx"], "1000000")])
def test_the_sweeping_signer_follows_its_rules(tmp_path, own_moves, cap):
    chain = WALLET.params.chain.id
    limits = {TRX.key: {"capacity": "1000000", "refill_per_hour": "0"}}
    rules = rules_json(own_moves=own_moves, fee_caps={chain: cap}, buckets=limits)
    stored = {**WALLET.registration(), "our_paths": {"deposits": "m/44h/195h/0h"}, "roles": ["sender"]}
    bench = Bench(tmp_path, rules, [stored], Secret(bytes([4]) * 32))
    move = plan_sweep(WALLET, deposit())
    need = move.next_need(())
    asked = request(need.payload, wallet_id="hot-trx", role=need.role, chain=chain, approvals=())
    if not own_moves or cap == "200000":
        with pytest.raises(Refused):
            bench.sign(asked)
    else:
        assert move.assemble(bench.sign(asked)).txid == move.plan.txid


@pytest.mark.parametrize("asset", [TRX, USDT])
def test_decoder_and_codec_agree_on_payment_fee_key_and_digest(asset):
    codec = TronCodec(WALLET)
    plan = codec.plan([make_intent(asset=asset)], rich())
    need = codec.next_need(plan, ())
    understood = DECODER.understand(need.payload, need.role)
    assert understood.summary == codec.summarize(plan)
    assert understood.conflict_key == codec.reservations(plan)[0]
    assert [(item.path, item.message.hex()) for item in understood.to_sign] == [(MEMBER_PATH, plan.txid)]
    assert understood.valid_until_s == (NOW_MS + 60_000) // 1000


def test_a_signer_without_a_member_key_signs_no_payment():
    for holder in (STRANGER, SENDER, COLD[0]):
        with pytest.raises(Refused, match="no member key"):
            holder.decoder(WALLET).understand(encode(PAYMENT_TAG, payment_bytes(pay())), SigningRole.MEMBER)


def test_only_our_account_and_deposit_accounts_of_ours_can_be_owned():
    assert DECODER.owned_place(HOT).path == MEMBER_PATH
    assert SWEEPER.owned_place(WALLET.deposits.address(2)).path == "m/44h/195h/0h/0/2"
    for decoder, place in ((DECODER, ALICE), (DECODER, WALLET.deposits.address(2)), (SWEEPER, ALICE)):
        with pytest.raises(NotOurAddress):
            decoder.owned_place(place)


@pytest.mark.parametrize(
    "change",
    [
        {"family": "evm"},
        {"permission_id": 0},
        {"permission_id": 1},
        {"threshold": 1},
        {"threshold": 3},
        {"account": ALICE[:-1]},
        {"members": "none"},
        {"members": [{"address": ALICE, "path": MEMBER_PATH}] * 3},
        {"prices": {}},
        {"tokens": [{"symbol": "USDT", "decimals": 6, "contract": "0x00"}]},
        {"sweep_from": {"path": "m/44h", "xpub": "xpub", "window": 1}},
        {"gas_station": "T"},
        {"gas_station": HOT},
        {"gas_station": WALLET.members[0].address},
    ],
)
def test_a_signer_with_a_damaged_registration_does_not_start(change):
    with pytest.raises(InvalidInput):
        TronDecoder({**WALLET.registration(), **change}, {MEMBER_PATH: MEMBERS[0].key()})


def test_a_member_key_under_another_path_or_two_of_them_do_not_start():
    with pytest.raises(InvalidInput, match="another path"):
        TronDecoder(WALLET.registration(), {"m/44h/195h/1h/0/0": MEMBERS[0].key()})
    with pytest.raises(InvalidInput, match="two member keys"):
        TronDecoder(WALLET.registration(), {MEMBER_PATH: MEMBERS[0].key(), "m/44h/195h/1h/0/0": MEMBERS[1].key()})
