import copy
import json
import shutil

import pytest

from contracts import build
from contracts.artifact import ARTIFACT_FOLDER

pytestmark = [
    pytest.mark.ape,
    pytest.mark.skipif(shutil.which("node") is None, reason="the compiler needs Node.js"),
]


@pytest.fixture(scope="module")
def files():
    return build.build_files()


def test_refuses_sources_with_an_error():
    source = copy.deepcopy(build.standard_input())
    source["sources"]["contracts/src/MEXT.sol"]["content"] += "contract Broken { uint256 x = true; }"
    with pytest.raises(build.CompileError, match=r"contracts/src/MEXT\.sol"):
        build.compile_sources(source)


def test_refuses_an_import_that_is_not_there():
    source = copy.deepcopy(build.standard_input())
    source["sources"]["contracts/src/MEXT.sol"]["content"] += 'import "./Nowhere.sol";'
    with pytest.raises(build.CompileError, match="not found"):
        build.compile_sources(source)


def test_check_reports_changed_missing_and_superfluous_files(files):
    changed = {**files, "MEXT.json": "{}", "Extra.json": "{}"}
    del changed["DevToken.json"]
    assert build.differences(changed) == ["DevToken.json", "Extra.json", "MEXT.json"]


def test_the_artifacts_are_what_the_sources_compile_to(files):
    assert build.differences(files) == []


def test_the_standard_input_alone_gives_the_same_code(files):
    source = json.loads((ARTIFACT_FOLDER / build.STANDARD_INPUT).read_text())
    rebuilt = build.artifacts_from(build.compile_sources(source))
    assert rebuilt["ListingVote"]["bytecode"] == json.loads(files["ListingVote.json"])["bytecode"]


def test_writing_leaves_exactly_the_built_files(files, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "ARTIFACT_FOLDER", tmp_path)
    (tmp_path / "Old.json").write_text("{}")
    build.write_files(files)
    assert {p.name for p in tmp_path.iterdir()} == set(files)
    assert build.differences(files) == []
