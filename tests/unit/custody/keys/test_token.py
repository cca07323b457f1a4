# Tokens, on a real SoftHSM2.
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from simulators.softhsm import PIN, open_token, place, shared_key

from custody.keys import ecdsa, ed25519
from custody.keys.material import Curve
from custody.keys.passphrase import read_pin
from custody.keys.token import Token, TokenRefused, TokenUnavailable
from custody.primitives.errors import Conflict, InvalidInput, NotFound, Refused
from custody.primitives.secret import Secret


@pytest.mark.parametrize("curve", list(Curve))
def test_a_key_made_in_the_token_signs_and_cannot_be_read(curve):
    import pkcs11  # noqa: PLC0415 - only where tokens are

    token = open_token()
    public = token.generate(f"made-{curve}", curve)
    key = token.key(f"made-{curve}", curve)
    assert key.public == public
    message = b"\x05" * 32
    if curve is Curve.SECP256K1:
        ecdsa.verify_recoverable(public, message, key.sign(message))
    else:
        ed25519.verify(public, message, key.sign(message))
    with pytest.raises(pkcs11.AttributeSensitive):
        key.device[pkcs11.Attribute.VALUE]


def test_a_label_is_never_given_twice():
    token = open_token()
    made = token.generate("once", Curve.ED25519)
    for curve in Curve:
        with pytest.raises(Conflict):
            token.generate("once", curve)
    assert token.key("once", Curve.ED25519).public == made


@pytest.mark.parametrize("label", ["", "x" * 65])
def test_a_label_has_its_bounds(label):
    with pytest.raises(InvalidInput):
        open_token().generate(label, Curve.ED25519)


def test_what_is_not_there_is_named():
    with pytest.raises(NotFound, match="nobody"):
        Token.open(place("nobody"), PIN)
    with pytest.raises(NotFound, match="serial"):
        Token.open(replace(place(), serial="0000000000000000"), PIN)
    with pytest.raises(NotFound, match="no-such-key"):
        open_token().key("no-such-key", Curve.SECP256K1)
    shared_key("of-one-curve", Curve.SECP256K1)
    with pytest.raises(NotFound):
        open_token().key("of-one-curve", Curve.ED25519)
    with pytest.raises(TokenUnavailable, match="cannot open"):
        Token.open(replace(place(), module=Path("/nowhere.so")), PIN)


def test_a_key_that_could_be_taken_out_is_not_used():
    import pkcs11  # noqa: PLC0415 - only where tokens are

    token = open_token()
    parameters = token._session.create_domain_parameters(
        pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: bytes.fromhex("06052b8104000a")}, local=True
    )
    loose = {pkcs11.Attribute.SENSITIVE: False, pkcs11.Attribute.EXTRACTABLE: True}
    parameters.generate_keypair(store=True, label="loose", private_template=loose)
    with pytest.raises(TokenRefused, match="taken out"):
        token.key("loose", Curve.SECP256K1)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_digest_has_32_bytes(length):
    with pytest.raises(InvalidInput):
        shared_key("digests", Curve.SECP256K1).sign(bytes(length))


# A login counts for the whole process, so this one needs another.
@pytest.mark.parametrize("pin", ["00000000", "1234", "9" * 400])
def test_a_wrong_pin_is_refused_and_not_repeated_in_the_message(tmp_path, pin):
    at = place("carol")
    (tmp_path / "pin").write_text(pin)
    (tmp_path / "pin").chmod(0o600)
    program = (
        "import sys; from pathlib import Path\n"
        "from custody.keys.passphrase import read_pin; from custody.keys.token import Token, TokenPlace, TokenRefused\n"
        "try: Token.open(TokenPlace(Path(sys.argv[1]), 'carol'), read_pin(Path(sys.argv[2])))\n"
        "except TokenRefused as error: print(error.message)"
    )
    command = [sys.executable, "-c", program, str(at.module), str(tmp_path / "pin")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "PIN was not accepted" in told
    assert pin not in told


def test_a_pin_comes_from_a_file_of_our_own(tmp_path):
    (tmp_path / "pin").write_bytes(b"1357\n")
    with pytest.raises(Refused, match="open to others"):
        read_pin(tmp_path / "pin")
    (tmp_path / "pin").chmod(0o600)
    assert read_pin(tmp_path / "pin") == Secret(b"1357")
    (tmp_path / "pin").write_bytes(b"135\n")
    with pytest.raises(Refused, match="PIN has 4"):
        read_pin(tmp_path / "pin")
