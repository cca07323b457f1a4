from dataclasses import replace

import pytest
from simulators.bitcoin import make_coins, make_intent, make_wallet

from custody.chains.utxo.child import Parent, child_key, plan_child
from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.params import BITCOIN_REGTEST, DOGECOIN_REGTEST
from custody.chains.utxo.signing import signing_digests
from custody.chains.utxo.sizes import vsize

WALLET, MEMBERS = make_wallet("child", 2, 3)
CODEC = UtxoCodec(WALLET)
TO = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
FEE_MAX = 100_000


def parent_of(wallet, members, codec, params, *, units=50_000, rate=2_000, value=200_000, scale=1):
    to = TO if params is BITCOIN_REGTEST else wallet.address(0, 9)
    intent = make_intent(to, units * scale, fee_max=FEE_MAX * scale, params=params)
    plan = codec.plan([intent], make_coins(wallet, value * scale, rate=rate), ())
    digests = signing_digests(wallet, plan)
    return Parent(plan, codec.assemble(plan, [s for m in members[:2] for s in m.sign_plan(wallet, plan, digests)]))


@pytest.fixture(scope="module")
def parent():
    return parent_of(WALLET, MEMBERS, CODEC, BITCOIN_REGTEST)


def rate_of(parent, child):
    size = vsize(WALLET, len(parent.plan.inputs), [each.script for each in parent.plan.outputs])
    both = size + vsize(WALLET, 1, [each.script for each in child.outputs])
    return (parent.plan.fee_sat + child.fee_sat) * 1_000 / both


def test_makes_none_where_ids_can_be_changed():
    wallet, members = make_wallet("child doge", 2, 3, DOGECOIN_REGTEST)
    parent = parent_of(wallet, members, UtxoCodec(wallet), DOGECOIN_REGTEST, rate=1_000_000, scale=1_000)
    assert plan_child(wallet, parent, 50_000_000, FEE_MAX * 1_000) is None


def test_makes_none_where_the_caps_leave_no_room_for_one_that_helps(parent):
    enough = next(cap for cap in range(parent.plan.fee_sat, FEE_MAX) if plan_child(WALLET, parent, 2_000, cap))
    assert plan_child(WALLET, parent, 2_000, enough - 1) is None
    child = plan_child(WALLET, parent, 500_000, enough)
    assert child.fee_sat == enough - parent.plan.fee_sat
    assert rate_of(parent, child) >= 1.25 * 2_000


def test_makes_none_where_there_is_no_change_of_use(parent):
    spent = replace(parent.plan, outputs=tuple(o for o in parent.plan.outputs if o.change_index is None))
    assert child_key(WALLET, Parent(spent, parent.signed)) is None
    assert plan_child(WALLET, Parent(spent, parent.signed), 9_000, FEE_MAX) is None


@pytest.mark.parametrize("rate", [3_000, 10_000, 80_000])
def test_lifts_both_to_the_rate_that_is_wanted_and_pays_nobody_but_ourselves(parent, rate):
    child = plan_child(WALLET, parent, rate, FEE_MAX)
    assert rate <= rate_of(parent, child) < rate + 10
    summary = CODEC.summarize(child)
    assert summary.to == ()
    assert [to.text for to, _ in summary.change] == [to.text for to, _ in CODEC.summarize(parent.plan).change]
    assert CODEC.reservations(child) == (child_key(WALLET, parent),)
    assert CODEC.decode(CODEC.encode(child)) == child


def test_never_costs_more_together_than_the_intents_allow(parent):
    for cap in (10_000, 30_000, FEE_MAX):
        child = plan_child(WALLET, parent, BITCOIN_REGTEST.fees.cap, cap)
        assert parent.plan.fee_sat + child.fee_sat <= cap
