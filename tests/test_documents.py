# Documents that are checked: examples in docstrings run, links lead somewhere, the README names commands that exist.
import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("custody", "governance", "exchange", "contracts")
WITH_EXAMPLES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "vendor" not in path.parts and re.search(r"^\s*>>> ", path.read_text(), re.MULTILINE)
)
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def name_of(path):
    return path.relative_to(ROOT).as_posix()


# The compiled core is imported, never run as a script: its compile cache is keyed by the module's name.
@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=name_of)
def test_examples_in_docstrings_run(path):
    module = importlib.import_module(name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    failed, tried = doctest.testmod(module)
    assert tried > 0
    assert failed == 0


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_between_documents_lead_somewhere(path):
    broken = [link for link in LINK.findall(path.read_text()) if not (path.parent / link).exists()]
    assert broken == []


def test_readme_names_only_make_targets_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^    )make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {"run", "test"} <= named <= targets


def test_every_command_of_the_help_has_help_of_its_own():
    top = subprocess.run([sys.executable, "-m", "exchange.cli", "--help"], capture_output=True, text=True, check=True)
    commands = re.findall(r"^  ([a-z]+)  ", top.stdout, re.MULTILINE)
    rooms = {"chains", "devnet", "wallet", "por", "treasury", "breaker", "journal"}
    assert {"demo", "serve", "signer", "doctor"} | rooms <= set(commands)
    assert re.findall(r"^  [a-z]+  .*\.\.\.$", top.stdout, re.MULTILINE) == []  # nothing is cut off
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "exchange.cli", command, "--help"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "Usage:" in done.stdout
