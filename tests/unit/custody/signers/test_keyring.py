import pytest
from simulators.signer_kit import SEED
from simulators.toy_family import TOY_FAMILIES

from custody.keys import ecdsa, ed25519
from custody.keys.material import Curve
from custody.keys.paths import InvalidPath
from custody.primitives.errors import InvariantBroken, Refused
from custody.signers.keyring import Keyring
from custody.signers.registry import BITCOIN_SCHEME, ED25519_SCHEME, FAMILIES, RECOVERABLE_SCHEME, family_of

RING = Keyring(SEED)
OURS = "m/48h/0h/0h/2h"
MESSAGE = b"\x07" * 32


# C13
@pytest.mark.parametrize("name", ["toy-high-s", "toy-garbage", "toy-wrong-key"])
def test_c13_a_broken_device_is_noticed_before_release(name):
    with pytest.raises(InvariantBroken):
        RING.sign(OURS, f"{OURS}/0/5", TOY_FAMILIES[name].scheme, MESSAGE)


def test_unhardened_ed25519_steps_are_refused():
    with pytest.raises(InvalidPath):
        RING.sign("m/44h/501h", "m/44h/501h/0", ED25519_SCHEME, MESSAGE)


def test_an_unknown_family_is_refused():
    with pytest.raises(Refused, match="no decoder"):
        family_of("monero")


# F01
def test_f01_a_keyring_prints_as_nothing():
    RING.public_key(OURS, Curve.SECP256K1)
    assert f"{RING!r}{RING}" == "Keyring(***)" * 2


@pytest.mark.parametrize(
    ("scheme", "size"), [(RECOVERABLE_SCHEME, {65}), (BITCOIN_SCHEME, {71, 72}), (ED25519_SCHEME, {64})]
)
def test_each_family_gets_its_own_encoding(scheme, size):
    path = "m/44h/501h/0h" if scheme.curve is Curve.ED25519 else OURS
    key, value = RING.sign(path, path, scheme, MESSAGE)
    assert len(value) in size
    assert key == RING.public_key(path, scheme.curve)
    assert RING.sign(path, path, scheme, MESSAGE) == (key, value)
    scheme.verify(key, MESSAGE, value)


def test_the_encodings_verify_with_plain_functions():
    key, value = RING.sign(OURS, f"{OURS}/1/9", BITCOIN_SCHEME, MESSAGE)
    assert value[-1] == 1
    ecdsa.verify_der(key, MESSAGE, value[:-1])
    key, value = RING.sign(OURS, OURS, RECOVERABLE_SCHEME, MESSAGE)
    assert value[64] in (27, 28)
    ecdsa.verify_recoverable(key, MESSAGE, value)
    key, value = RING.sign("m/44h/501h/0h", "m/44h/501h/0h", ED25519_SCHEME, b"a whole message")
    ed25519.verify(key, b"a whole message", value)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_family_of_the_table_has_its_decoder(name):
    assert callable(family_of(name).load())
