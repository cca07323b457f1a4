import json
import shutil
from itertools import pairwise

import pytest
from typer.testing import CliRunner

from custody.keys.keystore import KeystoreSealBroken, read_keystore, seal, unseal, write_keystore
from custody.keys.mnemonic import generate
from custody.keys.private_files import make_private_folder, write_new_private
from custody.keys.shares import SharesMissing, WrongShare
from custody.primitives.errors import Conflict, InvalidInput, MalformedPayload, NotFound, Refused
from custody.primitives.secret import Secret
from exchange.app.backups import FingerprintMismatch, drill, read_backup, read_share
from exchange.cli.key_material import app

PASSPHRASE = Secret(b"a passphrase of some length")
WORDS = generate(Secret(bytes(range(32))))


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def pairs_in(*texts):
    """Neighbouring words: single ones, such as "group" and "member", stand in records too."""
    return {pair for text in texts for pair in pairwise(text.replace('"', " ").split())}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backup")
    folder.chmod(0o700)
    write_keystore(folder / "keystore.json", seal(WORDS, PASSPHRASE))
    write_new_private(folder / "passphrase", PASSPHRASE.reveal() + b"\n")
    options = ["--keystore", folder / "keystore.json", "--passphrase-file", folder / "passphrase"]
    done = run("backup", *options, "--out", folder / "shares")
    assert done.exception is None, done.exception
    assert "15 shares" in done.output
    return folder


def share_files(made, *places):
    return [made / "shares" / f"group-{group}-share-{member}.txt" for group, member in places]


ENOUGH = ((1, 1), (1, 3), (1, 5), (3, 2), (3, 3), (3, 4))


def options_for(made, *places):
    shares = [word for path in share_files(made, *places) for word in ("--share", path)]
    return [*shares, "--backup", made / "shares" / "backup.json"]


def test_a_backup_is_fifteen_closed_files_and_a_public_one_without_a_word(made):
    files = sorted((made / "shares").glob("*.txt"))
    assert len(files) == 15
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    told = json.loads((made / "shares" / "backup.json").read_text())
    assert told["groups"] == [{"needed": 3, "members": 5}] * 3
    assert not pairs_in(*(path.read_text() for path in files)) & pairs_in(json.dumps(told))


def test_a_backup_is_never_written_over_another(made):
    before = {path.name: path.read_bytes() for path in (made / "shares").iterdir()}
    options = ["--keystore", made / "keystore.json", "--passphrase-file", made / "passphrase"]
    assert isinstance(run("backup", *options, "--out", made / "shares").exception, Conflict)
    assert {path.name: path.read_bytes() for path in (made / "shares").iterdir()} == before


def test_what_was_backed_up_is_restored_under_a_new_passphrase(made, tmp_path):
    write_new_private(tmp_path / "other", b"another passphrase\n")
    target = tmp_path / "new" / "keystore.json"
    options = ["--keystore", target, "--passphrase-file", tmp_path / "other"]
    done = run("restore", *options_for(made, *ENOUGH), *options)
    assert done.exception is None
    assert unseal(read_keystore(target), Secret(b"another passphrase")) == WORDS
    assert isinstance(run("restore", *options_for(made, *ENOUGH), *options).exception, Conflict)
    with pytest.raises(KeystoreSealBroken):
        unseal(read_keystore(target), PASSPHRASE)


def test_a_drill_leaves_a_dated_record_without_a_word_of_a_share(made, tmp_path):
    done = run("drill", *options_for(made, *ENOUGH), "--records", tmp_path / "records")
    assert done.exception is None
    (record,) = (tmp_path / "records").iterdir()
    told = json.loads(record.read_text())
    assert told["result"] == "recovered"
    assert told["shares"] == [{"group": group, "member": member} for group, member in ENOUGH]
    secret = pairs_in(WORDS.reveal().decode(), *(path.read_text() for path in share_files(made, *ENOUGH)))
    assert not secret & pairs_in(record.read_text(), done.output)


# F04
@pytest.mark.parametrize(("places", "error"), [(ENOUGH[:5], SharesMissing), ((*ENOUGH, ENOUGH[0]), WrongShare)])
def test_f04_a_failed_drill_is_on_record_and_restores_nothing(made, tmp_path, places, error):
    done = run("drill", *options_for(made, *places), "--records", tmp_path / "records")
    assert isinstance(done.exception, error)
    (record,) = (tmp_path / "records").iterdir()
    assert json.loads(record.read_text())["result"] == error.code
    target = tmp_path / "keystore.json"
    options = ["--keystore", target, "--passphrase-file", made / "passphrase"]
    assert isinstance(run("restore", *options_for(made, *places), *options).exception, error)
    assert not target.exists()


def test_f04_the_shares_of_another_backup_are_not_taken_for_this_one(made, tmp_path):
    backup = read_backup(made / "shares" / "backup.json")
    make_private_folder(tmp_path / "other")
    write_keystore(tmp_path / "other" / "keystore.json", seal(generate(Secret(bytes(32))), PASSPHRASE))
    options = ["--keystore", tmp_path / "other" / "keystore.json", "--passphrase-file", made / "passphrase"]
    run("backup", *options, "--out", tmp_path / "other" / "shares", "--group", "2of2", "--groups-needed", "1")
    shares = [read_share(path) for path in sorted((tmp_path / "other" / "shares").glob("*.txt"))]
    with pytest.raises(FingerprintMismatch):
        drill(shares, backup, tmp_path / "records", 1_700_000_000)
    assert (
        json.loads((tmp_path / "records" / "drill-2023-11-14T22-13-20Z.json").read_text())["result"]
        == "fingerprint_mismatch"
    )


@pytest.mark.parametrize(
    "group", ["", "3", "3of", "of5", "3of5of7", "-1of5", "3 of 5", "1of1", "6of5", "3of17", "٣of٥"]
)
def test_a_group_has_its_form(made, tmp_path, group):
    options = ["--keystore", made / "keystore.json", "--passphrase-file", made / "passphrase"]
    done = run("backup", *options, "--out", tmp_path / "x", "--group", group, "--groups-needed", "1")
    assert isinstance(done.exception, InvalidInput)
    assert not (tmp_path / "x").exists()


def test_a_share_open_to_others_and_one_that_is_not_there_are_refused(made, tmp_path):
    shutil.copy(share_files(made, (1, 1))[0], tmp_path / "share.txt")
    (tmp_path / "share.txt").chmod(0o644)
    with pytest.raises(Refused, match="open to others"):
        read_share(tmp_path / "share.txt")
    with pytest.raises(NotFound):
        read_share(tmp_path / "nobody.txt")


def test_a_share_typed_in_lines_and_capitals_is_read(made):
    path = share_files(made, (1, 1))[0]
    typed = made / "typed.txt"
    write_new_private(typed, path.read_bytes().upper().replace(b" ", b"\n "))
    assert read_share(typed) == read_share(path)


@pytest.mark.parametrize(
    "change", [{"format": "x"}, {"fingerprint": "00"}, {"threshold": "2"}, {"more": 1}, {"groups": []}]
)
def test_a_malformed_description_is_refused(made, tmp_path, change):
    told = json.loads((made / "shares" / "backup.json").read_text()) | change
    write_new_private(tmp_path / "backup.json", json.dumps(told).encode())
    with pytest.raises((MalformedPayload, InvalidInput)):
        read_backup(tmp_path / "backup.json")
