# Every attack of docs/attacks.md has a test whose name begins with its id; no test claims an id that is not there.
import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IDS = re.findall(r"^\| ([A-Z]\d\d) \|", (ROOT / "docs" / "attacks.md").read_text(), re.MULTILINE)
NAMED = re.compile(r"test_([a-f]\d\d)_")


def claimed():
    found = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and (match := NAMED.match(node.name)):
                found.setdefault(match[1].upper(), []).append(f"{path.relative_to(ROOT)}::{node.name}")
    return found


CLAIMED = claimed()


def test_the_catalogue_names_each_attack_once():
    assert len(IDS) == len(set(IDS)) == 93


@pytest.mark.parametrize("attack", IDS)
def test_the_attack_has_a_test(attack):
    assert CLAIMED.get(attack)


def test_no_test_claims_an_attack_that_is_not_in_the_catalogue():
    letters = {each[0] for each in IDS}
    assert sorted({each for each in CLAIMED if each[0] in letters} - set(IDS)) == []
