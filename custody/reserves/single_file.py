"""The verifier as one file a customer can read, keep and run with nothing but Python.

Rules:
    * Made from the very modules of this package, not a second implementation; only their imports of each other go.
    * Two modules that define one name are an error here, not a surprise there.

Example:
    Path("mext-por-verify.py").write_text(single_file())
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

from custody.primitives.invariant import invariant

FILE_NAME = "mext-por-verify.py"
MODULES = (
    "custody.primitives.errors",
    "custody.primitives.ids",
    "custody.primitives.encoding",
    "custody.reserves.leaf",
    "custody.reserves.proof",
    "custody.reserves.strict_json",
    "custody.reserves.published",
    "custody.reserves.verify",
    "custody.reserves.verify_command",
)
"""In the order of their imports."""
_HEAD = '''#!/usr/bin/env python3
"""Verify a proof of reserves, offline, with Python 3.11 or later and nothing else: python mext-por-verify.py --help.

Compare the SHA-256 of this file with the published one before you believe it.
"""

from __future__ import annotations

'''
_TAIL = """

if __name__ == "__main__":
    raise SystemExit(main())
"""


def single_file() -> str:
    """Write the verifier as one Python file.

    Raises:
        InvariantBroken: Two modules define the same name.
    """
    imports: set[str] = set()
    bodies: list[str] = []
    defined: dict[str, str] = {}
    for name in MODULES:
        source = Path(str(import_module(name).__file__)).read_text(encoding="utf-8")
        kept, module_imports = _body(source)
        imports |= module_imports
        for symbol in _symbols(source):
            owner = defined.setdefault(symbol, name)
            invariant(owner == name, "every name of the one file has one meaning", symbol=symbol)
        bodies.append(f"# {name} {'-' * (110 - len(name))}\n\n{kept}")
    return _HEAD + "\n".join(sorted(imports)) + "\n\n" + "\n\n\n".join(bodies) + _TAIL


def _body(source: str) -> tuple[str, set[str]]:
    lines = source.splitlines()
    imports: set[str] = set()
    for node in ast.parse(source).body:
        is_import = isinstance(node, ast.Import | ast.ImportFrom)
        is_docstring = node.lineno <= 1 and isinstance(node, ast.Expr)
        is_entry = isinstance(node, ast.If)  # the module's own `if __name__ == "__main__"`
        if not (is_import or is_docstring or is_entry):
            continue
        if is_import and not _is_own(node):
            imports.add(ast.unparse(node))
        for at in range(node.lineno - 1, node.end_lineno or node.lineno):
            lines[at] = ""
    return "\n".join(lines).strip("\n"), imports


def _is_own(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("custody", "__future__")


def _symbols(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        for target in node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]:
            found |= {name.id for name in ast.walk(target) if isinstance(name, ast.Name)} if target else set()
    return found
