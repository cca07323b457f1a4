from dataclasses import replace

import pytest
from coincurve import PrivateKey as CurveKey
from coincurve._libsecp256k1 import ffi
from simulators.anvil import (
    ETH,
    OWNER_PATH,
    OWNERS,
    SENDER,
    SENDER_PATH,
    TestSigner,
    make_intent,
    make_wallet,
    sign_all,
)

from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.conflict import parse_conflict_key
from custody.chains.evm.params import ETHEREUM, ETHEREUM_LOCAL
from custody.chains.evm.plan import MAX_PAYMENTS, SafeState, SenderState, safe_tx_of
from custody.keys.ecdsa import sign_recoverable
from custody.keys.hd import CURVE_ORDER
from custody.keys.material import Signature, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
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

TO = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
OTHER = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
TOKEN = Asset("MXT", 18, ETHEREUM_LOCAL.chain.id, "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB")
GWEI = 10**9
RICH = SafeState({ETH.key: 10**18, TOKEN.key: 10**18}, 4, SenderState(9, 10**18, GWEI, 3 * GWEI))


@pytest.fixture
def codec():
    return SafeCodec(make_wallet(tokens=(TOKEN,)))


@pytest.fixture
def plan(codec):
    return codec.plan([make_intent(TO, Amount(5, ETH)), make_intent(OTHER, Amount(6, TOKEN), name="w2")], RICH)


def member_signature(codec, plan, place, digest=None):
    node = OWNERS[place].root.derive(OWNER_PATH)
    digest = safe_tx_of(codec.wallet, plan).hash() if digest is None else digest
    return Signature(node.public().public_key(), 0, sign_recoverable(node.key, digest))


def test_refuses_no_intents_too_many_and_memos(codec):
    intent = make_intent(TO, Amount(1, ETH))
    for intents in ([], [intent] * (MAX_PAYMENTS + 1), [make_intent(TO, Amount(1, ETH), memo="7")]):
        with pytest.raises(InvalidInput):
            codec.plan(intents, RICH)


def test_refuses_destinations_that_swallow_coins(codec):
    release = ETHEREUM_LOCAL.release
    for to in (codec.wallet.safe, TOKEN.contract, release.multisend, "0x" + "0" * 40, TO.swapcase().replace("X", "x")):
        with pytest.raises(InvalidAddress):
            codec.plan([make_intent(to, Amount(1, ETH))], RICH)


# B18, C04: same text, another chain.
def test_refuses_intents_of_another_chain(codec):
    with pytest.raises(WrongNetwork):
        codec.plan([make_intent(TO, Amount(1, ETHEREUM.native))], RICH)


def test_refuses_unlisted_and_mislabelled_assets(codec):
    with pytest.raises(UnknownAsset):
        codec.plan([make_intent(TO, Amount(1, replace(TOKEN, contract=OTHER)))], RICH)
    with pytest.raises(AssetMismatch):
        codec.plan([make_intent(TO, Amount(1, replace(TOKEN, decimals=6)))], RICH)


def test_refuses_what_the_safe_does_not_hold_in_sum(codec):
    half = Amount(6 * 10**17, TOKEN)
    codec.plan([make_intent(TO, half)], RICH)
    with pytest.raises(InsufficientFunds):
        codec.plan([make_intent(TO, half), make_intent(OTHER, half, name="w2")], RICH)
    with pytest.raises(InsufficientFunds):
        codec.plan([make_intent(TO, half)], replace(RICH, balances={}))


def test_refuses_gas_above_the_intents_cap_the_price_cap_and_the_senders_balance(codec):
    plan = codec.plan([make_intent(TO, Amount(1, ETH))], RICH)
    exact = plan.gas.fee_max_wei
    codec.plan([make_intent(TO, Amount(1, ETH), fee_wei=exact)], RICH)
    with pytest.raises(LimitExceeded):
        codec.plan([make_intent(TO, Amount(1, ETH), fee_wei=exact - 1)], RICH)
    with pytest.raises(InsufficientFunds, match="sender"):
        codec.plan([make_intent(TO, Amount(1, ETH))], replace(RICH, sender=replace(RICH.sender, wei=exact - 1)))
    dear = replace(RICH.sender, fee_wei_per_gas=ETHEREUM_LOCAL.pricing.fee_cap_wei_per_gas + 1, wei=10**30)
    with pytest.raises(LimitExceeded):
        codec.plan([make_intent(TO, Amount(1, ETH), fee_wei=10**20)], replace(RICH, sender=dear))


def test_refuses_every_cut_of_a_stored_plan_and_plans_of_another_safe(codec, plan):
    raw = codec.encode(plan)
    for end in range(len(raw)):
        with pytest.raises(MalformedPayload):
            codec.decode(raw[:end])
    with pytest.raises(MalformedPayload):
        codec.decode(raw + b"\0")
    with pytest.raises(MalformedPayload, match="another Safe"):
        SafeCodec(make_wallet(tokens=(TOKEN,), salt_nonce=9)).decode(raw)


def test_assemble_refuses_too_few_owners_a_double_and_a_missing_sender(codec, plan):
    one, two = member_signature(codec, plan, 0), member_signature(codec, plan, 1)
    for given in ([], [one], [one, one], [one, two]):
        with pytest.raises(QuorumNotReached):
            codec.assemble(plan, given)


def test_assemble_refuses_one_wrong_bit_in_any_signature(codec, plan):
    good = sign_all(codec, plan)
    codec.assemble(plan, good)
    for place, signature in enumerate(good):
        for at in (0, 31, 32, 63, 64):
            value = bytearray(signature.value)
            value[at] ^= 1
            bad = [*good]
            bad[place] = replace(signature, value=bytes(value))
            with pytest.raises(BadSignature):
                codec.assemble(plan, bad)


def test_assemble_refuses_high_s_strangers_and_contract_signatures(codec, plan):
    good = sign_all(codec, plan)
    value = good[0].value
    high = (
        value[:32] + (CURVE_ORDER - int.from_bytes(value[32:64], "big")).to_bytes(32, "big") + bytes([55 - value[64]])
    )
    approved_hash = bytes(32 * 2) + b"\x01"
    stranger = TestSigner(99)
    foreign = Signature(stranger.key(OWNER_PATH), 0, value)
    for bad in (replace(good[0], value=high), replace(good[0], value=approved_hash), foreign):
        with pytest.raises(BadSignature):
            codec.assemble(plan, [bad, *good[1:]])


# E09: a signer that sends nonsense is not counted, and the third one completes the quorum.
def test_next_need_does_not_count_signatures_that_do_not_verify(codec, plan):
    bad = member_signature(codec, plan, 0, digest=bytes(32))
    assert codec.next_need(plan, []).missing == 2
    assert codec.next_need(plan, [bad]).missing == 2
    good = member_signature(codec, plan, 1)
    assert codec.next_need(plan, [bad, good, good]).missing == 1
    need = codec.next_need(plan, [bad, good, member_signature(codec, plan, 2)])
    assert (need.role, need.missing) == (SigningRole.SENDER, 1)


def test_a_late_third_owner_does_not_change_what_the_sender_signed(codec, plan):
    good = sign_all(codec, plan)
    late = member_signature(codec, plan, 2)
    assert codec.next_need(plan, [*good, late]) is None
    assert codec.assemble(plan, [*good, late]) == codec.assemble(plan, good)


# A second genuine signature of the same owner (another nonce point) replaces nothing: the sender signed over the first.
def test_a_second_signature_of_one_owner_does_not_change_what_the_sender_signed(codec, plan):
    good = sign_all(codec, plan)
    node = OWNERS[0].root.derive(OWNER_PATH)
    digest = safe_tx_of(codec.wallet, plan).hash()
    other = CurveKey(node.key.reveal()).sign_recoverable(
        digest, hasher=None, custom_nonce=(ffi.NULL, ffi.from_buffer(b"\x05" * 32))
    )
    second = replace(good[0], value=other[:64] + bytes([27 + other[64]]))
    assert second.value != good[0].value
    assert codec.assemble(plan, [*good, second]) == codec.assemble(plan, good)


def test_refuses_texts_that_are_no_conflict_keys():
    for text in ("", "safe:1:0x00:1:ab", "evm:1:" + TO, "btc:1:2:3", f"evm:x:{TO}:1", f"safe:1:{TO}:4"):
        with pytest.raises(InvalidInput):
            parse_conflict_key(text)


def test_the_same_inputs_give_the_same_bytes_and_come_back_from_storage(codec, plan):
    again = codec.plan([make_intent(TO, Amount(5, ETH)), make_intent(OTHER, Amount(6, TOKEN), name="w2")], RICH)
    assert codec.encode(plan) == codec.encode(again)
    assert codec.decode(codec.encode(plan)) == plan
    assert codec.assemble(plan, sign_all(codec, plan)) == codec.assemble(again, sign_all(codec, again))


def test_conflict_key_names_safe_nonce_and_content_and_the_bare_nonce_is_reserved_too(codec, plan):
    key, bare, sender, *_ = codec.reservations(plan)
    assert key.startswith(bare + ":")
    assert bare == f"safe:31337:{codec.wallet.safe.lower()}:4"
    assert sender == f"evm:31337:{codec.wallet.sender_address.lower()}:9"
    assert parse_conflict_key(key).safe_tx_hash == safe_tx_of(codec.wallet, plan).hash().hex()
    assert codec.assemble(plan, sign_all(codec, plan)).conflict_key == key


INTENTS = [make_intent(TO, Amount(5, ETH)), make_intent(OTHER, Amount(6, TOKEN), name="w2")]


def waiting(**sender):
    # The chain has not used sender nonce 9, nor Safe nonce 4.
    return replace(RICH, executed=4, sender=replace(RICH.sender, used=9, **sender))


def test_no_bump_once_the_safe_nonce_is_used(codec, plan):
    assert codec.bump(plan, replace(waiting(), executed=5), INTENTS) is None


def test_no_bump_beyond_the_intents_cap_the_price_cap_or_the_senders_balance(codec, plan):
    step = -(-plan.gas.fee_wei_per_gas * 9 // 8)
    enough = [make_intent(TO, Amount(5, ETH), fee_wei=step * plan.gas.limit)]
    short = [make_intent(TO, Amount(5, ETH), fee_wei=step * plan.gas.limit - 1)]
    assert codec.bump(plan, waiting(), enough).gas.fee_wei_per_gas == step
    assert codec.bump(plan, waiting(), short) is None
    assert codec.bump(plan, waiting(wei=step * plan.gas.limit), INTENTS) is not None
    assert codec.bump(plan, waiting(wei=step * plan.gas.limit - 1), INTENTS) is None
    cap = ETHEREUM_LOCAL.pricing.fee_cap_wei_per_gas
    at_cap = replace(plan, gas=replace(plan.gas, fee_wei_per_gas=cap))
    roomy = [make_intent(TO, Amount(5, ETH), fee_wei=10**30)]
    assert codec.bump(at_cap, waiting(wei=10**30), roomy) is None


def test_no_second_try_before_it_is_its_turn(codec, plan):
    reverted = replace(waiting(nonce=10), executed=3)
    assert codec.bump(plan, replace(reverted, sender=replace(reverted.sender, used=10)), INTENTS) is None


def test_a_bump_in_a_spike_offers_what_the_caps_leave(codec, plan):
    dear = waiting(tip_wei_per_gas=90 * GWEI, fee_wei_per_gas=400 * GWEI)
    tight = [make_intent(TO, Amount(5, ETH), fee_wei=100 * GWEI * plan.gas.limit)]
    bumped = codec.bump(plan, dear, tight)
    assert (bumped.gas.fee_wei_per_gas, bumped.gas.tip_wei_per_gas) == (100 * GWEI, 90 * GWEI)


def test_a_bump_raises_both_fees_by_an_eighth_and_keeps_counters_and_owner_signatures(codec, plan):
    good = sign_all(codec, plan)
    # A gap below the payment's own counter value is no reason to leave that value.
    for state in (waiting(), replace(waiting(nonce=7), sender=replace(RICH.sender, nonce=7, used=6))):
        bumped = codec.bump(plan, state, INTENTS)
        assert bumped.gas.tip_wei_per_gas * 8 >= plan.gas.tip_wei_per_gas * 9
        assert bumped.gas.fee_wei_per_gas * 8 >= plan.gas.fee_wei_per_gas * 9
        assert (bumped.gas.nonce, bumped.safe_nonce) == (plan.gas.nonce, plan.safe_nonce)
        assert codec.next_need(bumped, good).role is SigningRole.SENDER
        assert codec.reservations(bumped)[:3] == codec.reservations(plan)[:3]


def test_a_second_try_uses_a_new_sender_nonce_and_is_dearer_too(codec, plan):
    mined = replace(waiting(), sender=replace(RICH.sender, nonce=10, used=10))
    again = codec.bump(plan, mined, INTENTS)
    assert (again.gas.nonce, again.gas.fee_wei_per_gas * 8) == (10, plan.gas.fee_wei_per_gas * 9)
    assert codec.summarize(again).fee.units > codec.summarize(plan).fee.units
    assert codec.reservations(again)[0] == codec.reservations(plan)[0]


def test_a_rejection_uses_the_nonce_and_pays_nobody(codec):
    rejection = codec.reject(4, RICH.sender)
    assert codec.summarize(rejection).to == ()
    assert codec.decode(codec.encode(rejection)) == rejection
    assert codec.reservations(rejection)[1] == f"safe:31337:{codec.wallet.safe.lower()}:4"
    codec.assemble(rejection, sign_all(codec, rejection))


def test_the_plan_pays_exactly_the_intents(codec, plan):
    summary = codec.summarize(plan)
    chain = ETHEREUM_LOCAL.chain.id
    assert summary.to == ((Address(chain, TO), Amount(5, ETH)), (Address(chain, OTHER), Amount(6, TOKEN)))
    assert summary.change == ()
    assert summary.fee == Amount(plan.gas.fee_max_wei, ETH)


def test_both_rounds_mean_the_same_to_the_signers_own_decoder(codec, plan):
    registration = codec.wallet.registration()
    members = sign_all(codec, plan)[:2]
    member_need, sender_need = codec.next_need(plan, []), codec.next_need(plan, members)
    owner = OWNERS[0].decoder(registration, OWNER_PATH).understand(member_need.payload, SigningRole.MEMBER)
    sender = SENDER.decoder(registration, SENDER_PATH).understand(sender_need.payload, SigningRole.SENDER)
    summary = codec.summarize(plan)
    assert owner.summary == replace(summary, fee=Amount(0, ETH))
    assert sender.summary == summary
    assert owner.conflict_key == sender.conflict_key == codec.reservations(plan)[0]
