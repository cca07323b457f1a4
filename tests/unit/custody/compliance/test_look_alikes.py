import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.compliance.look_alikes import ENDS, EVERYBODY, LookAlikes, _alike, _folded

EVM = "0x52908400098527886E0F7030069857D2E4169EE7"
BECH32 = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
BASE58 = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"
TRON = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"
ANCHORS = [EVM, BECH32, BASE58, TRON, "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"]


def index_of(*texts, owner="alice", since_s=100):
    index = LookAlikes()
    for text in texts:
        index.add(text, owner, since_s)
    return index


def body_of(text):
    for head in ("0x", "bc1q"):
        if text.startswith(head):
            return head, text[len(head) :]
    return "", text


@pytest.mark.parametrize("anchor", ANCHORS)
def test_c19_the_same_ends_with_another_middle_are_found(anchor):
    head, body = body_of(anchor)
    poisoned = head + body[:ENDS] + "7" * (len(body) - 2 * ENDS) + body[-ENDS:]
    found = index_of(*ANCHORS).find(poisoned, "alice")
    assert (found.anchor, found.how) == (anchor, "has the same first and last 4 characters as")


@pytest.mark.parametrize("anchor", ANCHORS)
def test_c19_every_substitution_insertion_deletion_and_swap_is_found(anchor):
    index = index_of(*ANCHORS)
    head, _ = body_of(anchor)
    for at in range(len(head), len(anchor)):
        wrong = "3" if anchor[at] != "3" else "7"
        swapped = anchor[:at] + anchor[at : at + 2][::-1] + anchor[at + 2 :]
        for other in (
            anchor[:at] + wrong + anchor[at + 1 :],
            anchor[:at] + anchor[at + 1 :],
            anchor[:at] + wrong + anchor[at:],
            swapped,
        ):
            if other != anchor:
                assert index.find(other, "alice").anchor == anchor


@pytest.mark.parametrize(
    ("anchor", "other"),
    [
        (BASE58, BASE58.swapcase()),
        (EVM, EVM.lower()),
        (BASE58, BASE58.replace("B", "8")),
        (TRON, TRON.replace("l", "1").replace("5", "S")),
        (TRON, TRON.replace("a", "\u0430")),
        (BASE58, BASE58.replace("e", "\u0435").replace("o", "\u043e")),
        ("alice.example.org-0001", "aIice.example.org-OOO1"),
        ("modern-place-0001", "modem-place-0001"),
        (BECH32, "".join(chr(ord(c) + 0xFEE0) for c in BECH32)),
    ],
    ids=["case", "evm case", "B and 8", "5 and S", "cyrillic a", "cyrillic e", "I and l, O and 0", "rn and m", "wide"],
)
def test_c19_letters_that_look_alike_are_found(anchor, other):
    assert other != anchor
    assert index_of(anchor).find(other, "alice").how == "differs only in letters that look alike from"


def test_c19_two_errors_in_the_middle_keep_the_ends_and_are_found():
    other = BECH32[:15] + "99" + BECH32[17:]
    assert index_of(BECH32).find(other, "alice") is not None


@pytest.mark.parametrize("anchor", ANCHORS)
def test_a_trusted_place_itself_is_in_no_doubt(anchor):
    assert index_of(*ANCHORS).find(anchor, "alice") is None


@pytest.mark.parametrize("length", range(1, 20))
def test_short_texts_are_found_by_one_error_only(length):
    text = "abcdefghjkmnpqrstuvw"[:length]
    index = index_of(text)
    assert index.find(text, "alice") is None
    assert index.find(text + "x", "alice").anchor == text
    if length > 1:
        assert index.find("xxxxxx" + text[::-1], "alice") is None


def test_what_somebody_else_entered_is_nothing_to_me_and_what_was_paid_is():
    index = index_of(BECH32, owner="bob")
    close = BECH32[:-1] + "7"
    assert index.find(close, "alice") is None
    index.add(BECH32, EVERYBODY, 200)
    assert index.find(close, "alice").anchor == BECH32


# A look-alike that an attacker slips into the victim's own book stays in doubt; the original never is.
def test_c19_the_older_one_is_the_original():
    index, close = index_of(BECH32, since_s=100), BECH32[:-1] + "7"
    index.add(close, "alice", 200)
    assert index.find(close, "alice").anchor == BECH32
    assert index.find(BECH32, "alice") is None
    index.add(close, "alice", 50)
    assert index.find(BECH32, "alice").anchor == close


def test_random_addresses_are_in_no_doubt():
    drawing = random.Random(1)
    texts = {"0x" + "".join(drawing.choices("0123456789abcdef", k=40)) for _ in range(2_000)}
    index = index_of(*sorted(texts)[:1_000])
    assert [text for text in texts if index.find(text, "alice")] == []


@given(st.text("abc1lo0", min_size=1, max_size=30), st.text("abc1lo0", min_size=1, max_size=30))
def test_the_pieces_find_whatever_a_comparison_with_all_would_find(anchor, other):
    # The slow twin compares with everything.
    expected = other != anchor and bool(_alike(_folded(other), _folded(anchor)))
    assert (index_of(anchor).find(other, "alice") is not None) == expected
