# The style guards itself: sizes, banned calls and names, one code per error. The list of exceptions may only shrink.
import ast
import importlib
import pkgutil
from collections import Counter
from pathlib import Path

import pytest

from custody.primitives import errors

ROOT = Path(__file__).parent.parent
PACKAGES = ("custody", "governance", "exchange", "contracts")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "vendor" not in path.parts)
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 5
LONG_MODULES = {"exchange/engine/core.py"}  # Numba's cache watches one file only
CLOCK_READERS = {"custody/primitives/clock.py"}
PRINTERS = ("exchange/cli/", "custody/devnet/", "contracts/", "custody/signers/__main__.py")  # programs of their own
BANNED_NAMES = {"utils", "helpers", "manager", "handler", "misc", "common"}
ROOMS = {"custody", "contracts", "governance", "exchange", "tests", "docs", "benchmarks"}
INSTALLED = {"node_modules", "__pycache__", "dist"}
KINDS = (
    errors.InvalidInput,
    errors.Refused,
    errors.Conflict,
    errors.Unavailable,
    errors.VerificationFailed,
    errors.InvariantBroken,
)


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def tree_of(path):
    return ast.parse(path.read_text())


def called(node):
    target = node.func
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
        return f"{target.value.id}.{target.attr}"
    return ""


def test_nothing_but_the_rooms_stands_here():
    there = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert there - INSTALLED == ROOMS


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_module_is_tidy(path):
    name, tree = name_of(path), tree_of(path)
    lines = len(path.read_text().splitlines())
    problems = []
    if lines > MAX_MODULE_LINES and name not in LONG_MODULES:
        problems.append(f"{lines} lines, at most {MAX_MODULE_LINES}")
    if path.stem in BANNED_NAMES:
        problems.append(f"banned name {path.stem}")
    if ast.get_docstring(tree) is None:
        problems.append("no module docstring")
    for node in ast.walk(tree):
        problems += function_problems(node, name) + call_problems(node, name)
    assert problems == []


def function_problems(node, name):
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or name in LONG_MODULES:
        return []
    body = node.end_lineno - node.lineno + 1
    arguments = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    counted = [a for a in arguments if a not in ("self", "cls")]
    found = []
    if body > MAX_FUNCTION_LINES:
        found.append(f"{node.name}: {body} lines, at most {MAX_FUNCTION_LINES}")
    if len(counted) > MAX_PARAMETERS and not is_command(node, name):
        found.append(f"{node.name}: {len(counted)} parameters, at most {MAX_PARAMETERS}")
    return found


def is_command(node, name):
    # The options of a command line are its interface, not a parameter list someone calls.
    return name.startswith("exchange/cli/") and bool(node.decorator_list)


def call_problems(node, name):
    if isinstance(node, ast.Assert):
        return [f"line {node.lineno}: assert disappears under python -O; use invariant"]
    if isinstance(node, ast.ExceptHandler):
        broad = node.type is None or (
            isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
        )
        raises_again = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
        return [f"line {node.lineno}: broad except that swallows"] if broad and not raises_again else []
    if not isinstance(node, ast.Call):
        return []
    banned = {"float", "datetime.now", "datetime.utcnow", "eval", "exec"}
    if not name.startswith(PRINTERS):
        banned.add("print")
    if name not in CLOCK_READERS:
        banned.add("time.time")
    call = called(node)
    if call in banned or call.startswith("random."):
        return [f"line {node.lineno}: {call}() is banned here"]
    return []


def all_error_classes():
    for package in PACKAGES:
        root = importlib.import_module(package)
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            if found.name.endswith("__main__") or ".tools" in found.name:
                continue
            module = importlib.import_module(found.name)
            for item in vars(module).values():
                if isinstance(item, type) and issubclass(item, errors.ToolkitError) and item.__module__ == found.name:
                    yield item


def test_every_error_has_its_own_code_and_one_of_six_kinds():
    classes = set(all_error_classes())
    codes = Counter(cls.__dict__.get("code", f"{cls.__name__}: none") for cls in classes)
    assert [code for code, count in codes.items() if count > 1] == []
    assert [cls for cls in classes if "code" not in cls.__dict__] == []
    strays = [c for c in classes if c is not errors.ToolkitError and sum(issubclass(c, k) for k in KINDS) != 1]
    assert strays == []


def test_long_module_list_names_only_modules_that_need_it():
    needless = [n for n in LONG_MODULES if len((ROOT / n).read_text().splitlines()) <= MAX_MODULE_LINES]
    assert needless == []
