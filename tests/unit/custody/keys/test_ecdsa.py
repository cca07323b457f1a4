import hashlib

import coincurve
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custody.keys import ecdsa, ed25519
from custody.keys.hd import CURVE_ORDER, InvalidKey
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import BadSignature, InvalidInput
from custody.primitives.secret import Secret

KEY = Secret(bytes(31) + b"\x07")
PUBLIC = ecdsa.public_key(KEY)
OTHER = ecdsa.public_key(Secret(bytes(31) + b"\x08"))
DIGEST = hashlib.sha256(b"message").digest()


def test_wycheproof_every_invalid_signature_is_refused_and_every_valid_one_accepted(load_vectors):
    document = load_vectors("wycheproof_ecdsa_secp256k1_sha256_bitcoin_test.json")
    seen = {"valid": 0, "invalid": 0}
    for group in document["testGroups"]:
        point = coincurve.PublicKey(bytes.fromhex(group["publicKey"]["uncompressed"])).format()
        for case in group["tests"]:
            digest = hashlib.sha256(bytes.fromhex(case["msg"])).digest()
            signature = bytes.fromhex(case["sig"])
            seen[case["result"]] += 1
            if case["result"] == "valid":
                ecdsa.verify_der(PublicKey(Curve.SECP256K1, point), digest, signature)
                continue
            with pytest.raises(BadSignature):
                ecdsa.verify_der(PublicKey(Curve.SECP256K1, point), digest, signature)
    assert seen == {"valid": 162, "invalid": 301}


@pytest.mark.parametrize(
    "signature", [b"", b"\x30", b"\x30\x00", b"\x30\x06\x02\x01\x01\x02\x01", bytes(72), b"\x30" * 73]
)
def test_refuses_bytes_that_are_no_der(signature):
    with pytest.raises(BadSignature):
        ecdsa.verify_der(PUBLIC, DIGEST, signature)


# C13
def test_high_s_is_refused_in_both_encodings():
    r, s = ecdsa.parse_der(ecdsa.sign_der(KEY, DIGEST))
    with pytest.raises(BadSignature, match="upper half"):
        ecdsa.verify_der(PUBLIC, DIGEST, ecdsa.encode_der(r, CURVE_ORDER - s))
    signature = ecdsa.sign_recoverable(KEY, DIGEST)
    high = signature[:32] + (CURVE_ORDER - s).to_bytes(32, "big") + bytes([55 - signature[64]])
    with pytest.raises(BadSignature, match="upper half"):
        ecdsa.verify_recoverable(PUBLIC, DIGEST, high)


# C13
@pytest.mark.parametrize("v", [0, 1, 26, 29, 255])
def test_other_recovery_ids_are_refused(v):
    with pytest.raises(BadSignature):
        ecdsa.verify_recoverable(PUBLIC, DIGEST, ecdsa.sign_recoverable(KEY, DIGEST)[:64] + bytes([v]))


# C13
def test_the_wrong_one_of_two_recovery_ids_is_refused():
    signature = ecdsa.sign_recoverable(KEY, DIGEST)
    with pytest.raises(BadSignature):
        ecdsa.verify_recoverable(PUBLIC, DIGEST, signature[:64] + bytes([55 - signature[64]]))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_refuses_digests_of_a_wrong_size(size):
    for call in (
        lambda: ecdsa.sign_der(KEY, bytes(size)),
        lambda: ecdsa.sign_recoverable(KEY, bytes(size)),
        lambda: ecdsa.verify_der(PUBLIC, bytes(size), ecdsa.sign_der(KEY, DIGEST)),
        lambda: ecdsa.verify_recoverable(PUBLIC, bytes(size), ecdsa.sign_recoverable(KEY, DIGEST)),
        lambda: ecdsa.accept_foreign(PUBLIC, bytes(size), 1, 1),
    ):
        with pytest.raises(InvalidInput):
            call()


@pytest.mark.parametrize("raw", [b"", bytes(31), bytes(32), CURVE_ORDER.to_bytes(32, "big"), b"\xff" * 32, bytes(33)])
def test_refuses_private_keys_out_of_range(raw):
    with pytest.raises(InvalidKey):
        ecdsa.sign_der(Secret(raw), DIGEST)


def test_refuses_keys_of_another_curve():
    other_curve = ed25519.public_key(Secret(bytes(32)))
    with pytest.raises(InvalidInput):
        ecdsa.verify_der(other_curve, DIGEST, ecdsa.sign_der(KEY, DIGEST))
    with pytest.raises(InvalidInput):
        ecdsa.verify_recoverable(other_curve, DIGEST, ecdsa.sign_recoverable(KEY, DIGEST))


@pytest.mark.parametrize("raw", [b"\x05" + bytes(32), b"\x02" + bytes(32), b"\x02" + b"\xff" * 32])
def test_refuses_a_public_key_off_the_curve(raw):
    with pytest.raises(InvalidKey):
        ecdsa.verify_der(PublicKey(Curve.SECP256K1, raw), DIGEST, ecdsa.sign_der(KEY, DIGEST))


def test_another_key_or_digest_does_not_verify():
    for key, digest in ((OTHER, DIGEST), (PUBLIC, bytes(32))):
        with pytest.raises(BadSignature):
            ecdsa.verify_der(key, digest, ecdsa.sign_der(KEY, DIGEST))
        with pytest.raises(BadSignature):
            ecdsa.verify_recoverable(key, digest, ecdsa.sign_recoverable(KEY, DIGEST))


@pytest.mark.parametrize("flip", range(65 * 8))
def test_every_flipped_bit_of_a_recoverable_signature_is_refused(flip):
    changed = bytearray(ecdsa.sign_recoverable(KEY, DIGEST))
    changed[flip // 8] ^= 1 << flip % 8
    with pytest.raises(BadSignature):
        ecdsa.verify_recoverable(PUBLIC, DIGEST, bytes(changed))


# C13
@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (CURVE_ORDER, 1), (1, CURVE_ORDER), (-1, 1), (5, 5)])
def test_a_device_returning_nonsense_is_refused(r, s):
    with pytest.raises(BadSignature):
        ecdsa.accept_foreign(PUBLIC, DIGEST, r, s)


# C13
def test_a_device_signing_with_another_key_is_refused():
    r, s = ecdsa.parse_der(ecdsa.sign_der(Secret(bytes(31) + b"\x08"), DIGEST))
    with pytest.raises(BadSignature):
        ecdsa.accept_foreign(PUBLIC, DIGEST, r, s)


# C13
@settings(max_examples=50, deadline=None)
@given(st.integers(1, 2**200), st.binary(min_size=32, max_size=32), st.booleans())
def test_a_devices_high_s_is_lowered_and_v_is_found(scalar, digest, high):
    key = Secret(scalar.to_bytes(32, "big"))
    r, s = ecdsa.parse_der(ecdsa.sign_der(key, digest))
    fixed = ecdsa.accept_foreign(ecdsa.public_key(key), digest, r, CURVE_ORDER - s if high else s)
    assert fixed == ecdsa.sign_recoverable(key, digest)
    ecdsa.verify_recoverable(ecdsa.public_key(key), digest, fixed)


def test_signatures_are_deterministic_rfc6979():
    # Known answer for secp256k1, SHA-256: key 1, message "Satoshi Nakamoto".
    digest = hashlib.sha256(b"Satoshi Nakamoto").digest()
    r, s = ecdsa.parse_der(ecdsa.sign_der(Secret(bytes(31) + b"\x01"), digest))
    assert f"{r:064x}" == "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
    assert f"{s:064x}" == "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"
