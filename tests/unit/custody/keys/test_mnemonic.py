import pytest
from embit.wordlists.bip39 import WORDLIST

from custody.keys.hd import PrivateNode
from custody.keys.mnemonic import InvalidMnemonic, entropy_of, fresh_entropy, generate, to_seed, validate
from custody.keys.xkeys import KeyNetwork, encode_xprv
from custody.primitives.secret import Secret

GOOD = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
EMPTY = Secret(b"")


@pytest.mark.parametrize(
    "words",
    [
        "", "abandon", GOOD + " about", GOOD.replace("about", "abandon"), GOOD.replace("about", "abou"), GOOD.upper(),
        GOOD + " ", " " + GOOD, GOOD.replace(" ", "  "), GOOD.replace(" ", "\t"), GOOD.replace("about", "zzzzzz"), "ábaco " * 12,
        " ".join(["abandon"] * 12), " ".join(["zoo"] * 24), "\xff" * 3,
    ],
)  # fmt: skip
def test_refuses_what_is_no_sentence(words):
    with pytest.raises(InvalidMnemonic):
        validate(Secret(words.encode()))
    with pytest.raises(InvalidMnemonic):
        to_seed(Secret(words.encode()), EMPTY)


def test_refuses_bytes_that_are_no_text():
    with pytest.raises(InvalidMnemonic):
        validate(Secret(b"\xff\xfe" * 20))


@pytest.mark.parametrize("size", [0, 8, 15, 17, 33, 64])
def test_refuses_entropy_of_a_wrong_size(size):
    with pytest.raises(InvalidMnemonic):
        generate(Secret(bytes(size)))


# F01
def test_an_error_repeats_no_word():
    with pytest.raises(InvalidMnemonic) as caught:
        validate(Secret(GOOD.replace("about", "secretword").encode()))
    assert "secretword" not in str(caught.value)
    assert "abandon" not in str(caught.value)


def test_every_wrong_last_word_but_the_checksum_mates_is_refused():
    head = GOOD.rsplit(" ", 1)[0]
    accepted = 0
    for word in WORDLIST:
        try:
            validate(Secret(f"{head} {word}".encode()))
            accepted += 1
        except InvalidMnemonic:
            continue
    assert accepted == 128  # 2048 words, 4 checksum bits


def test_fresh_entropy_differs():
    assert fresh_entropy() != fresh_entropy()
    assert len(fresh_entropy().reveal()) == 32


def test_reads_and_writes_all_vectors(load_vectors):
    vectors = load_vectors("bip39_trezor.json")["english"]
    assert len(vectors) == 24
    for entropy, words, seed, root in vectors:
        assert generate(Secret(bytes.fromhex(entropy))) == Secret(words.encode())
        assert entropy_of(Secret(words.encode())) == Secret(bytes.fromhex(entropy))
        ours = to_seed(Secret(words.encode()), Secret(b"TREZOR"))
        assert ours == Secret(bytes.fromhex(seed))
        assert encode_xprv(PrivateNode.from_seed(ours), KeyNetwork.MAIN) == Secret(root.encode())


@pytest.mark.parametrize("size", [16, 20, 24, 28, 32])
def test_every_allowed_size_round_trips(size):
    entropy = Secret(bytes(range(size)))
    words = generate(entropy)
    assert len(words.reveal().split()) == size * 3 // 4
    assert entropy_of(words) == entropy


def test_an_accented_passphrase_is_normalised():
    words = Secret(GOOD.encode())
    assert to_seed(words, Secret("café".encode())) == to_seed(words, Secret("cafe\u0301".encode()))
