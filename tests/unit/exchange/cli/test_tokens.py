import json

import pytest
from simulators.signer_kit import rules_json
from simulators.softhsm import MODULE, place, softhsm
from typer.testing import CliRunner

from custody.keys.material import Curve, PublicKey
from custody.keys.token import TokenRefused
from custody.primitives.errors import Conflict, InvalidInput, NotFound, Refused, VerificationFailed
from custody.signers.home import SignerHome
from exchange.app.token_home import check_keys, parse_key_names
from exchange.cli.tokens import app


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def at(label="alice"):
    place()
    return ["--module", MODULE, "--token", label, "--pin-file", softhsm() / "pin"]


def test_a_key_is_made_a_home_gets_it_and_shows_it_verified(tmp_path):
    made = [
        json.loads(run("generate", *at(), "--label", f"cli-{curve}", "--curve", curve).output) for curve in list(Curve)
    ]
    (tmp_path / "rules.json").write_text(json.dumps(rules_json()))
    names = ["--key", "m/44h/60h/0h/0/0=cli-secp256k1:secp256k1", "--key", "m/44'/501'/0'/0'=cli-ed25519:ed25519"]
    done = run("home", *at(), "--home", tmp_path / "home", "--rules", tmp_path / "rules.json", *names)
    assert done.exception is None
    shown = json.loads(run("public", "--home", tmp_path / "home", "--pin-file", softhsm() / "pin", "--verify").output)
    assert shown["verified"] is True
    assert [each["public_key"] for each in shown["keys"].values()] == [each["public_key"] for each in made]
    assert list(shown["keys"]) == ["m/44h/60h/0h/0/0", "m/44h/501h/0h/0h"]
    holder = SignerHome(tmp_path / "home").load_keys(softhsm() / "pin")
    key = holder.key("m/44h/60h/0h/0/0", "m/44h/60h/0h/0/0", Curve.SECP256K1)
    assert len(key.sign(bytes(32))) == 65
    assert repr(holder) == "TokenHolder(alice)"
    with pytest.raises(Refused, match="no child keys"):
        holder.key("m/44h/60h/0h/0/0", "m/44h/60h/0h/0/0/7", Curve.SECP256K1)
    with pytest.raises(Refused, match="no ed25519 key"):
        holder.public_key("m/44h/60h/0h/0/0", Curve.ED25519)
    again = run("home", *at(), "--home", tmp_path / "home", "--rules", tmp_path / "rules.json", *names)
    assert isinstance(again.exception, Conflict)


@pytest.mark.parametrize(
    "text",
    ["", "m/0h", "m/0h=evm", "m/0h=:ed25519", "m/0h=evm:p256", "evm:ed25519", "0h=evm:ed25519", "m/0h=evm:"],
)
def test_a_key_has_path_label_and_curve(text):
    with pytest.raises(InvalidInput):
        parse_key_names([text])


def test_a_path_is_given_once_however_it_is_written():
    with pytest.raises(InvalidInput, match="twice"):
        parse_key_names(["m/0h=a:ed25519", "m/0'=b:ed25519"])


def test_what_is_wrong_is_said_and_nothing_is_written(tmp_path):
    assert isinstance(run("generate", *at(), "--label", "x", "--curve", "p256").exception, InvalidInput)
    options = ["--home", tmp_path / "home", "--rules", tmp_path / "rules.json", "--key", "m/0h=cli-nobody:ed25519"]
    assert isinstance(run("home", *at(), *options).exception, NotFound)
    (tmp_path / "rules.json").write_text(json.dumps(rules_json()))
    assert isinstance(run("home", *at(), *options).exception, NotFound)
    assert not (tmp_path / "home").exists()


class LooseToken:
    """A token that signs with another key than it shows."""

    def key(self, label, curve):
        if label == "loose":
            raise TokenRefused("could be taken out")
        return self

    public = PublicKey(Curve.ED25519, bytes(31) + b"\x01")

    def sign(self, message):
        return bytes(64)


def test_a_check_passes_no_key_that_does_not_sign():
    token = LooseToken()
    token.place = type("Place", (), {"label": "alice"})
    with pytest.raises(TokenRefused):
        check_keys(token, {"loose": Curve.ED25519})
    with pytest.raises(VerificationFailed):
        check_keys(token, {"evm": Curve.ED25519})
