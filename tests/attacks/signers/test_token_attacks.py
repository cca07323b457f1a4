# A token's answer is a claim: C13 and C14 with a real SoftHSM2, and with a device that lies.
import hashlib
import threading

import pytest
from simulators.signer_kit import Bench, intent, request, wallet_json
from simulators.softhsm import shared_key
from simulators.toy_family import MEMBER_PATH, pay

from custody.keys import ecdsa
from custody.keys.hd import CURVE_ORDER
from custody.keys.material import Curve
from custody.keys.signing_key import UnsealedKey
from custody.keys.token import TokenKey
from custody.primitives.errors import BadSignature, Refused
from custody.primitives.secret import Secret
from custody.signers.faults import SignerBroken
from custody.signers.memory import Frozen

SECRET = Secret(b"\x11" * 32)
PUBLIC = UnsealedKey.of(SECRET, Curve.SECP256K1).public
MESSAGE = hashlib.sha256(b"a message").digest()
ROUNDS = 200


class Device:
    """Signs by hand, as the test wants it."""

    def __init__(self, answer):
        self.answer = answer

    def sign(self, message, mechanism):
        return self.answer(message)


def scalars(message, *, high=False):
    raw = ecdsa.sign_recoverable(SECRET, message)
    s = int.from_bytes(raw[32:64], "big")
    return raw[:32] + (CURVE_ORDER - s if high else s).to_bytes(32, "big")


def with_nonce(nonce):
    """ECDSA with a nonce of our choice: what a broken random generator does."""
    r = int.from_bytes(ecdsa.public_key(Secret(nonce.to_bytes(32, "big"))).raw[1:], "big")

    def answer(message):
        key = int.from_bytes(SECRET.reveal(), "big")
        s = pow(nonce, -1, CURVE_ORDER) * (int.from_bytes(message, "big") + r * key) % CURVE_ORDER
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return answer


def token_key(answer, public=PUBLIC):
    return TokenKey(public, Device(answer), threading.Lock())


class OneKey:
    """A holder whose only key lies in a device."""

    def __init__(self, key):
        self.held = key

    def fingerprint(self):
        return "00000000"

    def public_key(self, path, curve):
        return self.held.public

    def key(self, ours, path, curve):
        if path != ours:
            raise Refused("no child keys")
        return self.held


def bench(folder, key, family="toy-evm"):
    return Bench(folder, wallets=[wallet_json(family=family)], seed=OneKey(key))


def ask(number, salt=0):
    item = intent(number)
    payload = pay((item.to.text, item.amount.units), key=f"toy:{number}", paths=[MEMBER_PATH], salt=salt)
    return request(payload, item)


# C13: about half of what SoftHSM returns has a high s, so two hundred rounds meet both kinds.
def test_c13_hsm_signatures_are_lowered_get_their_v_and_verify():
    key = shared_key("c13", Curve.SECP256K1)
    high = 0
    for number in range(ROUNDS):
        message = hashlib.sha256(bytes([number])).digest()
        raw = key.device.sign(message, mechanism=_ecdsa())
        high += int.from_bytes(raw[32:], "big") > CURVE_ORDER // 2
        ecdsa.verify_recoverable(key.public, message, key.sign(message))
    assert ROUNDS // 5 < high < ROUNDS - ROUNDS // 5


@pytest.mark.parametrize("high", [False, True])
def test_c13_hsm_both_halves_of_s_give_one_signature(high):
    assert token_key(lambda message: scalars(message, high=high)).sign(MESSAGE) == ecdsa.sign_recoverable(
        SECRET, MESSAGE
    )


LIES = {
    "empty": lambda message: b"",
    "short": lambda message: scalars(message)[:-1],
    "long": lambda message: scalars(message) + b"\x00",
    "zeros": lambda message: bytes(64),
    "r of another": lambda message: scalars(MESSAGE[::-1])[:32] + scalars(message)[32:],
    "s too large": lambda message: scalars(message)[:32] + CURVE_ORDER.to_bytes(32, "big"),
    "another message": lambda message: scalars(hashlib.sha256(message).digest()),
    "flipped bit": lambda message: bytes([scalars(message)[0] ^ 1]) + scalars(message)[1:],
}


@pytest.mark.parametrize("lie", LIES)
def test_c13_hsm_an_invalid_signature_never_leaves_and_freezes_the_signer(tmp_path, lie):
    with pytest.raises(BadSignature):
        token_key(LIES[lie]).sign(MESSAGE)
    room = bench(tmp_path, token_key(LIES[lie]))
    with pytest.raises(SignerBroken):
        room.sign(ask(1))
    assert room.memory.highest_sequence() == 0
    with pytest.raises(Frozen):
        room.sign(ask(2))


def test_c13_hsm_another_key_under_the_same_label_never_gets_a_signature_out(tmp_path):
    other = UnsealedKey.of(Secret(b"\x12" * 32), Curve.SECP256K1).public
    with pytest.raises(SignerBroken):
        bench(tmp_path, token_key(scalars, other)).sign(ask(1))


@pytest.mark.parametrize("answer", [b"", bytes(64), bytes(63)])
def test_c13_hsm_an_invalid_ed25519_signature_never_leaves(answer):
    real = shared_key("c13-ed", Curve.ED25519)
    real.sign(b"a whole message")
    with pytest.raises(BadSignature):
        TokenKey(real.public, Device(lambda message: answer), threading.Lock()).sign(b"a whole message")


# C14: one nonce for two messages gives the key away; the second signature stays inside and the signer stops.
def test_c14_a_token_that_repeats_its_nonce_is_frozen_before_the_second_signature_leaves(tmp_path):
    room = bench(tmp_path, token_key(with_nonce(7)))
    first = room.sign(ask(1))
    ecdsa.parse_der(ecdsa.to_der(first[0].value))
    with pytest.raises(SignerBroken, match="nonce point"):
        room.sign(ask(2))
    assert room.memory.highest_sequence() == 1
    with pytest.raises(Frozen):
        room.sign(ask(3))


def test_c14_a_nonce_repeated_after_a_restart_is_noticed_too(tmp_path):
    bench(tmp_path, token_key(with_nonce(7))).sign(ask(1))
    with pytest.raises(SignerBroken, match="nonce point"):
        bench(tmp_path, token_key(with_nonce(CURVE_ORDER - 7))).sign(ask(2))  # the same point, mirrored


def test_c14_a_real_token_never_repeats_and_a_repeated_request_gets_the_stored_signature(tmp_path):
    room = bench(tmp_path, shared_key("c14", Curve.SECP256K1))
    made = [room.sign(ask(number))[0].value for number in range(1, 51)]
    assert len({value[:32] for value in made}) == len(made)
    assert room.sign(ask(7))[0].value == made[6]


def _ecdsa():
    import pkcs11  # noqa: PLC0415 - only where tokens are

    return pkcs11.Mechanism.ECDSA
