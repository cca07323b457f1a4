import pytest

from custody.keys import ecdsa, ed25519
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import BadSignature, InvalidInput
from custody.primitives.secret import Secret

KEY = Secret(bytes(range(32)))
MESSAGE = b"message"


def test_wycheproof_every_invalid_signature_is_refused_and_every_valid_one_accepted(load_vectors):
    seen = {"valid": 0, "invalid": 0}
    for group in load_vectors("wycheproof_ed25519_test.json")["testGroups"]:
        key = PublicKey(Curve.ED25519, bytes.fromhex(group["publicKey"]["pk"]))
        for case in group["tests"]:
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            seen[case["result"]] += 1
            if case["result"] == "valid":
                ed25519.verify(key, message, signature)
                continue
            with pytest.raises(BadSignature):
                ed25519.verify(key, message, signature)
    assert seen == {"valid": 88, "invalid": 63}


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"])
def test_small_order_keys_verify_nothing(point):
    with pytest.raises(BadSignature):
        ed25519.verify(PublicKey(Curve.ED25519, point), MESSAGE, point + bytes(32))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_refuses_seeds_of_a_wrong_size(size):
    with pytest.raises(InvalidInput):
        ed25519.sign(Secret(bytes(size)), MESSAGE)


def test_refuses_a_key_of_another_curve():
    with pytest.raises(InvalidInput):
        ed25519.verify(ecdsa.public_key(KEY), MESSAGE, bytes(64))


def test_every_flipped_bit_is_refused():
    signature, key = ed25519.sign(KEY, MESSAGE), ed25519.public_key(KEY)
    for flip in range(512):
        changed = bytearray(signature)
        changed[flip // 8] ^= 1 << flip % 8
        with pytest.raises(BadSignature):
            ed25519.verify(key, MESSAGE, bytes(changed))


def test_signs_the_whole_message_deterministically():
    signature = ed25519.sign(KEY, MESSAGE)
    assert signature == ed25519.sign(KEY, MESSAGE)
    ed25519.verify(ed25519.public_key(KEY), MESSAGE, signature)
