import json
import os
from dataclasses import asdict

import pytest
from typer.testing import CliRunner

from custody.devnet.network import ENDPOINTS_FILE, KINDS, ChainEndpoint
from custody.primitives.errors import Conflict, InvalidInput, NotFound
from exchange.cli.devnet import app


def status(folder, *more):
    return CliRunner().invoke(app, ["status", "--folder", str(folder), *more])


def write(folder, endpoints):
    (folder / ENDPOINTS_FILE).write_text(json.dumps([asdict(each) for each in endpoints]))


def test_a_folder_from_which_nothing_runs_is_named_with_the_cure(tmp_path):
    error = status(tmp_path).exception
    assert isinstance(error, NotFound)
    assert str(tmp_path) in error.message
    assert "mext devnet up" in error.message


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"chain": "x"}]'])
def test_a_damaged_list_of_endpoints_is_unusable_input(tmp_path, content):
    (tmp_path / ENDPOINTS_FILE).write_text(content)
    assert isinstance(status(tmp_path).exception, InvalidInput)


def test_every_chain_of_the_local_network_has_a_line_and_all_lines_have_the_same_columns(tmp_path):
    gone, here = 2**22 + 1, os.getpid()
    write(
        tmp_path,
        [
            ChainEndpoint(kind.chain, kind.evidence, "http://127.0.0.1:1", "", here if place else gone, "a.log")
            for place, kind in enumerate(KINDS)
        ],
    )
    lines = status(tmp_path).output.splitlines()
    assert [line.split()[0] for line in lines] == [kind.chain for kind in KINDS]
    assert len({line.index("http://") for line in lines}) == 1
    assert [" running " in line for line in lines] == [False] + [True] * (len(KINDS) - 1)
    assert " stopped " in lines[0]
    rows = json.loads(status(tmp_path, "--json").output)
    assert [row["running"] for row in rows] == [False] + [True] * (len(KINDS) - 1)


def test_chains_that_run_are_not_started_again_in_their_folder(tmp_path):
    write(tmp_path, [ChainEndpoint("bitcoin-regtest", "node", "http://127.0.0.1:1", "", os.getpid(), "a.log")])
    error = CliRunner().invoke(app, ["up", "--folder", str(tmp_path)]).exception
    assert isinstance(error, Conflict)
    assert "bitcoin-regtest" in error.message
    assert [path.name for path in tmp_path.iterdir()] == [ENDPOINTS_FILE]


def test_the_help_counts_the_chains_that_are_started():
    words = {8: "eight"}
    assert f"Start the {words[len(KINDS)]} local chains." in CliRunner().invoke(app, ["--help"]).output
