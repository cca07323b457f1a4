import os
from fractions import Fraction
from math import comb

import pytest

from custody.keys.entropy import (
    MAX_FILE_BYTES,
    MAX_ROLLS,
    MIN_FILE_BYTES,
    MIN_ROLLS,
    Source,
    UnhealthySource,
    draw_system,
    mix,
    parse_dice,
    parse_file,
    proportion_cutoff,
    repetition_cutoff,
)
from custody.primitives.errors import InvalidInput
from custody.primitives.secret import Secret

ROLLS = "".join(str(1 + (number * number + number // 7) % 6) for number in range(MIN_ROLLS))
BYTES = bytes((number * 167 + number // 256) % 256 for number in range(MIN_FILE_BYTES))


# RFC 5869 by hand: the mixture is HKDF over the tagged, length-prefixed sources and nothing else.
def test_the_mixture_is_hkdf_over_both_sources_and_the_name():
    import hashlib  # noqa: PLC0415 - the slow twin stands alone
    import hmac  # noqa: PLC0415

    def field(raw):
        return len(raw).to_bytes(4, "big") + raw

    tag = b"mext/ceremony-entropy/1"
    system, dice = parse_file(BYTES), parse_dice(ROLLS)
    material = b"".join(field(each) for each in (tag, b"file", BYTES, b"dice", ROLLS.encode()))
    extracted = hmac.digest(tag, material, hashlib.sha256)
    expected = hmac.digest(extracted, field(tag) + field(b"ann") + b"\x01", hashlib.sha256)
    assert mix(system, dice, "ann") == Secret(expected)


def test_every_input_counts():
    system, dice = parse_file(BYTES), parse_dice(ROLLS)
    made = {
        mix(system, dice, "ann").reveal(),
        mix(system, dice, "ben").reveal(),
        mix(system, parse_dice(ROLLS[1:] + "1"), "ann").reveal(),
        mix(parse_file(BYTES[1:] + b"\x01"), dice, "ann").reveal(),
        mix(dice, system, "ann").reveal(),
    }
    assert len(made) == 5
    assert {len(each) for each in made} == {32}
    assert mix(draw_system(), dice, "ann") != mix(draw_system(), dice, "ann")


def test_one_source_twice_is_one_source():
    with pytest.raises(InvalidInput, match="one source"):
        mix(parse_file(BYTES), parse_file(BYTES), "ann")


@pytest.mark.parametrize(
    "text",
    ["", "6", ROLLS[1:], ROLLS + "7", ROLLS + "0", ROLLS + "x", "٣" * 100, "1" * (MAX_ROLLS + 1)],
)
def test_dice_that_are_none_or_too_few_are_refused_and_not_repeated(text):
    with pytest.raises(InvalidInput) as caught:
        parse_dice(text)
    assert len(text) < 2 or text not in caught.value.message


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("6" * 100, "in a row"),
        (ROLLS[:80] + "2" * 20, "in a row"),
        ("".join("3" if number % 2 else each for number, each in enumerate(ROLLS)), "makes up"),
    ],
)
def test_a_die_that_repeats_itself_is_refused(broken, told):
    with pytest.raises(UnhealthySource, match=told):
        parse_dice(broken)


@pytest.mark.parametrize(
    "broken",
    [bytes(512), b"\xff" * 4096, BYTES[:500] + bytes(12), b"".join(bytes([each, 7]) for each in BYTES), b"ab" * 300],
)
def test_a_generator_that_is_stuck_or_lopsided_is_refused(broken):
    with pytest.raises(UnhealthySource):
        parse_file(broken)


@pytest.mark.parametrize("size", [0, MIN_FILE_BYTES - 1, MAX_FILE_BYTES + 1])
def test_a_second_file_has_its_size(size):
    with pytest.raises(InvalidInput):
        parse_file(os.urandom(size))


# The cut-offs against the exact binomial law, by fractions: one more would be too rare, one less too frequent.
@pytest.mark.parametrize(("length", "alphabet"), [(100, 6), (1_000, 6), (512, 256), (1_024, 256)])
def test_the_bounds_are_those_of_the_binomial_law(length, alphabet):
    def reaches(count):
        chance = Fraction(1, alphabet)
        below = sum(comb(length, k) * chance**k * (1 - chance) ** (length - k) for k in range(count))
        return alphabet * (1 - below)

    cutoff, rare = proportion_cutoff(length, alphabet), Fraction(1, 1 << 20)
    assert reaches(cutoff) <= rare < reaches(cutoff - 1)
    run = repetition_cutoff(length, alphabet)
    assert length * Fraction(1, alphabet) ** (run - 1) <= rare < length * Fraction(1, alphabet) ** (run - 2)


def test_the_system_passes_its_own_test_a_hundred_times_and_prints_as_nothing():
    drawn = [draw_system() for _ in range(100)]
    assert len({each.symbols.reveal() for each in drawn}) == 100
    assert "***" in repr(drawn[0])


def test_an_empty_source_passes_no_bound_by_accident():
    with pytest.raises(InvalidInput):
        parse_dice("   \n")
    assert Source("file", Secret(b""), 256).symbols == Secret(b"")
