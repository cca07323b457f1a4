import json

import pytest

from custody.keys.keystore import (
    FORMAT,
    MAX_SCRYPT_N,
    SCRYPT_N,
    KeystoreSealBroken,
    read_keystore,
    seal,
    unseal,
    write_keystore,
)
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import Conflict, MalformedPayload, NotFound, Refused, ToolkitError
from custody.primitives.secret import Secret

SECRET = Secret(b"legal winner thank year wave sausage worth useful legal winner thank yellow")
PASSPHRASE = Secret(b"correct horse battery staple")
CHEAP = 1 << 4


@pytest.fixture(scope="module")
def sealed():
    return seal(SECRET, PASSPHRASE, unsafe_scrypt_n_for_tests=CHEAP)


def opened(raw, passphrase=PASSPHRASE):
    return unseal(raw, passphrase, unsafe_scrypt_n_for_tests=CHEAP)


# F03
def test_f03_every_flipped_bit_of_the_file_is_an_error(sealed):
    for flip in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[flip // 8] ^= 1 << flip % 8
        with pytest.raises((KeystoreSealBroken, MalformedPayload)):
            opened(bytes(changed))


# F03
@pytest.mark.parametrize("field", ["nonce", "salt", "sealed"])
def test_f03_a_flip_in_the_bytes_themselves_breaks_the_seal(sealed, field):
    values = json.loads(sealed)
    raw = bytearray(bytes.fromhex(values[field]))
    for place in range(len(raw)):
        raw[place] ^= 0x01
        with pytest.raises(KeystoreSealBroken):
            opened(canonical_json({**values, field: raw.hex()}))
        raw[place] ^= 0x01
    assert opened(canonical_json(values)) == SECRET


# F03
@pytest.mark.parametrize("cut", [0, 1, 10, 100, -1, -2])
def test_f03_a_cut_file_is_an_error(sealed, cut):
    with pytest.raises(MalformedPayload):
        opened(sealed[:cut])


def test_another_cost_does_not_open_it(sealed):
    with pytest.raises(KeystoreSealBroken):
        opened(canonical_json({**json.loads(sealed), "n": CHEAP * 2}))


@pytest.mark.parametrize(
    "change",
    [
        {"n": MAX_SCRYPT_N * 2}, {"n": CHEAP + 1}, {"n": 1}, {"n": -16}, {"n": 2**40}, {"n": "16"}, {"n": True}, {"r": 16}, {"p": 64},
        {"salt": ""}, {"salt": "00"}, {"nonce": "00" * 16}, {"sealed": "00" * 16}, {"sealed": "AA" * 40}, {"sealed": "zz"},
        {"format": "mext/keystore/2"}, {"cipher": "aes-128-cbc"}, {"extra": 1},
    ],
)  # fmt: skip
def test_refuses_parameters_out_of_bounds_before_any_work(sealed, change):
    assert FORMAT == "mext/keystore/1"
    with pytest.raises(MalformedPayload):
        opened(canonical_json({**json.loads(sealed), **change}))


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"null", b"not json", b"[" * 9_000, b'{"n":1,"n":1}', b"\xff"])
def test_refuses_what_is_no_keystore(raw):
    with pytest.raises(MalformedPayload):
        opened(raw)


def test_a_file_with_the_cost_of_tests_is_refused_by_default(sealed):
    with pytest.raises(MalformedPayload, match="out of bounds"):
        unseal(sealed, PASSPHRASE)


@pytest.mark.parametrize(
    "passphrase", [b"correct horse battery stapl", b"Correct horse battery staple", b"correct horse battery staple "]
)
def test_a_wrong_passphrase_breaks_the_seal(sealed, passphrase):
    with pytest.raises(KeystoreSealBroken):
        opened(sealed, Secret(passphrase))


def test_refuses_empty_passphrases_and_secrets_of_a_wrong_size(sealed):
    with pytest.raises(Refused):
        opened(sealed, Secret(b""))
    for secret in (b"", bytes(1_025)):
        with pytest.raises(Refused):
            seal(Secret(secret), PASSPHRASE, unsafe_scrypt_n_for_tests=CHEAP)


# F01
def test_neither_file_nor_errors_show_the_secret(sealed):
    assert SECRET.reveal() not in sealed
    assert SECRET.reveal().hex().encode() not in sealed
    for raw in (sealed[:-1], canonical_json({**json.loads(sealed), "nonce": "00" * 12})):
        with pytest.raises(ToolkitError) as caught:
            opened(raw)
        text = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.facts}"
        assert PASSPHRASE.reveal().decode() not in text
        assert sealed.decode()[-60:-10] not in text


def test_two_seals_share_nothing(sealed):
    first, second = json.loads(sealed), json.loads(seal(SECRET, PASSPHRASE, unsafe_scrypt_n_for_tests=CHEAP))
    assert all(first[name] != second[name] for name in ("salt", "nonce", "sealed"))


def test_a_keystore_is_never_overwritten(tmp_path, sealed):
    write_keystore(tmp_path / "k.json", sealed)
    with pytest.raises(Conflict):
        write_keystore(tmp_path / "k.json", b"{}")
    assert read_keystore(tmp_path / "k.json") == sealed
    assert [path.name for path in tmp_path.iterdir()] == ["k.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_file_open_to_others_is_refused(tmp_path, sealed, mode):
    write_keystore(tmp_path / "k.json", sealed)
    (tmp_path / "k.json").chmod(mode)
    with pytest.raises(Refused):
        read_keystore(tmp_path / "k.json")


def test_links_folders_and_absent_files_are_refused(tmp_path, sealed):
    write_keystore(tmp_path / "k.json", sealed)
    (tmp_path / "link.json").symlink_to(tmp_path / "k.json")
    with pytest.raises(Refused):
        read_keystore(tmp_path / "link.json")
    with pytest.raises(Refused):
        read_keystore(tmp_path)
    with pytest.raises(NotFound):
        read_keystore(tmp_path / "absent.json")


def test_a_file_too_long_is_refused(tmp_path):
    write_keystore(tmp_path / "k.json", bytes(8_193))
    with pytest.raises(MalformedPayload):
        read_keystore(tmp_path / "k.json")


def test_round_trip_at_full_cost_with_mode_0600(tmp_path):
    write_keystore(tmp_path / "k.json", seal(SECRET, PASSPHRASE))
    assert (tmp_path / "k.json").stat().st_mode & 0o777 == 0o600
    assert json.loads(read_keystore(tmp_path / "k.json"))["n"] == SCRYPT_N == 131_072
    assert unseal(read_keystore(tmp_path / "k.json"), PASSPHRASE) == SECRET
