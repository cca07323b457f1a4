from dataclasses import replace

import pytest
from simulators.tron import (
    ACCOUNT_PATH,
    ALICE,
    BOB,
    COIN,
    MEMBERS,
    MOMENT,
    NOW_MS,
    OPENER,
    SENDER,
    STATION_PATH,
    STRANGER,
    TRX,
    USDT,
    make_intent,
    make_wallet,
    rich,
)

from custody.chains.token_worth import TokenWorth
from custody.chains.tron.codec import TronCodec
from custody.chains.tron.gas_station import is_worth_its_energy, top_up
from custody.chains.tron.plan import ReservedSpend, TronState, parse_conflict_key
from custody.chains.tron.sweep import SweepState, plan_sweep, reserve_sun, sweepable
from custody.keys.material import Signature, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import (
    AssetMismatch,
    BadSignature,
    InsufficientFunds,
    InvalidAddress,
    InvalidInput,
    LimitExceeded,
    MalformedPayload,
    QuorumNotReached,
    UnknownAsset,
    WrongNetwork,
)

WALLET = make_wallet()
CODEC = TronCodec(WALLET)


def plan(**changes):
    return CODEC.plan([make_intent(**changes)], rich())


def signatures(tx, *members):
    return [MEMBERS[n].signature(bytes.fromhex(tx.txid)) for n in members]


def test_refuses_none_or_several_intents_and_memos():
    with pytest.raises(InvalidInput):
        CODEC.plan([], rich())
    with pytest.raises(LimitExceeded, match="pays one"):
        CODEC.plan([make_intent(), make_intent(BOB)], rich())
    with pytest.raises(InvalidInput, match="memo"):
        plan(memo="42")


@pytest.mark.parametrize("to", [WALLET.address.text, USDT.contract])
def test_refuses_to_pay_itself_or_a_token_contract(to):
    with pytest.raises(InvalidAddress):
        plan(to=to)


def test_refuses_other_chains_unlisted_tokens_and_tokens_listed_otherwise():
    with pytest.raises(WrongNetwork):
        CODEC.plan([make_intent(asset=Asset("TRX", 6, ChainId("tron")))], rich())
    with pytest.raises(UnknownAsset):
        plan(asset=replace(USDT, contract=BOB))
    with pytest.raises(AssetMismatch):
        plan(asset=replace(USDT, decimals=18))


def test_refuses_fees_above_the_cap():
    needed = CODEC.fee(plan()).units
    with pytest.raises(LimitExceeded):
        plan(fee_max=Amount(needed - 1, TRX))
    plan(fee_max=Amount(needed, TRX))


def test_refuses_what_the_account_cannot_pay_with_the_fee():
    fee = CODEC.fee(plan()).units
    for short in ({TRX.key: 5 * COIN + fee - 1}, {}):
        with pytest.raises(InsufficientFunds):
            CODEC.plan([make_intent()], TronState(MOMENT, short))
    CODEC.plan([make_intent()], TronState(MOMENT, {TRX.key: 5 * COIN + fee}))
    token = make_intent(units=7, asset=USDT)
    for short in ({TRX.key: 10**12, USDT.key: 6}, {USDT.key: 7}):
        with pytest.raises(InsufficientFunds):
            CODEC.plan([token], TronState(MOMENT, short))


def test_refuses_signatures_that_do_not_count():
    tx = plan()
    with pytest.raises(QuorumNotReached):
        CODEC.assemble(tx, signatures(tx, 0))
    with pytest.raises(QuorumNotReached):
        CODEC.assemble(tx, signatures(tx, 0, 0))
    for wrong in (STRANGER.signature(bytes.fromhex(tx.txid)), signatures(plan(units=6 * COIN), 1)[0]):
        with pytest.raises(BadSignature):
            CODEC.assemble(tx, [*signatures(tx, 0), wrong])
    good = signatures(tx, 1)[0]
    for place in (0, 40, 64):
        flipped = bytes(byte ^ (1 if at == place else 0) for at, byte in enumerate(good.value))
        with pytest.raises(BadSignature):
            CODEC.assemble(tx, [*signatures(tx, 0), Signature(good.key, 0, flipped)])


def test_refuses_stored_plans_of_another_wallet_and_damaged_ones():
    stored = CODEC.encode(plan())
    other = TronCodec(make_wallet(wallet_id="other"))
    for raw, codec in ((stored, other), (stored[:-1], CODEC), (stored + b"\0", CODEC), (b"", CODEC)):
        with pytest.raises(MalformedPayload):
            codec.decode(raw)


@pytest.mark.parametrize("key", ["", "evm:1:0x:4", "tron:12:1:aa", "tron:" + "0" * 20 + ":x:" + "0" * 64])
def test_refuses_conflict_keys_of_other_families(key):
    with pytest.raises(InvalidInput):
        parse_conflict_key(key)


def test_nothing_replaces_a_payment():
    assert CODEC.bump(plan(), rich(), [make_intent()]) is None


def test_the_same_inputs_give_the_same_bytes_and_equal_payments_of_two_requests_do_not():
    assert plan().raw == plan().raw
    ids = {plan(withdrawal_id=f"w{number}").txid for number in range(50)}
    assert len(ids) == 50


def test_the_expiration_follows_the_head_by_a_minute():
    window = plan().payment.window
    assert window.expiration_ms == NOW_MS + 60_000
    assert NOW_MS - 60_000 < window.timestamp_ms <= NOW_MS


def test_the_fee_counts_bytes_signatures_and_activation_or_energy():
    native, token = CODEC.fee(plan()).units, CODEC.fee(plan(asset=USDT)).units
    assert 2 * COIN < native < 3 * COIN
    assert 101 * COIN < token < 102 * COIN


def test_reservations_begin_with_the_conflict_key_and_name_what_is_taken():
    tx = plan(units=7, asset=USDT)
    key, *spends = CODEC.reservations(tx)
    assert parse_conflict_key(key).txid == tx.txid
    taken = {spend.asset_key: spend.units for spend in map(ReservedSpend.parse, spends)}
    assert taken == {USDT.key: 7, TRX.key: CODEC.fee(tx).units}
    native = plan(units=7)
    assert ReservedSpend.parse(CODEC.reservations(native)[1]).units == 7 + CODEC.fee(native).units
    assert ReservedSpend.parse(key) is None


@pytest.mark.parametrize("asset", [TRX, USDT])
def test_plans_survive_storage_and_pay_what_was_asked(asset):
    tx = plan(asset=asset)
    assert CODEC.decode(CODEC.encode(tx)) == tx
    assert CODEC.summarize(tx).to == ((Address(WALLET.params.chain.id, ALICE), Amount(5 * COIN, asset)),)


def test_a_quorum_is_enough_and_a_third_signature_is_left_out():
    tx = plan()
    assert CODEC.next_need(tx, signatures(tx, 2)).missing == 1
    assert CODEC.next_need(tx, signatures(tx, 2, 0)) is None
    two, three = (CODEC.assemble(tx, signatures(tx, *chosen)) for chosen in ((0, 1), (0, 1, 2)))
    assert two == three
    assert (two.txid, two.conflict_key) == (tx.txid, CODEC.reservations(tx)[0])


DEPOSIT = "m/44h/195h/0h/0/3"


def state(index=0, sun=640_000, asset=TRX, units=None):
    return SweepState(index, asset, sun if units is None else units, sun, MOMENT)


def test_sweeps_leave_what_is_not_worth_their_bytes():
    assert sweepable(WALLET, state()) == 0
    with pytest.raises(InsufficientFunds):
        plan_sweep(WALLET, state())
    with pytest.raises(LimitExceeded):
        plan_sweep(WALLET, state(1_000, COIN))
    with pytest.raises(InvalidInput):
        plan_sweep(replace(WALLET, deposits=None), state(0, COIN))


def test_a_sweep_is_signed_by_its_account_alone():
    move = plan_sweep(WALLET, state(3, COIN))
    assert move.summarize().change == ((WALLET.address, Amount(680_000, TRX)),)
    assert move.fee.units <= 320_000
    assert move.next_need(()).role is SigningRole.SENDER
    with pytest.raises(QuorumNotReached):
        move.assemble([])
    digest = bytes.fromhex(move.plan.txid)
    for stranger in (SENDER.signature(digest, "m/44h/195h/0h/0/4"), SENDER.signature(digest[::-1], DEPOSIT)):
        assert move.next_need([stranger]) is not None
        with pytest.raises(BadSignature):
            move.assemble([stranger])
    assert move.assemble([SENDER.signature(digest, DEPOSIT)]).txid == move.plan.txid


def test_a_token_is_swept_once_the_account_holds_what_the_bytes_allow_to_burn():
    prices = WALLET.params.prices
    reserve = reserve_sun(WALLET, USDT)
    for sun, units in ((reserve - 1, 7), (reserve, 0)):
        with pytest.raises(InsufficientFunds):
            plan_sweep(WALLET, state(3, sun, USDT, units))
    move = plan_sweep(WALLET, state(3, reserve, USDT, 7))
    assert move.summarize().change == ((WALLET.address, Amount(7, USDT)),)
    assert prices.sweep_fee_limit < move.fee.units <= reserve
    with pytest.raises(UnknownAsset):
        plan_sweep(replace(WALLET, tokens=()), state(3, reserve, USDT, 7))


# E07: what nobody prices, or what brings less than sweep and top-up may cost, gets nothing.
def test_e07_the_station_lends_just_what_is_missing_and_only_what_it_has():
    worth = TokenWorth(1, 10**6)
    assert not is_worth_its_energy(WALLET, state(3, 0, USDT, 31), worth)
    assert is_worth_its_energy(WALLET, state(3, 0, USDT, 32), worth)
    move = top_up(WALLET, state(3, 1_000, USDT, 32), 10**9)
    missing = reserve_sun(WALLET, USDT) - 1_000
    assert move.summarize().change == ((Address(USDT.chain, WALLET.deposits.address(3)), Amount(missing, TRX)),)
    assert (move.payer, move.plan.payment.owner) == (SENDER.key(STATION_PATH), WALLET.station_address)
    with pytest.raises(InsufficientFunds, match="gas station"):
        top_up(WALLET, state(3, 1_000, USDT, 32), missing + move.fee.units - 1)
    for wallet, sun in ((replace(WALLET, station=None), 0), (WALLET, reserve_sun(WALLET, USDT))):
        with pytest.raises(InvalidInput):
            top_up(wallet, state(3, sun, USDT, 32), 10**9)


def test_a_station_with_another_use_is_refused():
    members = WALLET.members[0].key, OPENER.key(ACCOUNT_PATH), WALLET.owners.keys[0], SENDER.key(DEPOSIT[:-1] + "0")
    for used in members:
        with pytest.raises(InvalidInput, match="gas station"):
            replace(WALLET, station=used)
