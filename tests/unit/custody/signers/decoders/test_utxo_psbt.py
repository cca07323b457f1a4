import pytest

from custody.primitives.errors import MalformedPayload
from custody.signers.decoders.utxo_psbt import (
    MAX_FIELDS,
    Cursor,
    RawInput,
    RawOutput,
    RawTx,
    compact_size,
    read_psbt,
    read_tx,
)

# One input with an empty script, one output.
INPUT = bytes(32) + bytes(4) + b"\x00" + b"\xfd\xff\xff\xff"
OUTPUT = (1_000).to_bytes(8, "little") + b"\x01\x51"
TX = b"\x02\x00\x00\x00" + b"\x01" + INPUT + b"\x01" + OUTPUT + bytes(4)


def psbt_of(tx, inputs=b"\x00", outputs=b"\x00", others=b""):
    return b"psbt\xff" + b"\x01\x00" + compact_size(len(tx)) + tx + others + b"\x00" + inputs + outputs


@pytest.mark.parametrize(
    "raw", [b"\xfd\xfc\x00", b"\xfd\x00\x00", b"\xfe\xff\xff\x00\x00", b"\xff\xff\xff\xff\xff\x00\x00\x00\x00"]
)
def test_refuses_a_length_that_is_not_in_its_shortest_form(raw):
    with pytest.raises(MalformedPayload, match="shortest"):
        Cursor(raw, "x").compact()


@pytest.mark.parametrize(("raw", "value"), [(b"\xfc", 252), (b"\xfd\xfd\x00", 253), (b"\xfd\xff\xff", 65_535),
                                            (b"\xfe\x00\x00\x01\x00", 65_536), (b"\xff" + (1 << 32).to_bytes(8, "little"), 1 << 32)])  # fmt: skip
def test_reads_lengths_at_their_borders(raw, value):
    assert Cursor(raw, "x").compact() == value
    if value < 1 << 32:
        assert compact_size(value) == raw


@pytest.mark.parametrize(
    "raw",
    [
        TX[:-1],
        TX + b"\x00",
        TX.replace(b"\x01" + INPUT, b"\x00", 1),
        TX.replace(b"\x01" + OUTPUT, b"\x00", 1),
        b"\x02\x00\x00\x00\x00\x01\x01" + INPUT + b"\x01" + OUTPUT + b"\x00" + bytes(4),
        b"\x02\x00\x00\x00" + b"\xff" + b"\xff" * 8,
        b"\x02\x00\x00\x00" + b"\xfe\xff\xff\xff\xff" + INPUT,
    ],
    ids=["short", "long", "no input", "no output", "with witnesses", "endless", "more than there is"],
)
def test_refuses_what_is_no_plain_transaction(raw):
    with pytest.raises(MalformedPayload):
        read_tx(raw, "tx")


def test_reads_a_plain_transaction():
    assert read_tx(TX, "tx") == RawTx(2, (RawInput(bytes(32), 0, b"", 0xFFFFFFFD),), (RawOutput(1_000, b"\x51"),), 0)
    assert RawOutput(1_000, b"\x51").serialize() == OUTPUT


def test_refuses_a_psbt_without_transaction():
    with pytest.raises(MalformedPayload):
        read_psbt(b"psbt\xff\x00")


def test_refuses_more_fields_than_any_input_needs():
    fields = b"".join(b"\x02\xfc" + bytes([n]) + b"\x00" for n in range(MAX_FIELDS + 1))
    with pytest.raises(MalformedPayload, match="too many"):
        read_psbt(psbt_of(TX, inputs=fields + b"\x00"))


def test_refuses_a_doubled_field():
    with pytest.raises(MalformedPayload, match="doubled"):
        read_psbt(psbt_of(TX, inputs=b"\x01\x03\x00" * 2 + b"\x00"))


@pytest.mark.parametrize("raw", [psbt_of(TX, outputs=b""), psbt_of(TX) + b"\x00", psbt_of(TX, inputs=b"\x05\x03\x00")])
def test_refuses_missing_and_left_over_maps(raw):
    with pytest.raises(MalformedPayload):
        read_psbt(raw)


def test_reads_maps_as_they_stand():
    read = read_psbt(psbt_of(TX, inputs=b"\x01\x03\x02ab\x00", outputs=b"\x01\x02\x00\x00", others=b"\x01\x01\x01x"))
    assert (read.unsigned, read.others) == (TX, {b"\x01": b"x"})
    assert (read.inputs, read.outputs) == (({b"\x03": b"ab"},), ({b"\x02": b""},))
