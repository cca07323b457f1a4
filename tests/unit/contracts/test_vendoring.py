# The copies of the library equal the pinned release, byte for byte.
import shutil

import pytest

from contracts.vendoring import HASH_LIST, LIBRARY_VERSION, RELEASE, VENDOR, copy_library, differences, needed_files

pytestmark = pytest.mark.skipif(not RELEASE.is_dir(), reason="npm packages are not installed")


@pytest.fixture
def copies(tmp_path):
    return shutil.copytree(VENDOR, tmp_path / "vendor")


def test_reports_an_edited_file(copies):
    edited = copies / "token/ERC20/ERC20.sol"
    edited.write_text(edited.read_text() + "\n")
    assert differences(folder=copies) == [
        "token/ERC20/ERC20.sol differs from the release",
        f"{HASH_LIST} does not match the files",
    ]


def test_reports_a_missing_and_a_superfluous_file(copies):
    (copies / "token/ERC20/ERC20.sol").unlink()
    (copies / "Extra.sol").write_text("// nothing")
    assert differences(folder=copies)[:2] == ["Extra.sol is not needed", "token/ERC20/ERC20.sol is missing"]


def test_reports_another_release(tmp_path, copies):
    release = shutil.copytree(RELEASE, tmp_path / "release", ignore=shutil.ignore_patterns("build"))
    package = release / "package.json"
    package.write_text(package.read_text().replace(f'"version": "{LIBRARY_VERSION}"', '"version": "5.0.0"'))
    assert differences(release=release, folder=copies) == [f"the release is 5.0.0, the copies are {LIBRARY_VERSION}"]


def test_the_copies_equal_the_release():
    assert differences() == []


def test_the_licence_and_the_version_stand_beside_the_copies():
    assert "MIT" in (VENDOR / "LICENSE").read_text()
    assert (VENDOR / "VERSION").read_text().strip() == LIBRARY_VERSION


def test_copying_again_changes_nothing(tmp_path):
    folder = tmp_path / "vendor"
    folder.mkdir()
    assert copy_library(folder=folder) == len(needed_files())
    assert (folder / HASH_LIST).read_text() == (VENDOR / HASH_LIST).read_text()
