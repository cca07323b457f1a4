# A08 and A09 at the signer: a whole signer (decoder, memory, limits, approvals) takes a dearer replacement of what it
# signed, and nothing else for the same withdrawal.
import hashlib
import json
from dataclasses import replace

import pytest
from simulators.bitcoin import make_coins, make_intent, make_members
from simulators.signer_kit import NOW, approve, rules_json

from custody.chains.utxo.child import Parent, plan_child
from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.coins import Coins
from custody.chains.utxo.consolidation import plan_consolidation
from custody.chains.utxo.params import BITCOIN_REGTEST, DOGECOIN_REGTEST
from custody.chains.utxo.signing import signing_digests, verified_signatures
from custody.chains.utxo.wallet import UtxoWallet
from custody.keys.material import SigningRequest, SigningRole
from custody.keys.strict_json import Fields
from custody.primitives.clock import FixedClock
from custody.primitives.errors import LimitExceeded, Refused
from custody.primitives.secret import Secret
from custody.signers.faults import decode_fault
from custody.signers.keyring import Keyring
from custody.signers.memory import Memory
from custody.signers.registration import parse_wallet
from custody.signers.registry import family_of
from custody.signers.rules import parse_rules
from custody.signers.service import SignerService
from custody.signers.wire import decode_signature, encode_request

UNITS = {BITCOIN_REGTEST: 1, DOGECOIN_REGTEST: 1_000}


class House:
    """One network, one wallet, and its first cosigner as a whole signer."""

    def __init__(self, folder, params, **rules):
        self.params, self.unit = params, UNITS[params]
        members = make_members("bumps", 3, params)
        self.wallet = UtxoWallet("hot", params, 2, tuple(member.origin for member in members), 100)
        self.codec = UtxoCodec(self.wallet)
        asset = params.asset.key
        text = rules_json(
            fee_caps={params.chain.id: str(10**6 * self.unit)},
            buckets={asset: {"capacity": str(10**7 * self.unit), "refill_per_hour": "0"}},
            **rules,
        )
        self.service = SignerService(
            parse_rules(json.dumps(text, indent=2).encode()),
            Keyring(Secret(_seed())),
            Memory.create(folder / "memory.sqlite"),
            FixedClock(NOW),
        )
        registration = {**self.wallet.registration(), "our_paths": {"member": members[0].path}, "roles": ["member"]}
        self.service.serve(parse_wallet(json.dumps(registration, indent=2).encode()), family_of("utxo"))

    def intent(self, units=100_000, name="w-1", fee_max=40_000):
        return make_intent(
            self.wallet.address(0, 9), units * self.unit, fee_max=fee_max * self.unit, name=name, params=self.params
        )

    def coins(self, *values, rate=0):
        floor = self.params.fees.floor
        return make_coins(self.wallet, *(value * self.unit for value in values), rate=rate or floor)

    def ask(self, plan, *intents):
        approvals = tuple(approval for item in intents for approval in approve(item))
        asked = SigningRequest(
            self.params.chain.id, "hot", SigningRole.MEMBER, self.codec.encode(plan), intents, approvals
        )
        answer = Fields(self.service.answer({"op": "sign", "request": encode_request(asked)}), "answer")
        if not answer.flag("ok"):
            raise decode_fault(answer.fields("error"))
        return tuple(decode_signature(item) for item in answer.fields("result").each("signatures", 1_000))


def _seed():
    return hashlib.sha256(b"bumps/0").digest()  # as make_members makes the first


@pytest.fixture(params=UNITS, ids=lambda params: params.chain.id)
def house(request, tmp_path):
    return House(tmp_path, request.param)


def test_a08_fresh_coins_for_the_same_withdrawal_are_refused(house):
    intent = house.intent()
    house.ask(house.codec.plan([intent], house.coins(500_000, 499_000), ()), intent)
    other = house.codec.plan([intent], house.coins(600_000), ())
    with pytest.raises(Refused, match="was signed for"):
        house.ask(other, intent)


def test_a_bump_that_pays_somebody_else_is_refused(house):
    intent, other = house.intent(), house.intent(name="w-2", units=100_001)
    plan = house.codec.plan([intent], house.coins(500_000), ())
    house.ask(plan, intent)
    with pytest.raises(Refused):
        house.ask(house.codec.plan([other], house.coins(500_000), ()), other)


def test_a_bump_above_the_intents_cap_is_refused(house):
    generous = house.intent()
    plan = house.codec.plan([generous], house.coins(500_000), ())
    raised = house.codec.bump(plan, Coins((), house.params.fees.cap, 0), [generous])
    with pytest.raises(LimitExceeded):
        house.ask(raised, house.intent(fee_max=(raised.fee_sat - 1) // house.unit))


def test_gathering_coins_needs_the_signers_own_rule(tmp_path, house):
    plan = plan_consolidation(house.wallet, house.coins(*[50_000] * 60))
    with pytest.raises(Refused, match="moves within the wallet"):
        house.ask(plan)
    (tmp_path / "free").mkdir()
    free = House(tmp_path / "free", house.params, own_moves=["hot"])
    assert len(free.ask(plan)) == 60


def with_child(house, intent):
    # A payment of the house with its bytes, signed by the first two cosigners past any memory, and the plan of its child.
    plan = house.codec.plan([intent], house.coins(500_000), ())
    digests = signing_digests(house.wallet, plan)
    members = make_members("bumps", 3, house.params)[:2]
    signed = house.codec.assemble(plan, [s for each in members for s in each.sign_plan(house.wallet, plan, digests)])
    return plan, plan_child(house.wallet, Parent(plan, signed), 3 * house.params.fees.floor, intent.fee_max.units)


def test_a08_a_child_needs_the_signers_own_rule_and_can_pay_nobody(tmp_path):
    intent = House(tmp_path, BITCOIN_REGTEST).intent()
    for folder in ("strict", "free"):
        (tmp_path / folder).mkdir()
    strict, free = (
        House(tmp_path / "strict", BITCOIN_REGTEST),
        House(tmp_path / "free", BITCOIN_REGTEST, own_moves=["hot"]),
    )
    plan, child = with_child(free, intent)
    with pytest.raises(Refused, match="moves within the wallet"):
        strict.ask(child)
    free.ask(plan, intent)
    (given,) = free.ask(child)
    verified_signatures(free.wallet, child, [given])
    with pytest.raises(Refused):  # the same change, to somebody else: no intent asks for it
        free.ask(
            replace(
                child, outputs=(replace(child.outputs[0], script=free.wallet.script_pubkey(0, 9), change_index=None),)
            )
        )
    with pytest.raises(Refused):  # and no intent may hide in it: the withdrawal has its conflict key
        free.ask(child, intent)


def test_every_bump_up_to_the_cap_is_signed_and_the_same_one_again_gets_the_same_answer(house):
    intent = house.intent()
    plan = house.codec.plan([intent], house.coins(300_000, 250_000), ())
    digests, steps = set(), 0
    while plan is not None:
        given = house.ask(plan, intent)
        assert house.ask(plan, intent) == given
        verified_signatures(house.wallet, plan, given)
        digests.add(given[0].value)
        plan, steps = house.codec.bump(plan, Coins((), house.params.fees.floor, 0), [intent]), steps + 1
    assert len(digests) == steps > 2
