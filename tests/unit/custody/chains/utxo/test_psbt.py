import json
from dataclasses import replace
from pathlib import Path

import pytest
import wallycore as wally
from embit.psbt import PSBT
from simulators.bitcoin import make_coin, make_coins, make_intent, make_wallet

from custody.chains.utxo import psbt as psbt_module
from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.coins import UtxoPlan
from custody.chains.utxo.psbt import encode_plan, parse_psbt, parse_tx, without_witness
from custody.primitives.errors import LimitExceeded, MalformedPayload

VECTORS = json.loads((Path(__file__).parents[4] / "vectors" / "bip174_parse.json").read_text())["cases"]
INVALID = [case for case in VECTORS if "invalid" in case["section"]]
VALID = [case for case in VECTORS if "following are valid" in case["section"]]
SIGNER_REFUSES = [case for case in VECTORS if "Signer" in case["section"]]
NOBODY_SIGNS = {"PSBT with global unsigned tx that has 0 inputs and 0 outputs", "PSBT with 0 inputs"}

WALLET, MEMBERS = make_wallet("psbt", 2, 3)
CODEC = UtxoCodec(WALLET)
DESTINATION = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
PLAN = CODEC.plan([make_intent(DESTINATION, 60_000)], make_coins(WALLET, 50_000, 90_000), ())


def name(case):
    return case["case"]


def accepted_by_embit(raw):
    try:
        PSBT.parse(raw)
    except Exception:  # noqa: BLE001 - a test of what a library lets pass
        return False
    return True


def accepted_by_wally(raw):
    try:
        wally.psbt_from_bytes(raw, 0)
    except ValueError:
        return False
    return True


# BIP-174 ---------------------------------------------------------------------------------


def test_the_vector_file_is_complete():
    assert (len(INVALID), len(VALID), len(SIGNER_REFUSES)) == (20, 10, 4)


@pytest.mark.parametrize("case", INVALID, ids=name)
def test_refuses_invalid_vector(case):
    with pytest.raises(MalformedPayload):
        parse_psbt(bytes.fromhex(case["hex"]))


def test_each_library_alone_lets_invalid_ones_pass():
    # Why both are asked: if this ever fails, a library was repaired.
    raw = [bytes.fromhex(case["hex"]) for case in INVALID]
    assert sum(map(accepted_by_embit, raw)) == 2
    assert sum(map(accepted_by_wally, raw)) == 1
    assert not any(accepted_by_embit(each) and accepted_by_wally(each) for each in raw)


@pytest.mark.parametrize("case", [c for c in VALID if c["case"] not in NOBODY_SIGNS], ids=name)
def test_accepts_valid_vector_and_both_libraries_read_the_same_transaction(case):
    raw = bytes.fromhex(case["hex"])
    read = parse_psbt(raw)
    assert read.tx.serialize() == bytes(wally.tx_to_bytes(wally.psbt_get_global_tx(wally.psbt_from_bytes(raw, 0)), 0))


@pytest.mark.parametrize("case", [c for c in VALID if c["case"] in NOBODY_SIGNS], ids=name)
def test_refuses_a_transaction_without_inputs(case):
    with pytest.raises(MalformedPayload):
        parse_psbt(bytes.fromhex(case["hex"]))


@pytest.mark.parametrize("case", VECTORS, ids=name)
def test_no_vector_passes_for_a_plan_of_ours(case):
    with pytest.raises(MalformedPayload):
        CODEC.decode(bytes.fromhex(case["hex"]))


# Bytes that are no plan ------------------------------------------------------------------


def test_refuses_more_bytes_than_signers_read():
    with pytest.raises(MalformedPayload, match="at most"):
        parse_psbt(bytes(psbt_module.MAX_PSBT_BYTES + 1))


def test_refuses_to_write_more_bytes_than_signers_read(monkeypatch):
    monkeypatch.setattr(psbt_module, "MAX_PSBT_BYTES", 200)
    with pytest.raises(LimitExceeded):
        encode_plan(WALLET, PLAN)


@pytest.mark.parametrize("raw", [b"", b"psbt\xff", b"psbt\xff\x00", b"psbt\xff\x01\x00\xff" + b"\xff" * 8])
def test_refuses_stumps(raw):
    with pytest.raises(MalformedPayload):
        parse_psbt(raw)


def test_refuses_every_truncation_and_every_appended_byte():
    raw = CODEC.encode(PLAN)
    for end in range(0, len(raw), 7):
        with pytest.raises(MalformedPayload):
            CODEC.decode(raw[:end])
    with pytest.raises(MalformedPayload):
        CODEC.decode(raw + b"\x00")


def test_refuses_every_flipped_byte_or_reads_another_plan():
    # A flipped bit in a value, script or outpoint must never read back as the same plan.
    raw = CODEC.encode(PLAN)
    for at in range(0, len(raw), 5):
        spoiled = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        try:
            read = CODEC.decode(spoiled)
        except MalformedPayload:
            continue
        assert read != PLAN
        assert CODEC.encode(read) == spoiled


def test_refuses_a_plan_of_another_wallet():
    other, _ = make_wallet("another", 2, 3)
    with pytest.raises(MalformedPayload):
        UtxoCodec(other).decode(CODEC.encode(PLAN))


def test_refuses_a_signed_psbt():
    # Storage holds unsigned transactions; a signature in them would be one nobody asked for.
    parsed = PSBT.parse(CODEC.encode(PLAN))
    signature = MEMBERS[0].sign(WALLET, CODEC.encode(PLAN))[0]
    key = next(k for k in parsed.inputs[0].bip32_derivations if k.sec() == signature.key.raw)
    parsed.inputs[0].partial_sigs[key] = signature.value
    with pytest.raises(MalformedPayload):
        CODEC.decode(parsed.serialize())


# Coins that lie --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"value_sat": 90_001},
        {"vout": 0},
        {"vout": 2},
        {"txid": "00" * 32},
        {"index": 5},
        {"branch": 1},
        {"previous_tx": b""},
    ],
    ids=str,
)
def test_refuses_a_coin_that_its_previous_transaction_does_not_prove(change):
    honest = make_coin(WALLET, 90_000)
    with pytest.raises(MalformedPayload):
        encode_plan(WALLET, UtxoPlan((replace(honest, **change),), PLAN.outputs))


def test_refuses_an_output_that_is_called_change_and_is_not():
    stranger = replace(next(o for o in PLAN.outputs if o.change_index is None), change_index=3)
    with pytest.raises(MalformedPayload):
        encode_plan(WALLET, UtxoPlan(PLAN.inputs, (stranger,)))


@pytest.mark.parametrize("raw", [b"", b"\x02\x00\x00\x00", b"\xff" * 60])
def test_refuses_what_is_no_transaction(raw):
    with pytest.raises(MalformedPayload):
        parse_tx(raw)


# Success ---------------------------------------------------------------------------------


def test_the_same_plan_is_the_same_bytes():
    again = CODEC.plan([make_intent(DESTINATION, 60_000)], make_coins(WALLET, 50_000, 90_000), ())
    assert CODEC.encode(again) == CODEC.encode(PLAN)


def test_decode_is_the_inverse_of_encode():
    assert CODEC.decode(CODEC.encode(PLAN)) == PLAN


def test_dropping_witnesses_keeps_the_txid():
    payload = CODEC.encode(PLAN)
    signed = CODEC.assemble(PLAN, (*MEMBERS[0].sign(WALLET, payload), *MEMBERS[1].sign(WALLET, payload)))
    stripped = without_witness(signed.raw)
    assert len(stripped) < len(signed.raw)
    assert parse_tx(stripped).txid().hex() == parse_tx(signed.raw).txid().hex() == signed.txid
    assert without_witness(stripped) == stripped


def test_litecoins_payment_out_of_mweb_is_read_without_its_mark():
    # As litecoind 0.21.2.1 wrote it in a block of its regression test network.
    raw = bytes.fromhex(
        "02000000000801618b2e69f1e0a19282538c0d97061c26805590aacc0ad141c5aa17fb8af50ef30000000000ffffffff01e666814a0000"
        "0000225820190950ca74e704ac09a90aae1deb8eedb76b080589d41b495d2fac79cbd0c6ee0000000000"
    )
    plain = without_witness(raw)
    assert parse_tx(plain).txid().hex() == "20b54bf6e1b3b4e23a4ba2ce583a86e31c0a1cc4841967fef80cb0e801808586"
    with pytest.raises(MalformedPayload):
        without_witness(raw[:-5] + b"\x01" + raw[-4:])
