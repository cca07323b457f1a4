# The program that stands for `solc`: its command line, its two older outputs, and large inputs.
import hashlib
import json
import shutil
import subprocess

import pytest

from contracts.build import COMPILER

pytestmark = [
    pytest.mark.ape,
    pytest.mark.skipif(shutil.which("node") is None, reason="the compiler needs Node.js"),
]
SOURCE = "// SPDX-License-Identifier: MIT\npragma solidity ^0.8.0;\ncontract One { uint256 public x = 1; }\n"
LARGE_BYTES = 5_000_000


def solc(*arguments, text=None, cwd=None):
    return subprocess.run(
        [str(COMPILER), *arguments], input=text, capture_output=True, text=True, cwd=cwd, timeout=120, check=False
    )


def standard(sources, **settings):
    chosen = {"outputSelection": {"*": {"*": ["evm.bytecode.object"]}}, **settings}
    return json.dumps({"language": "Solidity", "sources": sources, "settings": chosen})


def bytecode(result, unit="One.sol", name="One"):
    return json.loads(result.stdout)["contracts"][unit][name]["evm"]["bytecode"]["object"]


@pytest.mark.parametrize("arguments", [["--frobnicate"], ["--base-path"], [], ["--optimize=1", "A.sol"]])
def test_refuses_a_command_line_that_makes_no_sense(arguments):
    result = solc(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("solc: ")


def test_compile_errors_of_files_end_with_status_one(tmp_path):
    (tmp_path / "Bad.sol").write_text(SOURCE.replace("= 1", "= true"))
    result = solc("--combined-json", "bin", "Bad.sol", cwd=tmp_path)
    assert result.returncode == 1
    assert "TypeError" in result.stderr


def test_compile_errors_of_standard_json_stay_in_the_answer():
    result = solc("--standard-json", text=standard({"One.sol": {"content": SOURCE.replace("= 1", "= true")}}))
    assert result.returncode == 0
    assert json.loads(result.stdout)["errors"][0]["type"] == "TypeError"


def test_an_import_outside_the_search_path_is_not_found(tmp_path):
    text = standard({"One.sol": {"content": 'import "missing/Two.sol";\n' + SOURCE}})
    result = solc("--standard-json", "--base-path", str(tmp_path), text=text)
    assert "not found" in json.loads(result.stdout)["errors"][0]["message"]


def test_tells_its_version_twice_the_same():
    first, second = solc("--version"), solc("--version")
    assert first.stdout == second.stdout
    assert first.stdout.splitlines()[1].startswith("Version: 0.8.37+commit.")


def test_reads_imports_and_urls_from_the_search_path(tmp_path):
    base, extra = tmp_path / "base", tmp_path / "extra"
    (extra / "lib").mkdir(parents=True)
    base.mkdir()
    (base / "One.sol").write_text('import "lib/Two.sol";\n' + SOURCE)
    (extra / "lib" / "Two.sol").write_text(SOURCE.replace("One", "Two"))
    text = standard({"One.sol": {"urls": ["One.sol"]}})
    result = solc("--standard-json", "--base-path", str(base), f"--include-path={extra}", text=text)
    assert bytecode(result)


def test_a_large_input_compiles_to_the_same_code_as_a_small_one():
    bulk = {f"Bulk{i}.sol": {"content": f"// {'x' * (LARGE_BYTES // 10)}\n"} for i in range(10)}
    one = {"content": SOURCE}
    small = solc("--standard-json", text=standard({"One.sol": one}))
    large = solc("--standard-json", text=standard({"One.sol": one, **bulk}))
    assert bytecode(small) == bytecode(large)


def test_combined_json_is_keyed_by_file_and_contract(tmp_path):
    (tmp_path / "One.sol").write_text(SOURCE)
    result = solc("--combined-json", "abi,bin,bin-runtime,hashes", "--optimize", "One.sol", cwd=tmp_path)
    answer = json.loads(result.stdout)
    contract = answer["contracts"]["One.sol:One"]
    assert set(contract) == {"abi", "bin", "bin-runtime", "hashes"}
    assert contract["hashes"] == {"x()": "0c55699c"}
    assert contract["bin-runtime"] in contract["bin"]
    assert answer["sourceList"] == ["One.sol"]


def test_remappings_on_the_command_line_are_followed(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "Two.sol").write_text(SOURCE.replace("One", "Two"))
    (tmp_path / "One.sol").write_text('import "@two/Two.sol";\n' + SOURCE)
    result = solc("--combined-json=bin", "@two/=lib/", "One.sol", cwd=tmp_path)
    assert "lib/Two.sol:Two" in json.loads(result.stdout)["contracts"]


def test_writes_one_syntax_tree_a_source(tmp_path):
    (tmp_path / "One.sol").write_text(SOURCE)
    result = solc("--ast-compact-json", "-o", str(tmp_path / "out"), "One.sol", cwd=tmp_path)
    assert result.returncode == 0
    tree = json.loads((tmp_path / "out" / "One.sol_json.ast").read_text())
    assert tree["nodeType"] == "SourceUnit"


def test_the_same_input_gives_the_same_answer():
    text = standard({"One.sol": {"content": SOURCE}})
    digests = {hashlib.sha256(solc("--standard-json", text=text).stdout.encode()).hexdigest() for _ in range(2)}
    assert len(digests) == 1
