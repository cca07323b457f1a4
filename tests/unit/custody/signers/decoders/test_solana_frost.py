# The signer's own reading of a FROST payment: everything but AdvanceNonce, our deposits and exact transfers is refused.
import struct
from dataclasses import replace

import pytest
from simulators.frost import NATIVE, FrostHouse, path_of
from simulators.solana import SOL, Key, token_step
from solders.hash import Hash
from solders.message import Message, MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from custody.chains.solana import derivation, frost_plan, instructions
from custody.chains.solana.frost_plan import PAYLOAD_TAG
from custody.chains.solana.params import LOCAL, RECENT_BLOCKHASHES_SYSVAR, SYSTEM_PROGRAM, TOKEN_PROGRAM
from custody.keys import frost
from custody.keys.frost import Commitment
from custody.keys.material import SigningRole
from custody.primitives.errors import InvalidInput, MalformedPayload
from custody.signers.decoders.solana_frost import FrostDecoder
from custody.signers.decoders.solana_shapes import UnknownShape
from custody.signers.ownership import NotOurAddress
from custody.signers.ownership_rounds import round_one, round_two
from custody.signers.port import OwnedPlace

BOB, EVE = Key("bob"), Key("eve")
MEMBER = SigningRole.MEMBER


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return FrostHouse("house", tmp_path_factory.mktemp("house"))


@pytest.fixture
def decoder(house):
    return FrostDecoder(house.wallet.registration(), {path_of(1): house.wallet.verifying[1]})


def compiled(steps, payer, blockhash=None):
    value = Hash.from_string(blockhash or Key("value").text)
    return bytes(to_bytes_versioned(MessageV0.try_compile(Pubkey.from_string(payer), steps, [], value)))


def in_round_one(raw, numbers=(1, 2)):
    return PAYLOAD_TAG + bytes([1, len(numbers), *numbers]) + raw


def good(house):
    ours = house.wallet.address
    seed = house.wallet.deposit_seed(4)
    return [
        instructions.advance_nonce(house.wallet.nonce_accounts[0], ours),
        instructions.transfer_with_seed((house.wallet.deposit_address(4).text, ours), ours, seed, SOL),
        instructions.transfer_lamports(ours, BOB.text, SOL),
    ]


def raw_system(content, *accounts):
    return token_step(content, accounts, SYSTEM_PROGRAM)


def bad_messages(house):
    ours, other = house.wallet.address, house.wallet.nonce_accounts[1]
    nonce = house.wallet.nonce_accounts[0]
    advance, collect, pay = good(house)
    deposit, seed = house.wallet.deposit_address(4).text, house.wallet.deposit_seed(4)
    strange_seed = derivation.with_seed(EVE.text, seed, SYSTEM_PROGRAM)
    owned_by_token = derivation.with_seed(ours, seed, TOKEN_PROGRAM)
    program = bytes(Pubkey.from_string(TOKEN_PROGRAM))
    foreign = struct.pack("<IQQ", 11, SOL, len(seed)) + seed.encode() + program
    return {
        "no AdvanceNonce": [pay],
        "AdvanceNonce last": [pay, advance],
        "second AdvanceNonce": [advance, instructions.advance_nonce(other, ours), pay],
        "same AdvanceNonce twice": [advance, advance, pay],
        "nonce of somebody else": [instructions.advance_nonce(EVE.text, ours), pay],
        "nonce with another authority": [instructions.advance_nonce(nonce, EVE.text), pay],
        "nothing paid": [advance],
        "only a collection": [advance, collect],
        "collection behind a payment": [advance, pay, collect],
        "collection twice": [advance, collect, collect, pay],
        "payment to ourselves": [advance, instructions.transfer_lamports(ours, ours, SOL)],
        "payment to a nonce of ours": [advance, instructions.transfer_lamports(ours, other, SOL)],
        "payment to the nonce in use": [advance, instructions.transfer_lamports(ours, nonce, SOL)],
        "payment to what is drawn from": [advance, collect, instructions.transfer_lamports(ours, deposit, SOL)],
        "payment of nothing": [advance, instructions.transfer_lamports(ours, BOB.text, 0)],
        "payment out of another account": [advance, instructions.transfer_lamports(EVE.text, BOB.text, SOL)],
        "deposit paid out directly": [
            advance,
            instructions.transfer_with_seed((deposit, BOB.text), ours, seed, SOL),
            pay,
        ],
        "deposit of another seed": [
            advance,
            instructions.transfer_with_seed((deposit, ours), ours, "other", SOL),
            pay,
        ],
        "deposit of another base": [
            advance,
            instructions.transfer_with_seed((strange_seed, ours), EVE.text, seed, SOL),
            pay,
        ],
        "deposit of another program": [
            advance,
            raw_system(foreign, (owned_by_token, "w"), (ours, "s"), (ours, "w")),
            pay,
        ],
        "withdrawal out of a nonce": [
            advance,
            pay,
            raw_system(
                struct.pack("<IQ", 5, SOL),
                (other, "w"),
                (BOB.text, "w"),
                (RECENT_BLOCKHASHES_SYSVAR, ""),
                ("SysvarRent111111111111111111111111111111111", ""),
                (ours, "s"),
            ),
        ],
        "authority of a nonce given away": [
            advance,
            raw_system(struct.pack("<I", 7) + EVE.public.raw, (other, "w"), (ours, "s")),
            pay,
        ],
        "our address assigned to a program": [advance, raw_system(struct.pack("<I", 1) + program, (ours, "sw")), pay],
        "account created": [advance, instructions.allocate_with_seed(deposit, ours, seed, (80, SYSTEM_PROGRAM)), pay],
        "token program": [advance, pay, instructions.sync_native(EVE.text)],
        "transfer with a tail": [
            advance,
            raw_system(struct.pack("<IQ", 2, SOL) + b"\0", (ours, "sw"), (BOB.text, "w")),
        ],
        "transfer with a third account": [
            advance,
            raw_system(struct.pack("<IQ", 2, SOL), (ours, "sw"), (BOB.text, "w"), (EVE.text, "")),
        ],
        "writable without need": [
            instructions.advance_nonce(nonce, ours),
            raw_system(struct.pack("<IQ", 2, SOL), (ours, "sw"), (BOB.text, "")),
        ],
    }


def test_every_other_transaction_is_refused(house, decoder):
    for name, steps in bad_messages(house).items():
        payload = in_round_one(compiled(steps, house.wallet.address))
        try:
            understood = decoder.understand(payload, MEMBER)
        except (UnknownShape, MalformedPayload):
            continue
        pytest.fail(f"{name}: understood as {understood.summary}")


def test_another_fee_payer_and_a_second_signer_are_refused(house, decoder):
    steps = good(house)
    for raw in (
        compiled(steps, EVE.text),
        compiled([*steps, instructions.transfer_lamports(EVE.text, BOB.text, 1)], house.wallet.address),
    ):
        with pytest.raises(UnknownShape, match="alone must"):
            decoder.understand(in_round_one(raw), MEMBER)


def test_legacy_messages_and_left_over_bytes_are_refused(house, decoder):
    steps, ours = good(house), house.wallet.address
    legacy = bytes(Message.new_with_blockhash(steps, Pubkey.from_string(ours), Hash.default()))
    for raw in (legacy, compiled(steps, ours) + b"\0", compiled(steps, ours)[:-1], b""):
        with pytest.raises(MalformedPayload):
            decoder.understand(in_round_one(raw), MEMBER)


@pytest.mark.parametrize("numbers", [(1,), (1, 2, 3), (2, 1), (1, 1), (2, 3), (1, 4), (0, 1)])
def test_participants_are_a_threshold_of_ours_in_order_with_us(house, decoder, numbers):
    raw = compiled(good(house), house.wallet.address)
    with pytest.raises(UnknownShape):
        decoder.understand(in_round_one(raw, numbers), MEMBER)


def test_payloads_that_are_none_of_the_two_rounds_are_refused(house, decoder):
    raw = compiled(good(house), house.wallet.address)
    rest = bytes([2, 1, 2]) + raw
    for payload in (
        raw,
        PAYLOAD_TAG,
        PAYLOAD_TAG + b"\x01",
        PAYLOAD_TAG + b"\x01\x00" + raw,
        PAYLOAD_TAG + b"\x00" + rest,
        PAYLOAD_TAG + b"\x03" + rest,
        PAYLOAD_TAG[:-1] + b"2\x01" + rest,
        PAYLOAD_TAG + b"\x02\x02\x01" + bytes(63),
        PAYLOAD_TAG + b"\x02\x02\x01" + bytes(64) + b"\x02" + bytes(64) + raw,  # neutral points
    ):
        with pytest.raises(MalformedPayload):
            decoder.understand(payload, MEMBER)


def test_registration_that_does_not_fit_is_refused(house):
    stated = house.wallet.registration()
    ours = {path_of(1): house.wallet.verifying[1]}
    for changed, keys in (
        (stated, {}),
        (stated, {path_of(2): house.wallet.verifying[1]}),
        (stated, {path_of(n): house.wallet.verifying[n] for n in (1, 2)}),
        (stated, {path_of(1): EVE.public}),
        ({**stated, "family": "solana"}, ours),
        ({**stated, "group": EVE.text}, ours),
        ({**stated, "threshold": 1}, ours),
        ({**stated, "threshold": 4}, ours),
        ({**stated, "members": stated["members"][:1] * 3}, ours),
        ({name: value for name, value in stated.items() if name != "native"}, ours),
    ):
        with pytest.raises(InvalidInput):
            FrostDecoder(changed, keys)


def test_owns_the_groups_address_and_no_other(house, decoder):
    for other in (BOB.text, house.wallet.deposit_address(0).text, house.wallet.nonce_accounts[0], "", "x"):
        with pytest.raises(NotOurAddress):
            decoder.owned_place(other)
    assert decoder.owned_place(house.wallet.address) == OwnedPlace(path_of(1))


TEXT = b"eight lines"


def test_rounds_over_a_text_are_refused_if_their_shape_is_another(house, decoder):
    commitments = (Commitment(1, committed(house, 1)), Commitment(2, committed(house, 2)))
    first, second = round_one((1, 2)), round_two(commitments)
    plan = house.codec.plan([house.intent(BOB.text, SOL)], house.state(), house.chosen())
    payment = house.codec.next_need(plan, []).payload
    for payload in (
        b"",
        first[:-1],
        first + b"x",
        second[:-1],
        second + TEXT,
        payment,
        first.replace(b"/1\x01", b"/1\x03"),
    ):
        with pytest.raises(MalformedPayload):
            decoder.understand_text(payload, TEXT)
    with pytest.raises(MalformedPayload):
        decoder.understand(first, MEMBER)
    for numbers in ((1,), (2, 3), (2, 1), (1, 1), (1, 2, 3), (1, 4)):
        with pytest.raises(UnknownShape):
            decoder.understand_text(round_one(numbers), TEXT)


def test_a_round_over_a_text_is_bound_to_text_participants_and_kind(house, decoder):
    steps = [decoder.understand_text(round_one(numbers), text) for numbers in ((1, 2), (1, 3)) for text in (TEXT, b"x")]
    assert len({step.session for step in steps}) == 4
    commitments = (Commitment(1, committed(house, 1)), Commitment(2, committed(house, 2)))
    shared = decoder.understand_text(round_two(commitments), TEXT)
    assert shared.session == steps[0].session
    assert shared.identifier == 1
    assert (shared.package.group, shared.package.message) == (house.wallet.group, TEXT)
    assert shared.package.commitments == commitments
    assert steps[0].package is None


def committed(house, number):
    return frost.draw_nonces(house.shares[number], b"a" * 32, b"b" * 32).commitment


def test_single_bits_of_a_payload_never_change_its_meaning_unseen(house, decoder):
    intent = house.intent(BOB.text, SOL)
    plan = house.codec.plan([intent], house.state(), house.chosen())
    payload = house.codec.next_need(plan, []).payload
    wanted = decoder.understand(payload, MEMBER)
    for place in range(len(payload) * 8):
        changed = bytearray(payload)
        changed[place // 8] ^= 1 << place % 8
        try:
            understood = decoder.understand(bytes(changed), MEMBER)
        except (UnknownShape, MalformedPayload):
            continue
        assert (understood.summary, understood.conflict_key, understood.threshold.session) != (
            wanted.summary,
            wanted.conflict_key,
            wanted.threshold.session,
        )


def test_both_rounds_are_understood_as_planned(house, decoder):
    intents = [house.intent(BOB.text, 3 * SOL), house.intent(EVE.text, SOL, number=2)]
    plan = house.codec.plan(intents, house.state(2 * SOL, [(4, 3 * SOL), (9, 2 * SOL)]), house.chosen())
    assert [draw.index for draw in plan.draws] == [4]
    raw = frost_plan.message_bytes(house.wallet, plan)
    first = decoder.understand(house.codec.next_need(plan, []).payload, MEMBER)
    assert first.summary == house.codec.summarize(plan)
    assert first.conflict_key == plan.nonce.key
    assert first.threshold.package is None
    committed = house.round(plan, [], *intents)
    second = decoder.understand(house.codec.next_need(plan, committed).payload, MEMBER)
    assert (second.summary, second.conflict_key) == (first.summary, first.conflict_key)
    assert second.threshold.session == first.threshold.session
    assert second.threshold.identifier == 1
    assert second.threshold.package.message == raw
    expected = tuple(frost.Commitment(n, made.value) for n, made in enumerate(committed, start=1))
    assert second.threshold.package.commitments == expected
    assert decoder.caip2 == LOCAL.chain.caip2
    assert replace(first, threshold=None).to_sign[0].path == path_of(1)
    assert first.summary.fee.asset == NATIVE
