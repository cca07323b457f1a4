import json
import os

import pytest
from typer.testing import CliRunner

from custody.keys.ceremony import CeremonyRefused, NotInTranscript
from custody.keys.private_files import write_new_private
from custody.primitives.errors import (
    BadSignature,
    Conflict,
    InvalidInput,
    MalformedPayload,
    QuorumNotReached,
    RootMismatch,
)
from exchange.app.key_ceremony import read_contribution, read_transcript
from exchange.cli.key_material import app

HOLDERS = ("ann", "ben", "cem")
KEYS = ("--key", "m/48h/1h/0h/2h:secp256k1", "--key", "m/44h/501h/0h/0h:ed25519")


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def draw_options(folder, holder, **changes):
    options = {
        "holder": holder,
        "person": holder.title(),
        "organisation": f"firm of {holder}",
        "device": f"laptop {holder}",
        "keystore": folder / holder / "keystore.json",
        "passphrase-file": folder / "passphrase",
        "out": folder / f"{holder}.json",
        "second-file": folder / "second",
        **changes,
    }
    return [*KEYS, "--test-network", *(word for name, value in options.items() for word in (f"--{name}", value))]


def rewrite(path, into, change):
    told = json.loads(path.read_text())
    change(told)
    write_new_private(into, json.dumps(told).encode())
    return into


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ceremony")
    folder.chmod(0o700)
    write_new_private(folder / "passphrase", b"a passphrase of some length\n")
    write_new_private(folder / "second", os.urandom(512))
    write_new_private(folder / "dice", "".join(str(1 + each % 6) for each in os.urandom(120)).encode())
    for holder in HOLDERS:
        done = run("draw", *draw_options(folder, holder))
        assert done.exception is None, done.exception
    given = [word for holder in HOLDERS for word in ("--contribution", folder / f"{holder}.json")]
    done = run("ceremony", "--wallet", "cold-btc", "--threshold", "2", *given, "--out", folder / "transcript.json")
    assert done.exception is None
    return folder


def confirm(held, transcript, holder, out):
    options = ["--keystore", held / holder / "keystore.json", "--passphrase-file", held / "passphrase", "--out", out]
    return run("confirm", "--transcript", transcript, "--holder", holder, *options)


@pytest.fixture(scope="module")
def confirmed(held):
    for holder in HOLDERS:
        assert confirm(held, held / "transcript.json", holder, held / f"{holder}.confirmed").exception is None
    return [word for holder in HOLDERS for word in ("--confirmation", held / f"{holder}.confirmed")]


def test_a_ceremony_verifies_when_all_confirmed_and_not_before(held, confirmed):
    done = run("verify", "--transcript", held / "transcript.json", *confirmed)
    assert done.exception is None
    assert "confirmed by all 3 holders" in done.output
    missing = run("verify", "--transcript", held / "transcript.json", *confirmed[:4])
    assert isinstance(missing.exception, QuorumNotReached)


def test_holders_with_one_second_file_still_have_keys_of_their_own(held):
    brought = [read_contribution(held / f"{holder}.json") for holder in HOLDERS]
    assert len({key.public.raw for each in brought for key in each.keys.values()}) == 6
    assert {each.sources for each in brought} == {("system", "file")}


# C11
@pytest.mark.parametrize("place", [0, 2])
def test_c11_an_entry_changed_in_the_file_breaks_the_head(held, tmp_path, place):
    def change(told):
        told["contributions"][place]["device"] = "another"

    with pytest.raises(RootMismatch):
        read_transcript(rewrite(held / "transcript.json", tmp_path / "t.json", change))


# C11: the thief writes a right head; the owner is asked to confirm, and looks.
def test_c11_an_xpub_swapped_in_the_transcript_is_not_confirmed_by_its_owner(held, confirmed, tmp_path):
    tmp_path.chmod(0o700)
    run("draw", *draw_options(held, "thief", keystore=tmp_path / "k" / "keystore.json", out=tmp_path / "thief.json"))
    stolen = json.loads((tmp_path / "thief.json").read_text())["keys"]
    rewrite(held / "ben.json", tmp_path / "ben.json", lambda told: told.update(keys=stolen))
    given = [
        word
        for path in (held / "ann.json", tmp_path / "ben.json", held / "cem.json")
        for word in ("--contribution", path)
    ]
    forged = tmp_path / "transcript.json"
    assert run("ceremony", "--wallet", "cold-btc", "--threshold", "2", *given, "--out", forged).exception is None
    assert isinstance(confirm(held, forged, "ben", tmp_path / "ben.confirmed").exception, NotInTranscript)
    assert not (tmp_path / "ben.confirmed").exists()
    assert isinstance(run("verify", "--transcript", forged, *confirmed).exception, BadSignature)


@pytest.mark.parametrize(
    ("threshold", "names"), [(3, HOLDERS), (1, HOLDERS), (2, HOLDERS[:2]), (2, ("ann", "ann", "ben"))]
)
def test_c11_a_set_of_keys_that_protects_nothing_makes_no_transcript(held, tmp_path, threshold, names):
    given = [word for name in names for word in ("--contribution", held / f"{name}.json")]
    done = run("ceremony", "--wallet", "w", "--threshold", threshold, *given, "--out", tmp_path / "t.json")
    assert isinstance(done.exception, CeremonyRefused)
    assert not (tmp_path / "t.json").exists()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"person": ""}, InvalidInput),
        ({"dice-file": "dice"}, InvalidInput),
        ({"key": "m/0h:p256"}, InvalidInput),
        ({"key": "m/48h/1h/0h/2h:ed25519"}, InvalidInput),
    ],
    ids=["nobody", "two second sources", "curve", "path twice"],
)
def test_a_key_is_not_drawn_from_what_is_malformed(held, tmp_path, changes, error):
    changes = {name: held / value if name == "dice-file" else value for name, value in changes.items()}
    folder = tmp_path / "k"
    done = run(
        "draw", *draw_options(held, "eve", keystore=folder / "keystore.json", out=tmp_path / "eve.json", **changes)
    )
    assert isinstance(done.exception, error)
    assert not folder.exists()


def test_no_second_source_is_no_ceremony_and_dice_are_one(held, tmp_path):
    tmp_path.chmod(0o700)
    options = draw_options(held, "eve", keystore=tmp_path / "k" / "keystore.json", out=tmp_path / "eve.json")
    place = options.index("--second-file")
    without = [*options[:place], *options[place + 2 :]]
    assert isinstance(run("draw", *without).exception, InvalidInput)
    done = run("draw", *without, "--dice-file", held / "dice")
    assert done.exception is None
    assert read_contribution(tmp_path / "eve.json").sources == ("system", "dice")
    assert isinstance(run("draw", *without, "--dice-file", held / "dice").exception, Conflict)


@pytest.mark.parametrize(
    "change", [{"format": "x"}, {"keys": []}, {"more": 1}, {"sources": "system"}, {"fingerprint": ""}]
)
def test_a_malformed_contribution_is_refused(held, tmp_path, change):
    path = rewrite(held / "ann.json", tmp_path / "x.json", lambda told: told.update(change))
    with pytest.raises((MalformedPayload, InvalidInput)):
        read_contribution(path)
