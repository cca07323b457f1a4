# C15: extra SetAuthority or CloseAccount; AdvanceNonce missing or second; lookup tables. The signer's decoder refuses.
import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulators.solana import SOL, House, Key, token_step
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.message import MessageAddressTableLookup, MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from custody.chains.solana import instructions, message
from custody.chains.solana.derivation import associated_token_account, with_seed
from custody.chains.solana.params import LOCAL, NATIVE_MINT, TOKEN_PROGRAM
from custody.chains.solana.state import Nonce, Source, SplState
from custody.keys.material import Curve, PublicKey, SigningRole
from custody.primitives.errors import InvalidInput, MalformedPayload, Refused
from custody.signers.decoders.solana import SolanaDecoder
from custody.signers.decoders.solana_shapes import UnknownShape

BOB, MALLORY = Key("bob"), Key("mallory")


def state_of(house, usdc):
    wallet = house.wallet
    sources = (
        Source(wallet.vault(LOCAL.native), LOCAL.native, 5 * SOL, stale=False),
        Source(wallet.deposit_address(0).text, LOCAL.native, 9 * SOL, stale=True),
        Source(wallet.vault(usdc), usdc, 100, stale=False),
        Source(wallet.deposit_address(0, usdc).text, usdc, 50, stale=False),
    )
    return SplState(10 * SOL, (Nonce(wallet.nonce_accounts[0], Key("value").text),), sources)


def plan_of(house, usdc, *intents):
    return house.codec.plan(intents, state_of(house, usdc), house.chosen())


def steps_of(payload):
    # The instructions of a message, so that a test can alter them and compile them again.
    parsed = MessageV0.from_bytes(payload[1:])
    keys = list(parsed.account_keys)
    found = []
    for step in parsed.instructions:
        metas = [
            AccountMeta(keys[i], is_signer=parsed.is_signer(i), is_writable=parsed.is_maybe_writable(i))
            for i in bytes(step.accounts)
        ]
        found.append(Instruction(keys[step.program_id_index], bytes(step.data), metas))
    return found


def compiled(house, steps, payer=None, value=None):
    value = value or Hash.from_string(Key("value").text)
    return bytes(
        to_bytes_versioned(MessageV0.try_compile(Pubkey.from_string(payer or house.fee_payer.text), steps, [], value))
    )


@pytest.fixture(scope="module")
def native(house, usdc):
    return message.message_bytes(house.wallet, plan_of(house, usdc, house.intent(BOB.text, 10 * SOL)))


@pytest.fixture(scope="module")
def token(house, usdc):
    return message.message_bytes(house.wallet, plan_of(house, usdc, house.intent(BOB.text, 120, usdc)))


@pytest.fixture(scope="module")
def collect(house, usdc):
    vault = house.wallet.receive_address(LOCAL.native).text
    return message.message_bytes(house.wallet, plan_of(house, usdc, house.intent(vault, 3 * SOL)))


def understand(house, payload, key=None, role=SigningRole.MEMBER):
    return house.decoder(key or house.members[0]).understand(payload, role)


def owned(house, content, account, extra=()):
    signers = [(key.text, "s") for key in house.members[:2]]
    return token_step(content, [(account, "w"), *extra, (house.wallet.multisig, ""), *signers])


def hostile_steps(house, usdc):
    vault, mallory = house.wallet.vault(LOCAL.native), (MALLORY.text, "w")
    return {
        "SetAuthority": owned(house, bytes([6, 2, 1]) + MALLORY.public.raw, vault),
        "Approve": owned(house, struct.pack("<BQ", 4, 2**63), vault, [(MALLORY.text, "")]),
        "CloseAccount": owned(house, bytes([9]), vault, [mallory]),
        "Transfer unchecked": owned(house, struct.pack("<BQ", 3, SOL), vault, [mallory]),
        "TransferChecked": instructions.transfer_checked(
            (vault, NATIVE_MINT, MALLORY.text), (house.wallet.multisig, [m.text for m in house.members[:2]]), 1, 9
        ),
        "Burn": owned(house, struct.pack("<BQ", 8, 1), vault, [(NATIVE_MINT, "w")]),
        "AdvanceNonce": instructions.advance_nonce(house.wallet.nonce_accounts[0], house.fee_payer.text),
        "AuthorizeNonce": token_step(
            struct.pack("<I", 7) + MALLORY.public.raw,
            [(house.wallet.nonce_accounts[0], "w"), (house.fee_payer.text, "s")],
            "1" * 32,
        ),
        "Transfer": instructions.transfer_lamports(house.fee_payer.text, MALLORY.text, SOL),
        "SyncNative": instructions.sync_native(MALLORY.text),
        "CreateIdempotent": instructions.create_associated(
            house.fee_payer.text, associated_token_account(MALLORY.text, usdc.contract), MALLORY.text, usdc.contract
        ),
        "Memo": Instruction(Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"), b"hi", []),
        "ComputeBudget": Instruction(
            Pubkey.from_string("ComputeBudget111111111111111111111111111111"), bytes([3] * 9), []
        ),
    }


HOSTILE = (
    "SetAuthority", "Approve", "CloseAccount", "Transfer unchecked", "TransferChecked", "Burn", "AdvanceNonce",
    "AuthorizeNonce", "Transfer", "SyncNative", "CreateIdempotent", "Memo", "ComputeBudget",
)  # fmt: skip


@pytest.mark.parametrize("shape", ["native", "token", "collect"])
@pytest.mark.parametrize("name", HOSTILE)
def test_c15_refuses_any_extra_instruction_at_any_place(house, usdc, request, shape, name):
    payload = request.getfixturevalue(shape)
    steps, extra = steps_of(payload), hostile_steps(house, usdc)[name]
    for place in range(len(steps) + 1):
        altered = compiled(house, [*steps[:place], extra, *steps[place:]])
        with pytest.raises(Refused):
            understand(house, altered)


@pytest.mark.parametrize("shape", ["native", "token", "collect"])
def test_c15_refuses_any_missing_instruction(house, request, shape):
    whole = request.getfixturevalue(shape)
    steps = steps_of(whole)
    before = understand(house, whole)
    for place in range(len(steps)):
        try:
            after = understand(house, compiled(house, steps[:place] + steps[place + 1 :]))
        except (Refused, MalformedPayload):
            continue
        # A missing piece of a transfer, or a SyncNative that is not there, still has a meaning: another or the same.
        assert place > 0
        assert after.summary.to != before.summary.to or bytes(steps[place].data) == bytes([17])


@pytest.mark.parametrize("shape", ["native", "token", "collect"])
def test_c15_refuses_any_two_instructions_swapped(house, request, shape):
    steps = steps_of(request.getfixturevalue(shape))
    before = understand(house, request.getfixturevalue(shape))
    for place in range(len(steps) - 1):
        swapped = [*steps[:place], steps[place + 1], steps[place], *steps[place + 2 :]]
        if bytes(steps[place].data)[:1] == bytes(steps[place + 1].data)[:1] == bytes([12]):
            assert understand(house, compiled(house, swapped)).summary.to == before.summary.to  # two pieces of one sum
            continue
        with pytest.raises(Refused):
            understand(house, compiled(house, swapped))


def test_c15_refuses_lookup_table(house, native):
    parsed = MessageV0.from_bytes(native[1:])
    table = MessageAddressTableLookup(MALLORY_KEY, bytes([0]), b"")
    altered = MessageV0(
        parsed.header, list(parsed.account_keys), parsed.recent_blockhash, list(parsed.instructions), [table]
    )
    with pytest.raises(MalformedPayload, match="lookup tables"):
        understand(house, bytes(to_bytes_versioned(altered)))


MALLORY_KEY = Pubkey.from_string(MALLORY.text)


def test_c15_refuses_legacy_message(house, native):
    with pytest.raises(MalformedPayload, match="version 0"):
        understand(house, native[1:])


@pytest.mark.parametrize("cut", [0, 1, 3, 40, 200, -1])
def test_c15_refuses_cut_message(house, native, cut):
    with pytest.raises(MalformedPayload):
        understand(house, native[:cut])


def test_c15_refuses_left_over_bytes(house, native):
    with pytest.raises(MalformedPayload, match="left over"):
        understand(house, native + b"\0")


def test_c15_refuses_length_written_longer_than_needed(house, native):
    count = native[4]
    with pytest.raises(MalformedPayload, match="minimal"):
        understand(house, native[:4] + bytes([count | 0x80, 0]) + native[5:])


def test_c15_refuses_oversized_payload(house):
    with pytest.raises(MalformedPayload, match="1232"):
        understand(house, bytes([0x80]) * 1233)


def test_c15_refuses_foreign_nonce_account(house, native):
    steps = steps_of(native)
    steps[0] = instructions.advance_nonce(MALLORY.text, house.fee_payer.text)
    with pytest.raises(UnknownShape, match="nonce of this wallet"):
        understand(house, compiled(house, steps))


def test_c15_refuses_foreign_fee_payer(house, native):
    with pytest.raises(UnknownShape, match="fee payer"):
        understand(house, compiled(house, steps_of(native), payer=MALLORY.text))


def test_c15_refuses_stranger_among_the_signers(house, usdc):
    plan = plan_of(house, usdc, house.intent(BOB.text, 120, usdc))
    strange = replace(plan, members=(house.members[0].text, MALLORY.text))
    with pytest.raises(UnknownShape, match="members of the wallet"):
        understand(house, message.message_bytes(house.wallet, strange))


@pytest.mark.parametrize("members", [(0,), (0, 1, 2)])
def test_c15_refuses_another_number_of_signers(house, usdc, members):
    plan = plan_of(house, usdc, house.intent(BOB.text, 120, usdc))
    strange = replace(plan, members=tuple(house.members[i].text for i in members))
    with pytest.raises(UnknownShape, match="further signers"):
        understand(house, message.message_bytes(house.wallet, strange))


def test_c15_refuses_throw_away_account_of_a_wrong_seed(house, native):
    steps = steps_of(native)
    place = next(i for i, step in enumerate(steps) if bytes(step.data)[:4] == bytes([3, 0, 0, 0]))
    content = bytearray(steps[place].data)
    content[50] ^= 1
    steps[place] = Instruction(steps[place].program_id, bytes(content), list(steps[place].accounts))
    with pytest.raises(UnknownShape, match="seed derives"):
        understand(house, compiled(house, steps))


@pytest.mark.parametrize("rent", [2_039_279, 2_039_281, 10 * SOL])
def test_c15_refuses_throw_away_account_with_another_rent(house, native, rent):
    steps = steps_of(native)
    place = next(i for i, step in enumerate(steps) if bytes(step.data)[:4] == bytes([3, 0, 0, 0]))
    seed = bytes(steps[place].data)[44:-48].decode()
    account = with_seed(house.fee_payer.text, seed, TOKEN_PROGRAM)
    steps[place] = instructions.create_token_account_with_seed(account, house.fee_payer.text, seed, rent)
    with pytest.raises(UnknownShape, match="throw-away"):
        understand(house, compiled(house, steps))


def test_c15_refuses_close_to_another_than_the_fee_payer(house, native):
    steps = steps_of(native)
    place = next(i for i, step in enumerate(steps) if bytes(step.data) == bytes([9]))
    scratch = str(steps[place].accounts[0].pubkey)
    steps[place] = instructions.close_token_account(scratch, MALLORY.text, house.fee_payer.text)
    with pytest.raises(UnknownShape, match="closed to the fee payer"):
        understand(house, compiled(house, steps))


@pytest.mark.parametrize("change", [-1, 1, SOL])
def test_c15_refuses_paying_out_more_or_less_than_was_unwrapped(house, native, change):
    steps = steps_of(native)
    steps[-1] = instructions.transfer_lamports(house.fee_payer.text, BOB.text, 10 * SOL + change)
    with pytest.raises(UnknownShape, match="unwrapped"):
        understand(house, compiled(house, steps))


def test_c15_refuses_token_account_that_is_not_the_destinations(house, usdc, token):
    steps = steps_of(token)
    mallorys = associated_token_account(MALLORY.text, usdc.contract)
    steps[1] = instructions.create_associated(house.fee_payer.text, mallorys, BOB.text, usdc.contract)
    with pytest.raises(UnknownShape, match="not the token account of"):
        understand(house, compiled(house, steps))


def test_c15_refuses_transfer_past_the_destination(house, usdc, token):
    steps = steps_of(token)
    mallorys = associated_token_account(MALLORY.text, usdc.contract)
    members = [key.text for key in house.members[:2]]
    for place in (2, 3):
        source = str(steps[place].accounts[0].pubkey)
        altered = list(steps)
        altered[place] = instructions.transfer_checked(
            (source, usdc.contract, mallorys), (house.wallet.multisig, members), 1, 6
        )
        with pytest.raises(UnknownShape):
            understand(house, compiled(house, altered))


def test_c15_refuses_mint_that_is_not_pinned(house, usdc):
    bonk = Key("bonk").text
    account = associated_token_account(BOB.text, bonk)
    members = [key.text for key in house.members[:2]]
    steps = [
        instructions.advance_nonce(house.wallet.nonce_accounts[0], house.fee_payer.text),
        instructions.create_associated(house.fee_payer.text, account, BOB.text, bonk),
        instructions.transfer_checked((Key("s").text, bonk, account), (house.wallet.multisig, members), 1, 6),
    ]
    with pytest.raises(UnknownShape, match="not pinned"):
        understand(house, compiled(house, steps))


def test_c15_refuses_decimals_other_than_pinned(house, usdc):
    registration = house.wallet.registration()
    registration["assets"] = [registration["assets"][0], {"symbol": "USDC", "decimals": 9, "contract": usdc.contract}]
    key = house.members[0]
    decoder = SolanaDecoder(registration, {key.entry.path: key.public})
    payload = message.message_bytes(house.wallet, plan_of(house, usdc, house.intent(BOB.text, 120, usdc)))
    with pytest.raises(UnknownShape, match="not pinned"):
        decoder.understand(payload, SigningRole.MEMBER)


def test_c15_refuses_to_sign_in_the_other_role(house, native):
    with pytest.raises(UnknownShape, match="none of our keys"):
        understand(house, native, house.fee_payer, SigningRole.MEMBER)
    with pytest.raises(UnknownShape, match="none of our keys"):
        understand(house, native, house.members[0], SigningRole.SENDER)
    with pytest.raises(UnknownShape, match="none of our keys"):
        understand(house, native, house.members[2], SigningRole.MEMBER)


@pytest.mark.parametrize(
    "change", [{"family": "evm"}, {"multisig": None, "assets": None}, {"fee_payer": {}}, {"assets": []}]
)
def test_c15_refuses_incomplete_registration(house, change):
    key = house.members[0]
    with pytest.raises(InvalidInput):
        SolanaDecoder({**house.wallet.registration(), **change}, {key.entry.path: key.public})


def test_c15_refuses_key_or_path_that_is_not_registered(house):
    strange = [
        {"m/44h/501h/0h/0h": MALLORY.public},
        {"m/44h/501h/9h/0h": house.members[0].public},
        {"m/44h/501h/0h/0h": PublicKey(Curve.SECP256K1, bytes([2] * 33))},
    ]
    for ours in strange:
        with pytest.raises(InvalidInput, match="none of its keys"):
            SolanaDecoder(house.wallet.registration(), ours)


@pytest.mark.parametrize("shape", ["native", "token", "collect"])
def test_c15_no_single_altered_byte_leaves_the_meaning_unchanged(house, request, shape):
    payload = request.getfixturevalue(shape)
    decoder = house.decoder(house.members[0])
    before = decoder.understand(payload, SigningRole.MEMBER)
    for place in range(len(payload)):
        for flip in (0x01, 0x80):
            altered = bytearray(payload)
            altered[place] ^= flip
            try:
                after = decoder.understand(bytes(altered), SigningRole.MEMBER)
            except (Refused, MalformedPayload):
                continue
            same = (after.summary, after.conflict_key) == (before.summary, before.conflict_key)
            # Which of our accounts pays is not part of the meaning: only our multisig's can.
            assert not same or is_a_source(house, payload, place), place


def is_a_source(house, payload, place):
    parsed = MessageV0.from_bytes(payload[1:])
    index = (place - 5) // 32
    keys = {a.pubkey for step in steps_of(payload) if bytes(step.data)[:1] == bytes([12]) for a in step.accounts[:1]}
    return 0 <= index < len(parsed.account_keys) and parsed.account_keys[index] in keys


payments = st.lists(st.tuples(st.integers(0, 5), st.integers(890_880, SOL)), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(payments=payments, native_asset=st.booleans(), members=st.sampled_from([(0, 1), (0, 2), (1, 2)]))
def test_decoder_and_codec_read_every_plan_alike(payments, native_asset, members):
    # Two implementations that share no code.
    house, usdc = ALIKE
    asset = LOCAL.native if native_asset else usdc
    state = SplState(
        100 * SOL,
        (Nonce(house.wallet.nonce_accounts[0], Key("value").text),),
        tuple(
            Source(house.wallet.deposit_address(i, asset).text, asset, 3 * SOL + i, stale=native_asset and i % 2 == 0)
            for i in range(4)
        ),
    )
    intents = [house.intent(Key(f"p{who}").text, units, asset, number=i) for i, (who, units) in enumerate(payments)]
    intents = [replace(intent, fee_max=replace(intent.fee_max, units=SOL)) for intent in intents]
    if len({intent.to for intent in intents}) > 4 and not native_asset:
        return  # would pass the network's size
    plan = house.codec.plan(intents, state, house.chosen(members))
    need = house.codec.next_need(plan, [])
    for key in (*(house.members[i] for i in members), house.fee_payer):
        role = SigningRole.SENDER if key is house.fee_payer else SigningRole.MEMBER
        understood = house.decoder(key).understand(need.payload, role)
        assert understood.summary == house.codec.summarize(plan)
        assert understood.conflict_key == house.codec.reservations(plan)[0]
        assert [(t.index, t.path, t.message) for t in understood.to_sign] == [(0, key.entry.path, need.payload)]


_USDC = replace(LOCAL.native, symbol="USDC", decimals=6, contract=Key("usdc").text)
ALIKE = (House("hot", (_USDC,)), _USDC)
