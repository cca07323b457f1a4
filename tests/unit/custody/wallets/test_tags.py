import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.primitives.errors import LimitExceeded
from custody.wallets.tags import HOUSE_NUMBER, MAX_NUMBER, MAX_TAG, UnknownTag, number_of, tag_of

NUMBERS = st.integers(0, MAX_NUMBER)


@pytest.mark.parametrize("number", [-1, MAX_NUMBER + 1])
def test_number_without_a_tag_of_32_bits_is_refused(number):
    with pytest.raises(LimitExceeded):
        tag_of(number)


@pytest.mark.parametrize(
    "memo", ["", "0", "1", "777 ", " 777", "0777", "7.77", "-777", "seven", "٧٧٧", "4294967295", "9" * 30]
)
def test_what_is_no_tag_of_ours_is_unknown(memo):
    with pytest.raises(UnknownTag):
        number_of(memo)


@given(NUMBERS, st.data())
def test_one_wrong_digit_is_always_noticed(number, data):
    digits = list(str(tag_of(number)))
    place = data.draw(st.integers(0, len(digits) - 1))
    digits[place] = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != digits[place]]))
    with pytest.raises(UnknownTag):
        number_of("".join(digits))


@given(NUMBERS, st.data())
def test_two_neighbours_swapped_are_always_noticed(number, data):
    digits = list(str(tag_of(number)))
    place = data.draw(st.integers(0, len(digits) - 2))
    if digits[place] != digits[place + 1]:
        digits[place], digits[place + 1] = digits[place + 1], digits[place]
        with pytest.raises(UnknownTag):
            number_of("".join(digits))


@given(NUMBERS)
def test_a_digit_lost_at_the_end_is_always_noticed(number):
    with pytest.raises(UnknownTag):
        number_of(str(tag_of(number))[:-1])


@given(NUMBERS)
def test_every_number_has_one_tag_and_reads_back(number):
    assert tag_of(number) <= MAX_TAG
    assert number_of(str(tag_of(number))) == number


def test_published_tags_stay_what_they_are():
    assert [tag_of(number) for number in (HOUSE_NUMBER, 1, 2, 7, MAX_NUMBER)] == [98, 195, 292, 777, 4294967165]
