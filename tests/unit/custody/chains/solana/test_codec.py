from dataclasses import replace

import base58
import pytest
from simulators.solana import SOL, House, Key

from custody.chains.solana import message
from custody.chains.solana.params import LOCAL, MAX_TRANSACTION_BYTES, NATIVE_MINT, TOKEN_PROGRAM
from custody.chains.solana.places import DeadEnd
from custody.chains.solana.state import NoFreeNonce, Route
from custody.keys.material import Signature, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.errors import (
    BadSignature,
    InsufficientFunds,
    InvalidAddress,
    InvalidInput,
    LimitExceeded,
    MalformedPayload,
    QuorumNotReached,
    Refused,
    UnknownAsset,
)

BOB, CAROL = Key("bob").text, Key("carol").text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "bob",
        BOB[:-2],
        BOB + "1",
        "1" + BOB,
        "0" + BOB[1:],
        " " + BOB,
        "l" * 44,
        "1" * 33,
        "é" * 32,
        "9" * 10_000,
    ],
)
def test_refuses_text_that_is_no_key(house, text):
    with pytest.raises(InvalidAddress):
        house.codec.parse_address(text)


@pytest.mark.parametrize("text", ["1" * 32, TOKEN_PROGRAM, NATIVE_MINT, "SysvarRent111111111111111111111111111111111"])
def test_refuses_programs_and_mints_as_destination(house, text):
    with pytest.raises(InvalidAddress, match="program"):
        house.codec.parse_address(text)


def test_refuses_pinned_mint_as_destination(house, usdc):
    with pytest.raises(InvalidAddress):
        house.codec.parse_address(usdc.contract)


def test_refuses_empty_plan(house, state):
    with pytest.raises(InvalidInput, match="0 assets"):
        house.codec.plan([], state, house.chosen())


def test_refuses_two_assets_in_one_plan(house, state, usdc):
    intents = [house.intent(BOB, SOL), house.intent(BOB, 1, usdc, number=2)]
    with pytest.raises(InvalidInput, match="2 assets"):
        house.codec.plan(intents, state, house.chosen())


def test_refuses_asset_that_is_not_of_the_wallet(house, state):
    bonk = Asset("BONK", 5, LOCAL.chain.id, Key("bonk").text)
    with pytest.raises(UnknownAsset):
        house.codec.plan([house.intent(BOB, 1, bonk)], state, house.chosen())


def test_refuses_sol_to_the_multisig_account_where_it_would_be_stuck(house, state):
    for stuck in (house.wallet.multisig, house.wallet.nonce_accounts[0]):
        with pytest.raises(DeadEnd):
            house.codec.plan([house.intent(stuck, SOL)], state, house.chosen())


def test_refuses_token_to_a_token_account_as_if_it_were_an_owner(house, state, usdc):
    with pytest.raises(DeadEnd):
        house.codec.plan([house.intent(house.wallet.vault(usdc), 1, usdc)], state, house.chosen())


def test_refuses_fewer_lamports_than_a_new_account_must_hold(house, state):
    with pytest.raises(Refused, match="890880"):
        house.codec.plan([house.intent(BOB, 890_879)], state, house.chosen())
    house.codec.plan([house.intent(BOB, 890_880)], state, house.chosen())


def test_refuses_memo_it_cannot_carry(house, state):
    with pytest.raises(InvalidInput, match="memo"):
        house.codec.plan([house.intent(BOB, SOL, memo="7")], state, house.chosen())


@pytest.mark.parametrize("members", [(), (0,), (0, 1, 2), (0, 0)])
def test_refuses_other_than_threshold_members(house, state, members):
    with pytest.raises(InvalidInput, match="exactly 2"):
        house.codec.plan([house.intent(BOB, SOL)], state, house.chosen(members))


def test_refuses_stranger_among_the_members(house, state):
    with pytest.raises(InvalidInput, match="exactly 2"):
        house.codec.plan([house.intent(BOB, SOL)], state, [house.members[0].public, Key("mallory").public])


def test_refuses_without_free_nonce(house, state):
    with pytest.raises(NoFreeNonce):
        house.codec.plan([house.intent(BOB, SOL)], replace(state, nonces=()), house.chosen())


def test_refuses_more_than_all_sources_hold(house, state):
    with pytest.raises(InsufficientFunds) as error:
        house.codec.plan([house.intent(BOB, 14 * SOL + 1)], state, house.chosen())
    assert error.value.facts == {"asked": 14 * SOL + 1, "held": 14 * SOL}


def test_refuses_fee_payer_that_cannot_lend_the_rent(house, state):
    least = 15_000 + 2_039_280 + 890_880
    with pytest.raises(InsufficientFunds, match="fee payer"):
        house.codec.plan([house.intent(BOB, SOL)], replace(state, fee_payer_lamports=least - 1), house.chosen())
    house.codec.plan([house.intent(BOB, SOL)], replace(state, fee_payer_lamports=least), house.chosen())


def test_refuses_fee_above_the_sum_of_caps(house, state, usdc):
    def capped(cap):
        return [house.intent(BOB, 1, usdc, fee_max=Amount(cap, LOCAL.native))]

    with pytest.raises(LimitExceeded):
        house.codec.plan(capped(2_054_279), state, house.chosen())
    assert house.codec.fee(house.codec.plan(capped(2_054_280), state, house.chosen())).units == 2_054_280


def test_refuses_transaction_longer_than_the_network_takes(house, state):
    intents = [house.intent(Key(f"payee {i}").text, SOL // 10, number=i) for i in range(12)]
    with pytest.raises(LimitExceeded, match="1232"):
        house.codec.plan(intents, state, house.chosen())
    plan = house.codec.plan(intents[:8], state, house.chosen())
    assert message.transaction_size(message.message_bytes(house.wallet, plan), 3) <= MAX_TRANSACTION_BYTES


def test_refuses_collection_together_with_payments(house, state):
    vault = house.wallet.receive_address(LOCAL.native).text
    with pytest.raises(InvalidInput, match="stands alone"):
        house.codec.plan([house.intent(vault, SOL), house.intent(BOB, SOL, number=2)], state, house.chosen())


def test_refuses_collection_that_would_need_the_vault_itself(house, state):
    vault = house.wallet.receive_address(LOCAL.native).text
    with pytest.raises(InsufficientFunds):
        house.codec.plan([house.intent(vault, 9 * SOL + 1)], state, house.chosen())


def test_refuses_destination_of_another_chain(house, state):
    foreign = Address("solana", BOB)
    sol = Asset("SOL", 9, "solana")
    intent = replace(house.intent(BOB, SOL), to=foreign, amount=Amount(SOL, sol), fee_max=Amount(SOL, sol))
    with pytest.raises(InvalidInput):
        house.codec.plan([intent], state, house.chosen())


def test_assemble_refuses_every_single_flipped_bit_of_a_signature(house, state):
    plan = house.codec.plan([house.intent(BOB, SOL)], state, house.chosen())
    good = house.sign(plan)
    for place in range(0, 64, 7):
        value = bytearray(good[1].value)
        value[place] ^= 1
        with pytest.raises(BadSignature):
            house.codec.assemble(plan, [good[0], replace(good[1], value=bytes(value)), good[2]])


def test_assemble_refuses_signature_over_another_plan(house, state):
    plan = house.codec.plan([house.intent(BOB, SOL)], state, house.chosen())
    other = house.codec.plan([house.intent(BOB, SOL + 1)], state, house.chosen())
    with pytest.raises(BadSignature):
        house.codec.assemble(plan, house.sign(other))


def test_assemble_refuses_member_that_is_not_in_the_message(house, state):
    plan = house.codec.plan([house.intent(BOB, SOL)], state, house.chosen())
    with pytest.raises(BadSignature, match="does not sign"):
        house.codec.assemble(plan, house.sign(plan, (0, 2)))


def test_assemble_refuses_one_signature_and_the_same_one_twice(house, state):
    plan = house.codec.plan([house.intent(BOB, SOL)], state, house.chosen())
    first, _, payer = house.sign(plan)
    for given in ([first], [first, payer], [first, first, payer], [payer]):
        with pytest.raises(QuorumNotReached):
            house.codec.assemble(plan, given)


def test_assemble_refuses_signature_of_wrong_length(house, state):
    plan = house.codec.plan([house.intent(BOB, SOL)], state, house.chosen())
    first, second, payer = house.sign(plan)
    with pytest.raises(BadSignature):
        house.codec.assemble(plan, [first, Signature(second.key, 0, second.value[:-1]), payer])


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw[:-1],
        lambda raw: raw + b" ",
        lambda raw: raw.replace(b'"hot"', b'"cold"'),
        lambda raw: raw.replace(b"unwrap", b"wrap"),
        lambda raw: raw.replace(b'"1000000000"', b'"1000000001"', 1),
        lambda raw: raw.replace(b'"1000000000"', b'"-1"'),
        lambda raw: raw.replace(b'"1000000000"', b'"01000000000"'),
        lambda raw: raw.replace(b"solana-plan/1", b"solana-plan/2"),
        lambda raw: raw.replace(b'"SOL"', b'"BTC"'),
        lambda _: b"[]",
        lambda _: b"{}",
        lambda _: b"",
        lambda _: b"[" * 100_000,
    ],
)
def test_decode_refuses_altered_bytes(house, state, change):
    raw = house.codec.encode(house.codec.plan([house.intent(BOB, SOL)], state, house.chosen()))
    with pytest.raises(MalformedPayload):
        house.codec.decode(change(raw))


def test_decode_refuses_plan_of_other_members_or_nonces(house, state):
    plan = house.codec.plan([house.intent(BOB, SOL)], state, house.chosen())
    strange = [replace(plan, members=(BOB, CAROL)), replace(plan, nonce=replace(plan.nonce, account=BOB))]
    for altered in strange:
        with pytest.raises(MalformedPayload):
            house.codec.decode(house.codec.encode(altered))


def test_same_inputs_give_the_same_bytes_in_a_new_process(state, usdc):
    # Crash before the first signature: the plan is made again and must be the very same.
    def made():
        house = House("hot", (usdc,))
        plan = house.codec.plan(
            [house.intent(BOB, 10 * SOL), house.intent(CAROL, SOL, number=2)], state, house.chosen()
        )
        return house.codec.encode(plan), message.message_bytes(house.wallet, plan)

    assert made() == made()


def test_members_are_asked_first_and_the_fee_payer_last_over_the_same_bytes(house, state):
    plan = house.codec.plan([house.intent(BOB, SOL)], state, house.chosen((2, 0)))
    first, second, payer = house.sign(plan, (0, 2))
    needs = [house.codec.next_need(plan, given) for given in ([], [first], [second], [first, second])]
    assert [(need.role, need.missing) for need in needs] == [
        (SigningRole.MEMBER, 2),
        (SigningRole.MEMBER, 1),
        (SigningRole.MEMBER, 1),
        (SigningRole.SENDER, 1),
    ]
    assert len({need.payload for need in needs}) == 1
    assert house.codec.next_need(plan, [second, payer, first]) is None


def test_native_payment_draws_largest_first_and_syncs_what_is_stale(house, state):
    plan = house.codec.plan([house.intent(BOB, 10 * SOL)], state, house.chosen())
    assert plan.route is Route.UNWRAP
    assert [(d.account, d.units, d.stale) for d in plan.draws] == [
        (house.wallet.deposit_address(0).text, 9 * SOL, True),
        (house.wallet.vault(LOCAL.native), SOL, False),
    ]
    summary = house.codec.summarize(plan)
    assert summary.to == ((house.intent(BOB, 1).to, Amount(10 * SOL, LOCAL.native)),)
    assert summary.fee.units == 15_000


def test_token_fee_counts_rent_once_per_destination(house, state, usdc):
    intents = [house.intent(to, 30_000_000, usdc, number=i) for i, to in enumerate((BOB, CAROL, BOB))]
    plan = house.codec.plan(intents, state, house.chosen())
    assert house.codec.summarize(plan).fee.units == 15_000 + 2 * 2_039_280
    assert [amount.units for _, amount in house.codec.summarize(plan).to] == [30_000_000] * 3


def test_reservations_name_the_nonce_first_then_what_is_taken(house, state):
    plan = house.codec.plan([house.intent(BOB, 10 * SOL)], state, house.chosen())
    first, *others = house.codec.reservations(plan)
    assert first == f"solnonce:{plan.nonce.account}:{plan.nonce.value}"
    carried = ["solspend", house.fee_payer.text, str(15_000 + 2_039_280)]
    taken = [["solspend", draw.account, str(draw.units)] for draw in plan.draws]
    assert [name.split(":")[:3] for name in others] == [*taken, carried]


def test_scratch_account_depends_on_the_salt_nobody_else_knows(house, state):
    plans = [
        house.codec.plan([house.intent(BOB, SOL, salt=salt)], state, house.chosen()) for salt in ("a" * 32, "b" * 32)
    ]
    assert len({message.scratch_account(house.wallet, plan) for plan in plans}) == 2


def test_assembled_bytes_carry_the_signatures_in_key_order(house, state):
    plan = house.codec.plan([house.intent(BOB, SOL)], state, house.chosen())
    signatures = house.sign(plan)
    signed = house.codec.assemble(plan, list(reversed(signatures)))
    assert signed.raw[0] == 3
    assert signed.txid == base58.b58encode(signed.raw[1:65]).decode()
    assert signed.raw[1:65] == signatures[2].value
    assert signed.raw[193:] == message.message_bytes(house.wallet, plan)
    assert signed.conflict_key == plan.nonce.key
    assert house.codec.decode(house.codec.encode(plan)) == plan
