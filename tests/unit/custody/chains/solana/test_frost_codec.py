# The FROST codec refuses what must not be planned, and reads back only its own plans.
import json
from dataclasses import replace

import pytest
from simulators.frost import FEE_MAX, NATIVE, FrostHouse
from simulators.solana import SOL, Key

from custody.chains.solana.frost_codec import FrostCodec
from custody.chains.solana.params import LOCAL, SYSTEM_PROGRAM
from custody.chains.solana.places import DeadEnd
from custody.chains.solana.state import NoFreeNonce
from custody.keys.frost_shares import BadShare
from custody.keys.material import Signature, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import (
    BadSignature,
    InsufficientFunds,
    InvalidAddress,
    InvalidInput,
    LimitExceeded,
    MalformedPayload,
    QuorumNotReached,
    Refused,
    VerificationFailed,
)

BOB = Key("bob")
RENT = LOCAL.empty_account_rent


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return FrostHouse("house", tmp_path_factory.mktemp("house"))


@pytest.fixture
def intent(house):
    return house.intent(BOB.text, SOL)


def plan_of(house, *intents, state=None, members=(1, 2)):
    return house.codec.plan(intents, state or house.state(), house.chosen(*members))


def test_refuses_intents_it_cannot_pay(house, intent):
    token = Asset("USDC", 6, LOCAL.chain.id, Key("mint").text)
    for wrong, error in (
        (replace(intent, amount=Amount(SOL, token)), InvalidInput),
        (replace(intent, memo="x"), InvalidInput),
        (replace(intent, to=Address(LOCAL.chain.id, SYSTEM_PROGRAM)), InvalidAddress),
        (replace(intent, to=house.wallet.receive_address), DeadEnd),
        (replace(intent, to=Address(LOCAL.chain.id, house.wallet.nonce_accounts[1])), DeadEnd),
        (replace(intent, amount=Amount(RENT - 1, NATIVE)), Refused),
        (replace(intent, fee_max=Amount(4_999, NATIVE)), LimitExceeded),
    ):
        with pytest.raises(error):
            plan_of(house, wrong)
    with pytest.raises(InvalidInput, match="nothing to pay"):
        plan_of(house)


@pytest.mark.parametrize("text", ["", "0OIl", "1" * 31, "1" * 45, BOB.text[:-2], " " + BOB.text])
def test_refuses_what_is_no_address(house, text):
    with pytest.raises(InvalidAddress):
        house.codec.parse_address(text)


@pytest.mark.parametrize("members", [(1,), (1, 2, 3), (1, 1)])
def test_refuses_members_that_are_not_a_threshold(house, intent, members):
    with pytest.raises(InvalidInput, match="exactly 2"):
        plan_of(house, intent, members=members)


def test_refuses_strangers_as_members(house, intent):
    with pytest.raises(InvalidInput, match="exactly 2"):
        house.codec.plan([intent], house.state(), [house.wallet.verifying[1], BOB.public])


def test_never_spends_the_rent_of_the_address(house, intent):
    least = SOL + 5_000 + RENT
    assert plan_of(house, intent, state=house.state(least))
    for state in (house.state(least - 1), house.state(5_000 + RENT - 1, [(1, 5 * SOL)]), house.state(0)):
        with pytest.raises(InsufficientFunds):
            plan_of(house, intent, state=state)
    with pytest.raises(NoFreeNonce):
        plan_of(house, intent, state=replace(house.state(), nonces=()))


def test_draws_on_deposits_only_when_needed_the_largest_first(house, intent):
    deposits = [(1, SOL), (2, 3 * SOL), (3, 3 * SOL)]
    assert plan_of(house, intent, state=house.state(2 * SOL, deposits)).draws == ()
    big = replace(intent, amount=Amount(5 * SOL, NATIVE))
    plan = plan_of(house, big, state=house.state(2 * SOL, deposits))
    assert [draw.index for draw in plan.draws] == [2, 3]
    leaving = house.codec.reservations(plan)[1].split(":")
    assert (leaving[1], leaving[2]) == (house.wallet.address, "0")


# A fee is taken before anything comes in: an address at its bare rent could never use its deposit accounts again.
def test_draws_one_deposit_more_where_the_address_would_keep_too_little_for_the_next_fees(house, intent):
    keeps = 5_000 * house.wallet.nonce_count
    exact = 5_000 + RENT + intent.amount.units
    for lamports, drawn in ((exact, [2]), (exact + keeps - 1, [2]), (exact + keeps, [])):
        plan = plan_of(house, intent, state=house.state(lamports, [(1, SOL), (2, 3 * SOL)]))
        assert [draw.index for draw in plan.draws] == drawn
    assert plan_of(house, intent, state=house.state(exact)).draws == ()
    to_second = replace(intent, to=house.wallet.deposit_address(2))
    plan = plan_of(house, to_second, state=house.state(exact, [(1, SOL), (2, 3 * SOL)]))
    assert [draw.index for draw in plan.draws] == [1]


def test_leaves_the_next_fees_out_where_one_more_deposit_does_not_fit(house):
    intents = [house.intent(Key(f"n{n}").text, SOL, number=n) for n in range(18)]
    exact = 5_000 + RENT + sum(each.amount.units for each in intents)
    plain = plan_of(house, *intents, state=house.state(exact))
    assert plan_of(house, *intents, state=house.state(exact, [(1, 3 * SOL)])) == plain


def test_refuses_to_pay_a_deposit_account_it_draws_from(house, intent):
    to_itself = replace(intent, to=house.wallet.deposit_address(2), amount=Amount(5 * SOL, NATIVE))
    with pytest.raises(DeadEnd):
        plan_of(house, to_itself, state=house.state(2 * SOL, [(2, 4 * SOL)]))


def test_refuses_what_does_not_fit_into_one_transaction(house):
    intents = [house.intent(Key(f"n{n}").text, SOL, number=n) for n in range(30)]
    with pytest.raises(LimitExceeded, match="1232"):
        plan_of(house, *intents)


def test_refuses_signatures_that_have_no_place(house, intent):
    plan = plan_of(house, intent)
    committed = house.round(plan, [], intent)
    with pytest.raises(QuorumNotReached, match="1 commitments missing"):
        house.codec.assemble(plan, committed[:1])
    with pytest.raises(QuorumNotReached, match="no share"):
        house.codec.assemble(plan, committed)
    for wrong in (
        replace(committed[0], key=house.wallet.verifying[3]),
        replace(committed[0], index=2),
        replace(committed[0], value=bytes(64)),
        replace(committed[0], value=committed[0].value[:-1]),
        Signature(BOB.public, 0, committed[0].value),
    ):
        with pytest.raises(BadSignature):
            house.codec.assemble(plan, [wrong])
    with pytest.raises(BadSignature, match="before all have committed"):
        house.codec.assemble(plan, [committed[0], replace(committed[0], index=1, value=bytes(32))])


def test_reads_back_its_own_plans_only(house, intent):
    raw = house.codec.encode(plan_of(house, intent, state=house.state(RENT + SOL, [(1, SOL)])))
    stored = json.loads(raw)
    for changed in (
        {"wallet": "other"},
        {"format": "mext/solana-plan/1"},
        {"nonce": [BOB.text, stored["nonce"][1]]},
        {"participants": [1]},
        {"participants": [2, 1]},
        {"participants": [1, 9]},
        {"payments": []},
        {"payments": [[BOB.text, "0"]]},
        {"draws": [[1, "-1"]]},
        {"draws": [[1, "01"]]},
        {"extra": 1},
    ):
        with pytest.raises(MalformedPayload):
            house.codec.decode(canonical_json({**stored, **changed}))
    for broken in (b"", b"[]", raw + b" ", b"{" * 5_000):
        with pytest.raises(MalformedPayload):
            house.codec.decode(broken)
    assert house.codec.encode(house.codec.decode(raw)) == raw


def test_wallets_without_sense_are_refused(house):
    wallet = house.wallet
    for changed in (
        {"threshold": 1},
        {"threshold": 3},
        {"members": wallet.members[:1] * 3},
        {"opener": wallet.members[0]},
        {"nonce_count": 0},
        {"nonce_count": 65},
    ):
        with pytest.raises(InvalidInput):
            replace(wallet, **changed)
    for changed in ({"group": BOB.public}, {"members": (*wallet.members[:2], BOB.entry)}):
        with pytest.raises(BadShare):
            replace(wallet, **changed)
    with pytest.raises(VerificationFailed):
        wallet.verify_deposit_address(1, wallet.deposit_address(2))
    wallet.verify_deposit_address(1, wallet.deposit_address(1))


def test_needs_name_round_payload_and_who_is_missing(house, intent):
    plan = plan_of(house, intent, members=(1, 3))
    first = house.codec.next_need(plan, [])
    assert (first.role, first.missing, first.together) == (SigningRole.MEMBER, 2, tuple(house.chosen(1, 3)))
    committed = house.round(plan, [], intent)
    half = house.codec.next_need(plan, committed[1:])
    assert (half.payload, half.together) == (first.payload, tuple(house.chosen(1)))
    second = house.codec.next_need(plan, committed)
    assert second.payload != first.payload
    shares = house.round(plan, committed, intent)
    assert house.codec.next_need(plan, [*committed, shares[0]]).together == tuple(house.chosen(3))
    assert house.codec.next_need(plan, [*shares, *committed]) is None
    assert FrostCodec(house.wallet).bump(plan, house.state(), [intent]) is None
    assert house.codec.fee().units < FEE_MAX
