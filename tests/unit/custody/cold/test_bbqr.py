# BBQr: refusals first, then every order, both packings, and codes that a scanner of ours can count.
import base64
import itertools
import random
import zlib

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st
from simulators.cold import Utxo, Vault

from custody.cold.bbqr import MAX_JOINED_BYTES, Series, split
from custody.cold.request import PartOfAnother, decode_request_file
from custody.primitives.errors import InvalidInput, LimitExceeded, MalformedPayload, ToolkitError
from exchange.cli.qr_frames import frames

ALPHANUMERIC = set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


def joined(texts):
    series = Series()
    for text in texts:
        series.add(text)
    return series.join()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "B$",
        "B$ZJ0100",  # no data
        "C$ZJ0100AAAAAAAA",
        "B$QJ0100AAAAAAAA",  # unknown encoding
        "B$ZJ0101AAAAAAAA",  # number beyond the count
        "B$ZJ0000AAAAAAAA",
        "B$ZJ0-00AAAAAAAA",
        "b$ZJ0100AAAAAAAA",
        "B$2J0100" + "A" * 4_296,
    ],
)
def test_what_is_no_part_is_refused(text):
    with pytest.raises(MalformedPayload):
        Series().add(text)


@pytest.mark.parametrize(
    "text", ["B$HJ0100ABC", "B$HJ0100abcd", "B$HJ0100XY", "B$2J0100A", "B$2J0100A===", "B$2J0100a1"]
)
def test_what_does_not_decode_to_whole_bytes_is_refused(text):
    with pytest.raises(MalformedPayload):
        joined([text])


def test_a_part_of_another_series_and_two_contents_of_one_number_are_refused():
    one, two = split(b"one" * 100, 40), split(bytes(range(256)), 48)
    series = Series()
    series.add(one[0])
    with pytest.raises(PartOfAnother):
        series.add(two[0])
    with pytest.raises(PartOfAnother):
        series.add(one[0][:-1] + ("A" if one[0][-1] != "A" else "B"))
    assert not series.is_complete or len(one) == 1


def test_a_missing_part_is_named():
    texts = split(random.Random(1).randbytes(500), 100)
    series = Series()
    for text in texts[:2] + texts[3:]:
        series.add(text)
    assert series.missing == (2,)
    with pytest.raises(MalformedPayload, match="2"):
        series.join()


def test_a_series_that_unpacks_without_end_is_refused():
    packer = zlib.compressobj(9, zlib.DEFLATED, -10)
    bomb = packer.compress(bytes(MAX_JOINED_BYTES + 1)) + packer.flush()
    text = base64.b32encode(bomb).decode().rstrip("=")
    count = -(-len(text) // 4_000)
    with pytest.raises(LimitExceeded):
        joined([f"B$ZJ0{count}0{n}{text[n * 4_000 : (n + 1) * 4_000]}" for n in range(count)])


def test_bytes_behind_the_end_are_refused():
    packer = zlib.compressobj(9, zlib.DEFLATED, -10)
    raw = packer.compress(b"x" * 100) + packer.flush() + b"more"
    with pytest.raises(MalformedPayload):
        joined(["B$ZJ0100" + base64.b32encode(raw).decode().rstrip("=")])


def test_sizes_are_checked():
    for raw, most in ((b"", 100), (b"x", 20), (b"x", 5_000)):
        with pytest.raises(InvalidInput):
            split(raw, most)
    with pytest.raises(LimitExceeded):
        split(random.Random(2).randbytes(30_000), 32)


# C18: two requests of the same length under one header; whoever reads the file finds it.
def test_c18_parts_of_two_files_under_one_header_make_no_request(tmp_path):
    vault = Vault(tmp_path, Utxo)
    one, two = (vault.request(made_at_s=vault.now + later) for later in (0, 1))
    first, second = split(one.raw, 300), split(two.raw, 300)
    for place in range(min(len(first), len(second))):
        mixed = [*first[:place], second[place], *first[place + 1 :]]
        if mixed == list(first):
            continue
        try:
            read = decode_request_file(joined(mixed))
        except ToolkitError:
            continue
        assert read.digest != one.digest
        with pytest.raises(PartOfAnother):
            vault.room(0).inspect(read)


# By the example headers of the specification: three parts of hex, 1000, 1000 and 150 bytes.
def test_the_specifications_example_of_hex_parts():
    raw = random.Random(3).randbytes(2_150)
    texts = [f"B$HP030{n}" + raw[n * 1_000 : (n + 1) * 1_000].hex().upper() for n in range(3)]
    for order in itertools.permutations(texts):
        assert joined(order) == raw


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=2_000), st.integers(32, 400), st.randoms())
def test_every_file_comes_back_in_any_order(raw, most, shuffler):
    texts = list(split(raw, most))
    assert all(len(text) <= most and set(text) <= ALPHANUMERIC for text in texts)
    assert len({len(text) for text in texts[:-1]}) <= 1
    shuffler.shuffle(texts)
    assert joined(texts + texts[:1]) == raw


def test_a_request_is_shorter_packed_and_its_frames_have_one_size(tmp_path):
    raw = Vault(tmp_path, Utxo).request().raw
    texts = split(raw, 800)
    assert {text[2] for text in texts} == {"Z"}
    assert sum(map(len, texts)) < len(raw)
    drawn = frames(texts)
    assert len(drawn) == len(texts)
    assert len({frame.count("\n") for frame in drawn}) == 1
    assert segno.make_qr(texts[0], error="l").mode == "alphanumeric"


def test_a_text_that_no_code_holds_is_refused():
    with pytest.raises(LimitExceeded):
        frames(["A" * 5_000])
