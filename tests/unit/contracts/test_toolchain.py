import os
import subprocess
import sys

import pytest

from contracts import toolchain


def test_refuses_a_compiler_of_another_version(monkeypatch):
    monkeypatch.setattr(toolchain, "COMPILER_VERSION", "0.8.1")
    with pytest.raises(toolchain.WrongCompiler, match=r"not solc 0\.8\.1"):
        toolchain.verify_compiler()


def test_refuses_a_compiler_that_does_not_run(monkeypatch, tmp_path):
    broken = tmp_path / "solc"
    broken.write_text("#!/bin/sh\necho 'no node' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(toolchain, "COMPILER", broken)
    with pytest.raises(toolchain.WrongCompiler, match="no node"):
        toolchain.verify_compiler()


def test_links_the_compiler_under_the_name_that_ape_expects(tmp_path):
    link = toolchain.link_compiler(tmp_path / "solcx")
    again = toolchain.link_compiler(tmp_path / "solcx")
    assert link == again
    assert link.name == "solc-v0.8.37"
    assert os.access(link, os.X_OK)


@pytest.mark.parametrize(("exists", "named"), [(True, True), (False, False)])
def test_the_line_in_the_environment_names_the_folder_only_while_it_is_there(tmp_path, exists, named):
    folder = tmp_path / "it's here" / "solcx"
    if exists:
        folder.mkdir(parents=True)
    start_file = toolchain.announce_compiler(tmp_path, folder)
    code = f"exec({start_file.read_text()!r}); print(os.environ.get('SOLCX_BINARY_PATH', ''))"
    environment = {k: v for k, v in os.environ.items() if k != "SOLCX_BINARY_PATH"}
    result = subprocess.run(
        [sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=30
    )
    assert result.stdout.strip() == (str(folder) if named else "")
