# What a signer of this family refuses, whatever a back office tells it: C06-C10 and every shape near to them.
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from embit.ec import PublicKey as EmbitKey
from embit.psbt import PSBT, DerivationPath
from embit.script import Script
from embit.transaction import TransactionOutput
from simulators.bitcoin import make_coins, make_intent, make_wallet

from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.params import BITCOIN_REGTEST, ScriptType
from custody.chains.utxo.signing import signing_digests
from custody.keys.material import SigningRole
from custody.primitives.errors import InvalidInput, MalformedPayload, Refused
from custody.signers.decoders.utxo import UnknownPsbtShape, UtxoDecoder
from custody.signers.decoders.utxo_psbt import MAX_PSBT_BYTES

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "bip174_parse.json").read_text())["cases"]
DESTINATION = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
WALLET, MEMBERS = make_wallet("signer", 2, 3)
LEGACY, LEGACY_MEMBERS = make_wallet("signer-legacy", 2, 3, replace(BITCOIN_REGTEST, script=ScriptType.SH))
CODEC = UtxoCodec(WALLET)
COINS = make_coins(WALLET, 50_000, 90_000, 70_000)
PLAN = CODEC.plan([make_intent(DESTINATION, 100_000)], COINS, ())
PAYLOAD = CODEC.encode(PLAN)
DECODER = MEMBERS[0].decoder(WALLET)


def understand(raw):
    return DECODER.understand(raw, SigningRole.MEMBER)


def changed(change):
    """The honest PSBT with one thing bent; sorted derivations stay as they are."""
    psbt = PSBT.parse(PAYLOAD)
    change(psbt)
    return psbt.serialize()


def change_scope(psbt):
    return next(scope for scope in psbt.outputs if scope.bip32_derivations)


def payment_scope(psbt):
    return next(scope for scope in psbt.outputs if not scope.bip32_derivations)


def place_change_at(psbt, branch, index):
    scope = change_scope(psbt)
    nodes = [origin.node().descend((branch, index)) for origin in WALLET.cosigners]
    keys = sorted(node.key for node in nodes)
    script = bytes([0x52]) + b"".join(b"\x21" + key for key in keys) + b"\x53\xae"
    scope.witness_script = Script(script)
    scope.script_pubkey = Script(b"\x00\x20" + hashlib.sha256(script).digest())
    scope.bip32_derivations.clear()
    for node, origin in sorted(zip(nodes, WALLET.cosigners, strict=True), key=lambda pair: pair[0].key):
        scope.bip32_derivations[EmbitKey.parse(node.key)] = DerivationPath(
            origin.fingerprint, [*origin.path, branch, index]
        )


# C06: values -----------------------------------------------------------------------------


def lower_value(psbt):
    psbt.inputs[0].witness_utxo = TransactionOutput(1_000, psbt.inputs[0].witness_utxo.script_pubkey)


def drop_previous(psbt):
    psbt.inputs[0].non_witness_utxo = None


def swap_previous(psbt):
    psbt.inputs[0].non_witness_utxo = psbt.inputs[1].non_witness_utxo


def forge_previous(psbt):
    psbt.inputs[0].non_witness_utxo.vout[1].value += 10_000
    psbt.inputs[0].witness_utxo = psbt.inputs[0].non_witness_utxo.vout[1]


def drop_spent(psbt):
    psbt.inputs[1].witness_utxo = None


@pytest.mark.parametrize("change", [lower_value, drop_previous, swap_previous, forge_previous, drop_spent])
def test_c06_refuses_a_value_that_the_previous_transaction_does_not_prove(change):
    with pytest.raises(UnknownPsbtShape):
        understand(changed(change))


# C07, C08: change ------------------------------------------------------------------------


def trailing_opcodes(psbt):
    scope = change_scope(psbt)
    script = scope.witness_script.data + b"\x75\x51"  # DROP 1: anyone can spend, with all our keys in it
    scope.witness_script = Script(script)
    scope.script_pubkey = Script(b"\x00\x20" + hashlib.sha256(script).digest())


def keys_of_change_on_a_foreign_script(psbt):
    change_scope(psbt).script_pubkey = Script(bytes.fromhex("0014") + bytes(20))


def one_key_replaced(psbt):
    derivations = change_scope(psbt).bip32_derivations
    _, path = derivations.popitem()
    derivations[EmbitKey.parse(MEMBERS[0].account_key.raw)] = path


def one_key_dropped(psbt):
    change_scope(psbt).bip32_derivations.popitem()


def our_key_alone_on_a_foreign_script(psbt):
    scope = payment_scope(psbt)
    ours = MEMBERS[0].origin
    key = ours.node().descend((1, 3)).key
    scope.bip32_derivations[EmbitKey.parse(key)] = DerivationPath(ours.fingerprint, [*ours.path, 1, 3])


def wrong_path(psbt):
    for path in change_scope(psbt).bip32_derivations.values():
        path.derivation[-1] = 4


@pytest.mark.parametrize(
    "change",
    [trailing_opcodes, keys_of_change_on_a_foreign_script, one_key_replaced, one_key_dropped,
     our_key_alone_on_a_foreign_script, wrong_path],
)  # fmt: skip
def test_c07_refuses_change_that_only_looks_like_ours(change):
    with pytest.raises(UnknownPsbtShape):
        understand(changed(change))


@pytest.mark.parametrize(("branch", "index"), [(1, 50), (1, 51), (1, 10**6), (1, 2**31 - 1), (0, 3), (2, 0)])
def test_c08_refuses_change_outside_the_window_or_branch(branch, index):
    with pytest.raises(UnknownPsbtShape):
        understand(changed(lambda psbt: place_change_at(psbt, branch, index)))


def test_c08_accepts_the_last_index_of_the_window():
    assert understand(changed(lambda psbt: place_change_at(psbt, 1, 49))).summary.change


def test_change_without_fields_is_a_payment_that_no_intent_explains():
    def strip(psbt):
        scope = change_scope(psbt)
        scope.witness_script = None
        scope.bip32_derivations.clear()

    summary = understand(changed(strip)).summary
    assert summary.change == ()
    assert len(summary.to) == 2


# C09: sighash types ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [0, 2, 3, 0x81, 0x82, 0x83, 0x41, 0x101])
def test_c09_refuses_every_sighash_type_but_all(kind):
    def ask(psbt):
        psbt.inputs[1].sighash_type = kind

    with pytest.raises(UnknownPsbtShape, match="sighash"):
        understand(changed(ask))


def test_sighash_all_may_be_spelled_out():
    def ask(psbt):
        for scope in psbt.inputs:
            scope.sighash_type = 1

    assert understand(changed(ask)) == understand(PAYLOAD)


# C10: fees -------------------------------------------------------------------------------


def test_c10_the_fee_that_is_shown_includes_a_swallowed_change():
    # The judge compares this number with the caps; the decoder must not lose any of it.
    def swallow(psbt):
        gone = change_scope(psbt)
        psbt.outputs.remove(gone)

    summary = understand(changed(swallow)).summary
    assert summary.change == ()
    assert summary.fee.units == sum(c.value_sat for c in PLAN.inputs) - 100_000


def test_refuses_to_pay_out_more_than_comes_in():
    def raise_payment(psbt):
        payment_scope(psbt).value += 10**9

    with pytest.raises(UnknownPsbtShape, match="more than"):
        understand(changed(raise_payment))


# Shapes ----------------------------------------------------------------------------------


def set_version(psbt):
    psbt.tx_version = 1


def set_locktime(psbt):
    psbt.locktime = 500_000


def set_sequence(psbt):
    psbt.inputs[0].sequence = 0xFFFFFFFE


def double_coin(psbt):
    psbt.inputs.append(psbt.inputs[0])


def foreign_coin(psbt):
    scope = psbt.inputs[0]
    scope.non_witness_utxo.vout[1].script_pubkey = Script(bytes.fromhex("0014") + bytes(20))
    scope.txid = scope.non_witness_utxo.txid()
    scope.witness_utxo = scope.non_witness_utxo.vout[1]


def add_unknown_input_field(psbt):
    psbt.inputs[0].unknown = {b"\xfc\x01": b"x"}


def add_unknown_output_field(psbt):
    change_scope(psbt).unknown = {b"\xfc\x01": b"x"}


def add_unknown_global_field(psbt):
    psbt.unknown = {b"\xfc\x01": b"x"}


def add_redeem_script(psbt):
    psbt.inputs[0].redeem_script = Script(b"\x51")


def add_signature(psbt):
    key = next(iter(psbt.inputs[0].bip32_derivations))
    psbt.inputs[0].partial_sigs[key] = b"\x30\x01"


def add_data_output(psbt):
    payment_scope(psbt).script_pubkey = Script(b"\x6a\x04abcd")


def add_future_witness(psbt):
    payment_scope(psbt).script_pubkey = Script(b"\x52\x20" + bytes(32))


def zero_value(psbt):
    payment_scope(psbt).value = 0


def absurd_value(psbt):
    payment_scope(psbt).value = 2**63


def no_derivations(psbt):
    psbt.inputs[0].bip32_derivations.clear()


def bare_script_swap(psbt):
    psbt.inputs[0].witness_script = Script(b"\x51")


@pytest.mark.parametrize(
    "change",
    [set_version, set_locktime, set_sequence, double_coin, foreign_coin, add_unknown_input_field, add_unknown_output_field,
     add_unknown_global_field, add_redeem_script, add_signature, add_data_output, add_future_witness, zero_value,
     absurd_value, no_derivations, bare_script_swap],
)  # fmt: skip
def test_refuses_every_shape_that_our_builder_does_not_make(change):
    with pytest.raises(UnknownPsbtShape):
        understand(changed(change))


def test_refuses_another_role():
    with pytest.raises(Refused):
        DECODER.understand(PAYLOAD, SigningRole.SENDER)


# Bytes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["case"])
def test_refuses_every_bip174_vector(case):
    # None of them is of our wallet; the four of "Fails Signer checks" are among them.
    with pytest.raises((MalformedPayload, UnknownPsbtShape)):
        understand(bytes.fromhex(case["hex"]))


def test_refuses_every_truncation_and_trailing_bytes():
    for end in range(0, len(PAYLOAD), 3):
        with pytest.raises(MalformedPayload):
            understand(PAYLOAD[:end])
    for tail in (b"\x00", b"\x01\x00\x00", PAYLOAD):
        with pytest.raises(MalformedPayload):
            understand(PAYLOAD + tail)


def test_refuses_every_flipped_bit_or_shows_another_transaction():
    honest = understand(PAYLOAD)
    for at in range(len(PAYLOAD)):
        spoiled = PAYLOAD[:at] + bytes([PAYLOAD[at] ^ 1]) + PAYLOAD[at + 1 :]
        try:
            seen = understand(spoiled)
        except (MalformedPayload, UnknownPsbtShape):
            continue
        assert seen.summary != honest.summary, at
        assert seen.to_sign != honest.to_sign, at


def test_refuses_a_doubled_field():
    # The global map starts after the magic with the unsigned transaction: repeat that field.
    length = PAYLOAD[7]
    field = PAYLOAD[5 : 8 + length] if length < 0xFD else PAYLOAD[5 : 10 + int.from_bytes(PAYLOAD[8:10], "little")]
    with pytest.raises(MalformedPayload, match="doubled"):
        understand(PAYLOAD[:5] + field + PAYLOAD[5:])


@pytest.mark.parametrize(
    "raw", [b"", b"psbt\xff", b"psbt\xff\x00", b"psbt\xff" + b"\xff" * 9, bytes(MAX_PSBT_BYTES + 1)], ids=len
)
def test_refuses_stumps_and_giants(raw):
    with pytest.raises(MalformedPayload):
        understand(raw)


# Registration ----------------------------------------------------------------------------


def registered(**fields):
    return {**WALLET.registration(), **fields}


OURS = {MEMBERS[0].path: MEMBERS[0].account_key}


@pytest.mark.parametrize(
    "registration",
    [registered(family="evm"), registered(chain="dogecoin"), registered(chain="bitcoin"), registered(window=0),
     registered(window=True), registered(threshold=3), registered(descriptor=WALLET.descriptor[:-1] + "q"),
     registered(descriptor=WALLET.descriptor.partition("#")[0]), registered(descriptor=""), {}],
)  # fmt: skip
def test_refuses_a_damaged_registration(registration):
    with pytest.raises(InvalidInput):
        UtxoDecoder(registration, OURS)


def test_refuses_a_key_that_is_no_cosigner():
    _, strangers = make_wallet("strangers", 2, 3)
    with pytest.raises(InvalidInput):
        UtxoDecoder(WALLET.registration(), {strangers[0].path: strangers[0].account_key})
    with pytest.raises(InvalidInput):
        UtxoDecoder(WALLET.registration(), {"m/48h/1h/1h/2h": MEMBERS[0].account_key})
    with pytest.raises(InvalidInput):
        UtxoDecoder(WALLET.registration(), {})


# Success ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("wallet", "members"), [(WALLET, MEMBERS), (LEGACY, LEGACY_MEMBERS)], ids=["wsh", "sh"])
def test_two_implementations_see_the_same_payment_and_sign_the_same_digests(wallet, members):
    codec = UtxoCodec(wallet)
    plan = codec.plan([make_intent(DESTINATION, 100_000)], make_coins(wallet, 50_000, 90_000, 70_000), ())
    for member in members:
        seen = member.decoder(wallet).understand(codec.encode(plan), SigningRole.MEMBER)
        assert seen.summary == codec.summarize(plan)
        assert seen.conflict_key == codec.reservations(plan)[0]
        assert tuple(each.message for each in seen.to_sign) == signing_digests(wallet, plan)
        paths = [f"{member.path}/{coin.branch}/{coin.index}" for coin in plan.inputs]
        assert [each.path for each in seen.to_sign] == paths
