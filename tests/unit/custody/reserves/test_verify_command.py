import json
import subprocess
import sys

import pytest
from simulators.reserves_world import BTC, ETH, OWED, VECTORS, bytes_of, vector_b

from custody.reserves.builder import cut_user_proof
from custody.reserves.single_file import FILE_NAME, single_file
from custody.reserves.verify_command import main

DIGEST = VECTORS["statement"]["digest"]


@pytest.fixture
def proof(tmp_path):
    path = tmp_path / "proof.json"
    path.write_bytes(bytes_of(cut_user_proof(vector_b(), "u3@x")))
    return path


def arguments(proof, *more, account="u3@x", balance=f"{BTC}={OWED[BTC]}"):
    return [str(proof), "--account", account, "--balance", balance, *more]


@pytest.mark.parametrize(
    "balance", ["x", f"{BTC}=", f"{BTC}=1.5", f"{BTC}=-1", f"{BTC}=1e3", "=5", f"{BTC}={'9' * 81}"]
)
def test_refuses_unreadable_balance(proof, balance, capsys):
    assert main(arguments(proof, "--digest", DIGEST, balance=balance)) == 2
    assert "NOT VERIFIED" in capsys.readouterr().out


def test_refuses_asset_named_twice(proof):
    assert main(arguments(proof, "--balance", f"{BTC}=1", "--digest", DIGEST)) == 2


def test_says_not_verified_without_a_trusted_digest(proof, capsys):
    assert main(arguments(proof)) == 3
    assert "without --digest" in capsys.readouterr().out


def test_forgery_ends_in_status_three_with_its_code(proof, capsys):
    assert main(arguments(proof, "--digest", DIGEST, "--json", account="u4@x")) == 3
    assert json.loads(capsys.readouterr().out)["code"] == "root_mismatch"


def test_stated_ratio_below_one_ends_in_status_eight(tmp_path, capsys):
    case = next(case for case in VECTORS["cases"] if case["name"] == "ratio below one")
    (tmp_path / "proof.json").write_text(case["proof"])
    assert main(arguments(tmp_path / "proof.json", "--digest", case["trusted"])) == 8
    assert "below liabilities" in capsys.readouterr().out


def test_verified_says_what_is_not_proven(proof, capsys):
    assert main(arguments(proof, "--digest", DIGEST)) == 0
    out = capsys.readouterr().out
    assert "VERIFIED: your balances" in out
    assert "1.00000003" in out
    assert "Not proven: any other date" in out


def test_runs_as_a_module(proof):
    command = [sys.executable, "-m", "custody.reserves.verify", *arguments(proof, "--digest", DIGEST, account="u4@x")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (3, "")
    assert "root_mismatch" in run.stdout


def run_single(tmp_path, proof, *more):
    path = tmp_path / FILE_NAME
    path.write_text(single_file())
    # -I -S: no site packages, no environment, no working directory on the path.
    command = [sys.executable, "-I", "-S", str(path), *arguments(proof, *more, balance=f"{ETH}={OWED[ETH]}")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd="/")


def test_single_file_verifies_with_the_standard_library_alone(tmp_path, proof):
    run = run_single(tmp_path, proof, "--digest", DIGEST, "--json")
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["statement_digest"] == DIGEST


def test_single_file_refuses_as_the_package_does(tmp_path, proof):
    run = run_single(tmp_path, proof, "--digest", "00" * 32, "--json")
    assert (run.returncode, json.loads(run.stdout)["code"]) == (3, "reserves_digest")


def test_single_file_imports_nothing_of_this_project():
    assert "from custody" not in single_file()
    compile(single_file(), FILE_NAME, "exec")


def test_single_file_ends_every_vector_as_written():
    # The same judgement on every case, by the file alone.
    names = {"__name__": "single_file"}
    sys.modules["single_file"] = type(sys)("single_file")  # dataclasses look their module up
    exec(compile(single_file(), FILE_NAME, "exec"), names)
    for case in VECTORS["cases"]:
        expected = {asset: int(units) for asset, units in case["expected"].items()}
        try:
            verdict = names["verify_proof"](case["proof"].encode(), case["account"], expected, case["trusted"]).code
        except names["ToolkitError"] as error:
            verdict = error.code
        assert verdict == case["want"], case["name"]
    del sys.modules["single_file"]
