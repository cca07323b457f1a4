# What documents name exists: commands of mext with their options, modules and what is in them, files.
import ast
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import typer

from custody.chains.mechanisms import MECHANISMS
from custody.chains.registry import chain_row
from exchange.cli.main import app

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CHAINS_PAGE = (ROOT / "docs" / "chains.md").read_text()
COMMAND = re.compile(r"(?:`|^ {4}|^)(?:uv run )?mext (?!=)([^`\n#|]*)", re.MULTILINE)
"""In backticks, or at the start of a line of code."""
MODULE = re.compile(r"\b((?:custody|governance|exchange|contracts|benchmarks|tests|simulators)(?:\.\w+)+)\b(?!\.\w)")
FILE = re.compile(r"`([\w./-]+\.(?:py|yaml|sol|json|toml))(?::\d+)?`")
FOLDER = re.compile(r"`((?:custody|governance|exchange|contracts|benchmarks|tests|docs)/[\w./-]+)`")
WRITTEN = {
    "token.json", "backup.json",
    "blueprint.json", "breaker.json", "breaker.log", "endpoints.json", "keystore.json", "rules.json",
    "gates.json", "frost/<id>.json", "wallets/<id>.json", "proof.json", "setup.json", "mext-por-verify.py", "statement.json",
    "places.json", "sequences.json",
}  # fmt: skip
"""Files that the toolkit writes: they are nowhere in the tree."""


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@cache
def tree():
    kept = ("custody", "governance", "exchange", "contracts", "benchmarks", "tests", "docs")
    return {*ROOT.glob("*")} | {path for folder in kept for path in (ROOT / folder).rglob("*")}


def faults_of_command(words):
    """Walk from `mext` into its subcommands; the first word that is none must be an argument or an option."""
    command = typer.main.get_command(app)
    words = list(words)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        found = command.commands.get(words[0])
        if found is None:
            return [f"mext has no command {words[0]!r}"]
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return [f"{command.name} has no option {word}" for word in words if word.startswith("--") and word not in known]


def named_in(module, names):
    """Tell whether a chain of names stands in a module: the first at its top, the others in that class."""
    body = ast.parse(module.read_text()).body
    for name in names:
        found = next((node for node in body if name in names_of(node)), None)
        if found is None:
            return False
        body = getattr(found, "body", [])
    return True


def names_of(node):
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    if isinstance(node, ast.AnnAssign):
        return {node.target.id} if isinstance(node.target, ast.Name) else set()
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name for alias in node.names}
    return {node.name} if hasattr(node, "name") else set()


def exists_dotted(text):
    """Tell whether a dotted name is a package, a module, or something in one."""
    parts = text.split(".")
    base = ROOT / "tests" if parts[0] == "simulators" else ROOT
    for length in range(len(parts), 0, -1):
        place = base.joinpath(*parts[:length])
        for module in (place.with_suffix(".py"), place / "__init__.py"):
            if module.is_file():
                return length == len(parts) or named_in(module, parts[length:])
        if place.is_dir() and length == len(parts):
            return True
    return False


def exists_file(text):
    return text in WRITTEN or any(name_of(path) == text or name_of(path).endswith(f"/{text}") for path in tree())


@pytest.mark.parametrize(
    "line", ["nonsense", "devnet", "devnet up --folder x", "devnet down", "treasury status --png x", "chains --json"]
)
def test_the_check_of_commands_can_fail(line):
    assert bool(faults_of_command(line.split())) == (line in {"nonsense", "devnet down", "treasury status --png x"})


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("custody.monitor", True),
        ("custody.monitor.rules.unbalanced", True),
        ("custody.monitor.rules.balanced", False),
        ("custody.chains.port.Codec.bump", True),
        ("custody.chains.port.Codec.rise", False),
        ("custody.chain", False),
        ("exchange.app.ethereum", False),
        ("simulators.crash_and_lie", True),
    ],
)
def test_the_check_of_names_can_fail(text, is_there):
    assert exists_dotted(text) == is_there


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_command_that_a_document_names_exists(path):
    lines = [line.strip() for line in COMMAND.findall(path.read_text())]
    faults = [fault for line in lines for fault in faults_of_command(shlex.split(line.split(" | ")[0]))]
    assert faults == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_module_that_a_document_names_exists(path):
    names = [name for name in MODULE.findall(path.read_text()) if not name.endswith((".md", ".db"))]
    assert [name for name in names if not exists_dotted(name)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_file_that_a_document_names_exists(path):
    text = path.read_text()
    named = [*FILE.findall(text), *(folder.rstrip("/") for folder in FOLDER.findall(text))]
    assert [name for name in named if not exists_file(name)] == []


def test_commands_are_found_in_the_documents_at_all():
    found = {line.split()[0] for path in DOCUMENTS for line in COMMAND.findall(path.read_text()) if line.split()}
    assert {"demo", "por", "signer", "treasury", "breaker", "chains"} <= found


def test_the_table_of_chains_says_what_the_rows_say():
    rows = re.findall(r"^\| (\w+) \|(?:[^|]*\|){2} (\d+), (\d+)[^|]*\|([^|]*)\|([^|]*)\|$", CHAINS_PAGE, re.MULTILINE)
    shown = [
        (name, int(credit), int(final), tokens.strip(), how.strip().lower())
        for name, credit, final, tokens, how in rows
    ]
    assert shown == [
        (name, chain_row(name).credit_depth, chain_row(name).final_depth, how.tokens, how.evidence.value)
        for name, how in MECHANISMS.items()
    ]
