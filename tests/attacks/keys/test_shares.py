# F04: shares that are too few, wrong, doubled or of another backup.
import itertools
import secrets

import pytest
from shamir_mnemonic.share import Share

from custody.keys.shares import DEFAULT_PLAN, SharePlan, SharesMissing, WrongShare, combine, label_of, split
from custody.primitives.errors import InvalidInput
from custody.primitives.secret import Secret

ENTROPY = Secret(bytes(range(100, 132)))
GROUPS = split(ENTROPY, DEFAULT_PLAN)
ENOUGH = [*GROUPS[0][:3], *GROUPS[2][2:]]
OTHER = split(Secret(bytes(32)), DEFAULT_PLAN)


def forged(words, value):
    """A share with a right checksum and a value of our choice."""
    share = Share.from_mnemonic(words.reveal().decode())
    return Secret(
        Share(*(getattr(share, name) for name in Share.__dataclass_fields__ if name != "value"), value)
        .mnemonic()
        .encode()
    )


def pairs_of(text):
    """Neighbouring words: single ones, such as "secret" and "unknown", stand in messages too."""
    words = text.split()
    return set(itertools.pairwise(words))


def words_of(secret):
    return secret.reveal().decode().split()


def test_any_two_groups_of_three_bring_the_secret_back():
    for first, second in itertools.combinations(range(3), 2):
        for chosen in ((0, 1, 2), (2, 3, 4), (0, 2, 4)):
            shares = [GROUPS[group][member] for group in (second, first) for member in chosen]
            assert combine(shares) == ENTROPY


@pytest.mark.parametrize("size", [16, 18, 20, 24, 32])
def test_every_length_of_entropy_comes_back(size):
    entropy = Secret(secrets.token_bytes(size))
    groups = split(entropy, SharePlan(1, ((2, 2),)))
    assert combine(groups[0]) == entropy


@pytest.mark.parametrize("left_out", range(6))
def test_f04_one_share_too_few_gives_nothing_but_what_is_missing(left_out):
    shares = [share for place, share in enumerate(ENOUGH) if place != left_out]
    with pytest.raises(SharesMissing) as caught:
        combine(shares)
    told = f"{caught.value.message}{caught.value.facts}"
    assert caught.value.facts["complete"] == 1
    assert not pairs_of(told) & {pair for share in ENOUGH for pair in pairs_of(share.reveal().decode())}


def test_f04_two_groups_of_two_and_no_share_at_all_are_counted():
    with pytest.raises(SharesMissing, match="group 1: 2 of 3, group 3: 2 of 3"):
        combine([*GROUPS[0][:2], *GROUPS[2][:2]])
    with pytest.raises(SharesMissing, match="none"):
        combine([])


def test_f04_a_guessed_last_share_is_no_share():
    for _ in range(20):
        with pytest.raises(WrongShare):
            combine([*ENOUGH[:5], forged(ENOUGH[5], secrets.token_bytes(32))])


def test_f04_a_single_changed_word_is_detected_wherever_it_stands():
    words, other = words_of(ENOUGH[0]), words_of(OTHER[1][4])
    for place in range(len(words)):
        changed = [*words]
        changed[place] = other[place] if other[place] != words[place] else "academic"
        if changed == words:
            continue
        with pytest.raises(WrongShare) as caught:
            combine([Secret(" ".join(changed).encode()), *ENOUGH[1:]])
        assert caught.value.__cause__ is None
        assert not pairs_of(" ".join(changed)) & pairs_of(caught.value.message)


@pytest.mark.parametrize("extra", [3, 4])
def test_f04_a_wrong_share_beyond_those_needed_is_detected_too(extra):
    value = Share.from_mnemonic(GROUPS[0][extra].reveal().decode()).value
    wrong = forged(GROUPS[0][extra], bytes([value[0] ^ 1]) + value[1:])
    with pytest.raises(WrongShare):
        combine([*ENOUGH, wrong])


@pytest.mark.parametrize(
    "shares",
    [
        [*ENOUGH[:5], OTHER[2][4]],
        [*ENOUGH, ENOUGH[0]],
        [*ENOUGH[:2], ENOUGH[1], *ENOUGH[3:]],
        [*ENOUGH[:5], Secret(b"")],
        [*ENOUGH[:5], Secret(b"academic " * 200)],
        [*ENOUGH[:5], Secret("académic".encode())],
        [*ENOUGH[:5], Secret(" ".join(words_of(ENOUGH[5])[:-1]).encode())],
        [*ENOUGH[:5], Secret(" ".join(reversed(words_of(ENOUGH[5]))).encode())],
    ],
    ids=["of another backup", "twice", "twice in place of one", "empty", "long", "not ASCII", "cut", "reversed"],
)
def test_f04_what_is_no_share_of_this_backup_is_refused(shares):
    with pytest.raises(WrongShare):
        combine(shares)


def test_a_share_names_its_place():
    assert [(label_of(each).group, label_of(each).member) for each in ENOUGH] == [
        (1, 1),
        (1, 2),
        (1, 3),
        (3, 3),
        (3, 4),
        (3, 5),
    ]
    assert label_of(GROUPS[0][0]).backup != label_of(OTHER[0][0]).backup


@pytest.mark.parametrize(
    ("threshold", "groups"),
    [
        (0, ((2, 3),)),
        (2, ((2, 3),)),
        (1, ()),
        (1, ((1, 1),)),
        (1, ((1, 3),)),
        (1, ((4, 3),)),
        (1, ((2, 17),)),
        (1, ((2, 2),) * 17),
    ],
)
def test_a_plan_that_protects_nothing_or_cannot_be_met_is_refused(threshold, groups):
    with pytest.raises(InvalidInput):
        SharePlan(threshold, groups)


@pytest.mark.parametrize("size", [0, 15, 17, 33, 64])
def test_a_secret_has_its_bounds(size):
    with pytest.raises(InvalidInput):
        split(Secret(bytes(size)), DEFAULT_PLAN)


def test_too_many_shares_are_not_looked_at():
    with pytest.raises(InvalidInput, match="at most"):
        combine([ENOUGH[0]] * 257)
