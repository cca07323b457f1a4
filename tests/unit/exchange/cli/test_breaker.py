import json

import pytest
from typer.testing import CliRunner

from custody.monitor.breaker import FileBreaker
from custody.primitives.errors import MalformedPayload, NotFound
from exchange.cli.breaker import app

GOOD = {"intent_hash": "00" * 32, "approver": "ann", "verdict": "approve", "at_s": 1, "signature": "00" * 64}


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"7", b"\xff", json.dumps({**GOOD, "verdict": "maybe"}).encode(),
        json.dumps({**GOOD, "intent_hash": "zz"}).encode(), json.dumps({**GOOD, "at_s": "now"}).encode(),
        json.dumps({"approver": "ann"}).encode(), json.dumps(GOOD).encode() + b" " * 5_000 + b"x",
    ],
    ids=["empty", "cut", "list", "number", "not utf-8", "verdict", "hash", "time", "fields", "long"],
)  # fmt: skip
def test_a_file_that_is_no_approval_is_refused_by_name(tmp_path, content):
    vote = tmp_path / "vote.json"
    vote.write_bytes(content)
    error = run("close", "asset:BTC", vote, "--home", tmp_path).exception
    if content.endswith(b"x"):
        assert isinstance(error, NotFound)  # what follows the first 4 KiB is not looked at
    else:
        assert isinstance(error, MalformedPayload)
        assert str(vote) in error.message


def test_approving_a_stop_that_is_not_there_is_refused_and_writes_nothing(tmp_path):
    vote = tmp_path / "vote.json"
    error = run("approve", "asset:BTC", "--as", "alice", "--out", vote, "--home", tmp_path).exception
    assert isinstance(error, NotFound)
    assert not vote.exists()


def test_a_folder_without_an_installation_is_not_shown_as_one_where_nothing_is_stopped(tmp_path):
    assert isinstance(run("show", "--home", tmp_path).exception, NotFound)
    assert isinstance(run("show", "--home", tmp_path / "mistyped").exception, NotFound)


def test_show_tells_what_is_stopped_and_its_status_says_whether_anything_is(tmp_path):
    (tmp_path / "blueprint.json").write_text("{}")
    assert (run("show", "--home", tmp_path).exit_code, run("show", "--home", tmp_path).output) == (0, "0 stopped\n")
    FileBreaker(tmp_path / "breaker.json").open("asset:BTC", "because")
    assert run("show", "--home", tmp_path).exit_code == 4
    shown = json.loads(run("show", "--json", "--home", tmp_path).output)
    assert (list(shown), shown["asset:BTC"]["reason"]) == (["asset:BTC"], "because")
