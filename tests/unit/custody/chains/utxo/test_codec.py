from dataclasses import replace

import pytest
from simulators.bitcoin import make_coin, make_coins, make_intent, make_wallet

from custody.chains.utxo.codec import BelowDust, UtxoCodec
from custody.chains.utxo.coins import Coins, outpoint_of
from custody.chains.utxo.params import BITCOIN_REGTEST, LITECOIN_REGTEST, ScriptType
from custody.chains.utxo.psbt import parse_tx, unsigned_tx
from custody.chains.utxo.signing import signing_digests
from custody.chains.utxo.sizes import fee_sat, vsize
from custody.keys.ecdsa import encode_der, parse_der
from custody.keys.hd import CURVE_ORDER
from custody.keys.material import SigningRole
from custody.primitives.errors import (
    AssetMismatch,
    BadSignature,
    InsufficientFunds,
    InvalidInput,
    LimitExceeded,
    QuorumNotReached,
    Refused,
)

DESTINATION = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
OTHER = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"
WALLET, MEMBERS = make_wallet("codec", 2, 3)
CODEC = UtxoCodec(WALLET)
COINS = make_coins(WALLET, 50_000, 90_000, 70_000)


def plan_of(*amounts, coins=COINS, fee_max=100_000):
    intents = [make_intent(DESTINATION, a, fee_max=fee_max, name=f"w-{i}") for i, a in enumerate(amounts)]
    return CODEC.plan(intents, coins, ())


def signatures_of(plan, *who):
    return tuple(s for number in who for s in MEMBERS[number].sign_plan(WALLET, plan, signing_digests(WALLET, plan)))


# Plans that are refused ------------------------------------------------------------------


def test_refuses_to_pay_nothing():
    with pytest.raises(InvalidInput):
        plan_of()


def test_refuses_an_amount_below_dust():
    with pytest.raises(BelowDust):
        plan_of(545)


def test_refuses_a_memo():
    # The chain carries none: the receiver would get money without the reason he asked for.
    with pytest.raises(InvalidInput, match="memo"):
        CODEC.plan([replace(make_intent(DESTINATION, 10_000), memo="tag 7")], COINS, ())


def test_refuses_an_intent_of_another_chain():
    asset, chain = LITECOIN_REGTEST.asset, LITECOIN_REGTEST.chain
    mine = make_intent(DESTINATION, 10_000)
    foreign = replace(
        mine,
        to=replace(mine.to, chain=chain.id),
        amount=replace(mine.amount, asset=asset),
        fee_max=replace(mine.fee_max, asset=asset),
    )
    with pytest.raises(AssetMismatch):
        CODEC.plan([foreign], COINS, ())


def test_refuses_more_than_there_is():
    with pytest.raises(InsufficientFunds):
        plan_of(210_000)


def test_refuses_a_fee_above_the_caps_of_the_intents():
    fee = plan_of(10_000, 10_000).fee_sat
    with pytest.raises(LimitExceeded, match="fee"):
        plan_of(10_000, 10_000, fee_max=(fee - 1) // 2)
    assert plan_of(10_000, 10_000, fee_max=(fee + 1) // 2).fee_sat == fee


@pytest.mark.parametrize(("rate", "error"), [(999, InvalidInput), (0, InvalidInput), (500_001, LimitExceeded)])
def test_refuses_a_fee_rate_outside_the_policy(rate, error):
    # A lying estimate costs at most the cap.
    with pytest.raises(error):
        plan_of(10_000, coins=Coins(COINS.coins, rate, 0))


def test_refuses_a_change_place_outside_the_window():
    with pytest.raises(InvalidInput):
        plan_of(10_000, coins=Coins(COINS.coins, 2_000, WALLET.window))


# Signatures that are refused -------------------------------------------------------------

PLAN = plan_of(100_000)
GOOD = signatures_of(PLAN, 0, 1)


def spoil(signature, **changes):
    return replace(signature, **changes)


@pytest.mark.parametrize(
    "bad",
    [
        spoil(GOOD[0], value=GOOD[0].value[:-1] + b"\x02"),
        spoil(GOOD[0], value=GOOD[0].value[:-1] + b"\x03"),
        spoil(GOOD[0], value=GOOD[0].value[:-1] + b"\x81"),
        spoil(GOOD[0], value=GOOD[0].value[:-1]),
        spoil(GOOD[0], value=GOOD[0].value[:-2] + bytes([GOOD[0].value[-2] ^ 1]) + b"\x01"),
        spoil(GOOD[0], value=b""),
        spoil(GOOD[0], value=GOOD[0].value + b"\x01"),
        spoil(GOOD[0], key=GOOD[1].key),
        spoil(GOOD[0], key=GOOD[2].key),
        spoil(GOOD[0], index=1),
        spoil(GOOD[0], index=2),
        spoil(GOOD[0], index=-1),
    ],
    ids=["none", "single", "anyonecanpay", "no type", "one bit", "empty", "longer", "key of other input", "other member",
         "other input", "no such input", "negative"],
)  # fmt: skip
def test_assemble_and_next_need_name_a_bad_signature(bad):
    for ask in (CODEC.assemble, CODEC.next_need):
        with pytest.raises(BadSignature):
            ask(PLAN, (bad, *GOOD[1:]))


def test_refuses_a_signature_with_high_s():
    r, s = parse_der(GOOD[0].value[:-1])
    high = spoil(GOOD[0], value=encode_der(r, CURVE_ORDER - s) + b"\x01")
    with pytest.raises(BadSignature):
        CODEC.assemble(PLAN, (high, *GOOD[1:]))


def test_refuses_a_stranger():
    _, strangers = make_wallet("stranger", 2, 3)
    foreign = strangers[0].sign_plan(WALLET, PLAN, signing_digests(WALLET, PLAN))
    with pytest.raises(BadSignature, match="not a cosigner"):
        CODEC.assemble(PLAN, (*signatures_of(PLAN, 0), *foreign))


def test_refuses_signatures_over_another_plan():
    other = plan_of(100_001)
    with pytest.raises(BadSignature):
        CODEC.assemble(other, GOOD)


@pytest.mark.parametrize("who", [(), (0,), (0, 0), (1, 1, 1)])
def test_refuses_less_than_the_quorum(who):
    with pytest.raises(QuorumNotReached):
        CODEC.assemble(PLAN, signatures_of(PLAN, *who))


def test_a_quorum_on_one_input_is_none_for_the_other():
    first_only = tuple(s for s in signatures_of(PLAN, 0, 1) if s.index == 0)
    assert CODEC.next_need(PLAN, first_only).missing == 2
    with pytest.raises(QuorumNotReached):
        CODEC.assemble(PLAN, first_only)


# Replacements ----------------------------------------------------------------------------

INTENTS = [make_intent(DESTINATION, 100_000)]


def test_refuses_a_replacement_that_nodes_would_refuse():
    with pytest.raises(Refused, match="or more"):
        CODEC.replace(PLAN, 2_500, INTENTS)


def test_refuses_a_replacement_above_the_caps():
    with pytest.raises(LimitExceeded):
        CODEC.replace(PLAN, 20_000, [make_intent(DESTINATION, 100_000, fee_max=1_000)])
    with pytest.raises(LimitExceeded):
        CODEC.replace(PLAN, 500_001, INTENTS)


def test_refuses_a_replacement_that_the_change_cannot_pay():
    with pytest.raises(BelowDust):
        CODEC.replace(PLAN, 400_000, [make_intent(DESTINATION, 100_000, fee_max=10**9)])


def test_a_replacement_keeps_inputs_payments_and_conflict_key():
    raised = CODEC.replace(PLAN, 4_000, INTENTS)
    assert raised.inputs == PLAN.inputs
    assert CODEC.reservations(raised) == CODEC.reservations(PLAN)
    assert CODEC.summarize(raised).to == CODEC.summarize(PLAN).to
    assert raised.fee_sat == 2 * PLAN.fee_sat
    assert CODEC.decode(CODEC.encode(raised)) == raised


# Bumps -----------------------------------------------------------------------------------


def bumped(plan=PLAN, rate=2_000, fee_max=100_000, codec=CODEC):
    return codec.bump(plan, Coins((), rate, 0), [make_intent(DESTINATION, 100_000, fee_max=fee_max)])


def test_a_bump_stops_at_the_cap_of_the_intents_and_never_below_the_next_step():
    size = vsize(WALLET, len(PLAN.inputs), [o.script for o in PLAN.outputs])
    least = PLAN.fee_sat + size * WALLET.params.fees.increment // 1_000
    assert bumped(fee_max=least - 1) is None
    assert bumped(fee_max=least + 1).fee_sat <= least + 1
    assert bumped(fee_max=PLAN.fee_sat) is None


def test_a_bump_never_turns_the_change_into_dust():
    change = sum(o.value_sat for o in PLAN.outputs if o.change_index is not None)
    plan, steps = PLAN, 0
    while (raised := bumped(plan, fee_max=10**9)) is not None:
        plan, steps = raised, steps + 1
        left = sum(o.value_sat for o in plan.outputs if o.change_index is not None)
        assert left >= WALLET.params.fees.dust_sat
        assert left + plan.fee_sat == change + PLAN.fee_sat
    assert 3 < steps < 30


def test_a_bump_passes_no_policy_cap():
    plan = bumped(rate=10**9, fee_max=10**9, plan=plan_of(100_000, coins=make_coins(WALLET, 10**9)))
    size = vsize(WALLET, len(plan.inputs), [o.script for o in plan.outputs])
    assert plan.fee_sat <= fee_sat(size, WALLET.params.fees.cap)


def test_no_bump_where_nodes_relay_no_replacement():
    wallet, _ = make_wallet("litecoin", 2, 3, LITECOIN_REGTEST)
    codec = UtxoCodec(wallet)
    intent = make_intent(wallet.address(0, 0), 100_000, params=LITECOIN_REGTEST)
    plan = codec.plan([intent], make_coins(wallet, 500_000), ())
    assert codec.bump(plan, Coins((), 50_000, 0), [intent]) is None
    assert not LITECOIN_REGTEST.fees.replaceable


def test_a_bump_keeps_inputs_and_payments_and_takes_a_quarter_or_the_present_rate():
    plan = plan_of(100_000, coins=make_coins(WALLET, 500_000, rate=20_000))
    quarter, present = bumped(plan, rate=20_000), bumped(plan, rate=90_000)
    for raised in (quarter, present):
        assert raised.inputs == plan.inputs
        assert CODEC.reservations(raised) == CODEC.reservations(plan)
        assert CODEC.summarize(raised).to == CODEC.summarize(plan).to
        assert CODEC.decode(CODEC.encode(raised)) == raised
    size = vsize(WALLET, len(plan.inputs), [o.script for o in plan.outputs])
    assert (quarter.fee_sat, present.fee_sat) == (fee_sat(size, 25_000), fee_sat(size, 90_000))


def test_every_signer_takes_a_bump_for_the_same_payment_on_the_same_key():
    raised = bumped()
    for member in MEMBERS:
        first = member.decoder(WALLET).understand(CODEC.encode(PLAN), SigningRole.MEMBER)
        second = member.decoder(WALLET).understand(CODEC.encode(raised), SigningRole.MEMBER)
        assert (second.conflict_key, second.summary.to) == (first.conflict_key, first.summary.to)
        assert second.summary.fee.units > first.summary.fee.units


# Success ---------------------------------------------------------------------------------


def test_the_plan_pays_the_intents_and_the_rest_comes_back():
    plan = CODEC.plan([make_intent(DESTINATION, 60_000), make_intent(OTHER, 30_000, name="w-2")], COINS, ())
    summary = CODEC.summarize(plan)
    assert sorted((to.text, amount.units) for to, amount in summary.to) == [(OTHER, 30_000), (DESTINATION, 60_000)]
    ((back, returned),) = summary.change
    assert back == WALLET.address(1, COINS.change_index)
    assert returned.units == sum(c.value_sat for c in plan.inputs) - 90_000 - summary.fee.units


def test_two_intents_to_one_address_are_two_outputs():
    # Two customers may pay the same shop; one output for both would settle only one.
    assert [amount.units for _, amount in CODEC.summarize(plan_of(40_000, 40_000)).to] == [40_000, 40_000]


def test_order_of_coins_and_intents_does_not_change_the_bytes():
    intents = [make_intent(DESTINATION, 60_000), make_intent(OTHER, 30_000, name="w-2")]
    backwards = Coins(COINS.coins[::-1], COINS.fee_sat_per_kvb, COINS.change_index)
    assert CODEC.encode(CODEC.plan(intents, COINS, ())) == CODEC.encode(CODEC.plan(intents[::-1], backwards, ()))


def test_the_conflict_key_is_the_first_outpoint_of_the_reservations():
    keys = CODEC.reservations(PLAN)
    assert len(keys) == len(PLAN.inputs) == 2
    assert keys[0] == min(keys)
    assert outpoint_of(keys[0], WALLET.params.chain.id) == (PLAN.inputs[0].txid, PLAN.inputs[0].vout)


@pytest.mark.parametrize("key", ["", "utxo:bitcoin:" + "00" * 32 + ":0", "utxo:bitcoin-regtest:00:0", "evm:1:0x0:1",
                                 "utxo:bitcoin-regtest:" + "00" * 32 + ":01", "utxo:bitcoin-regtest:" + "0G" * 32 + ":1"])  # fmt: skip
def test_refuses_a_conflict_key_of_another_form(key):
    with pytest.raises(InvalidInput):
        outpoint_of(key, WALLET.params.chain.id)


def test_needs_count_down_to_none():
    need = CODEC.next_need(PLAN, ())
    assert (need.role, need.missing, need.payload) == (SigningRole.MEMBER, 2, CODEC.encode(PLAN))
    assert CODEC.next_need(PLAN, signatures_of(PLAN, 2)).missing == 1
    assert CODEC.next_need(PLAN, signatures_of(PLAN, 2, 2)).missing == 1
    assert CODEC.next_need(PLAN, signatures_of(PLAN, 2, 0)) is None


def test_every_quorum_gives_the_same_txid_and_order_does_not_matter():
    signed = [CODEC.assemble(PLAN, signatures_of(PLAN, *who)) for who in [(0, 1), (1, 0), (1, 2), (0, 2)]]
    assert len({tx.txid for tx in signed}) == 1
    assert signed[0].raw == signed[1].raw
    assert len({tx.raw for tx in signed}) == 3  # three pairs of members
    everybody = signatures_of(PLAN, 0, 1, 2)
    assert CODEC.assemble(PLAN, everybody) == CODEC.assemble(PLAN, everybody[::-1])
    assert signed[0].conflict_key == CODEC.reservations(PLAN)[0]
    assert signed[0].fee_max.units == PLAN.fee_sat


def test_legacy_multisig_assembles_too():
    wallet, members = make_wallet("legacy", 2, 3, replace(BITCOIN_REGTEST, script=ScriptType.SH))
    codec = UtxoCodec(wallet)
    coins = Coins((make_coin(wallet, 90_000),), 2_000, 0)
    plan = codec.plan([make_intent(DESTINATION, 50_000)], coins, ())
    digests = signing_digests(wallet, plan)
    signed = codec.assemble(
        plan, (*members[0].sign_plan(wallet, plan, digests), *members[2].sign_plan(wallet, plan, digests))
    )
    assert codec.decode(codec.encode(plan)) == plan
    assert signed.txid != unsigned_tx(plan).txid().hex()  # the signatures are part of the txid
    assert parse_tx(signed.raw).txid().hex() == signed.txid
