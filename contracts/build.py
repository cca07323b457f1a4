"""Canonical build of the contracts: ``python -m contracts.build``.

One standard-JSON input, sorted and complete, goes to the compiler; out come ``artifacts/<Name>.json``
and ``artifacts/standard-input.json``, the same bytes on every machine. ``--check`` compares with what
is there, changes nothing and ends with status 1 on a difference.

The settings stand once in each of three files (here, ``ape-config.yaml``, ``contracts/foundry.toml``);
a test proves that the three builders make the same creation code.
"""

import argparse
import json
import posixpath
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from contracts.artifact import ARTIFACT_FOLDER
from contracts.sources import REMAPPINGS, REPOSITORY, SOURCE_FOLDER, own_units, read_units

COMPILER = REPOSITORY / "contracts" / "tools" / "solc.mjs"
COMPILE_TIMEOUT_S = 300
STANDARD_INPUT = "standard-input.json"
DEPLOYED_FOLDERS = frozenset({SOURCE_FOLDER, f"{SOURCE_FOLDER}/devnet"})
"""Contracts that are deployed lie here; their parts lie in folders below."""
SETTINGS: Mapping[str, Any] = {
    "evmVersion": "cancun",
    "optimizer": {"enabled": True, "runs": 200},
    "outputSelection": {
        "*": {
            "*": [
                "abi",
                "evm.bytecode.object",
                "evm.deployedBytecode.object",
                "evm.deployedBytecode.immutableReferences",
                "metadata",
            ],
        },
    },
    "remappings": list(REMAPPINGS),
}


class CompileError(Exception):
    """The compiler refused the sources; the message is its own."""


def standard_input() -> dict[str, Any]:
    """Gather all sources and settings in the form that compilers and explorers take."""
    texts = read_units(own_units())
    return {
        "language": "Solidity",
        "sources": {unit: {"content": text} for unit, text in texts.items()},
        "settings": dict(SETTINGS),
    }


def compile_sources(source: Mapping[str, Any]) -> dict[str, Any]:
    """Compile a standard-JSON input.

    Args:
        source: As made by `standard_input`.

    Returns:
        Standard-JSON output without errors.

    Raises:
        CompileError: an error in the sources, or no compiler.
    """
    result = subprocess.run(  # noqa: S603 - fixed program, no shell
        [str(COMPILER), "--standard-json"],
        input=json.dumps(source),
        capture_output=True,
        text=True,
        timeout=COMPILE_TIMEOUT_S,
        check=False,
    )
    if result.returncode != 0:
        raise CompileError(result.stderr.strip())
    output: dict[str, Any] = json.loads(result.stdout)
    errors = [e["formattedMessage"] for e in output.get("errors", ()) if e["severity"] == "error"]
    if errors:
        raise CompileError("\n".join(errors))
    return output


def artifacts_from(output: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Pick what users of our contracts need from the compiler's output.

    Args:
        output: Standard-JSON output.

    Returns:
        Artifact by contract name, of the contracts that are deployed.
    """
    return {
        name: _artifact(name, unit, contract)
        for unit, contracts in output["contracts"].items()
        if posixpath.dirname(unit) in DEPLOYED_FOLDERS
        for name, contract in contracts.items()
    }


def _artifact(name: str, unit: str, contract: Mapping[str, Any]) -> dict[str, Any]:
    evm = contract["evm"]
    references = evm["deployedBytecode"]["immutableReferences"]
    return {
        "name": name,
        "source": unit,
        "abi": contract["abi"],
        "bytecode": "0x" + evm["bytecode"]["object"],
        "runtime": "0x" + evm["deployedBytecode"]["object"],
        "immutables": sorted([r["start"], r["length"]] for places in references.values() for r in places),
        "metadata": contract["metadata"],
    }


def build_files() -> dict[str, str]:
    """Build everything.

    Returns:
        Text by file name in the artifact folder.

    Raises:
        CompileError: see `compile_sources`.
    """
    source = standard_input()
    files = {STANDARD_INPUT: _canonical(source)}
    for name, artifact in artifacts_from(compile_sources(source)).items():
        files[f"{name}.json"] = _canonical(artifact)
    return files


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True) + "\n"


def differences(files: Mapping[str, str]) -> list[str]:
    """Compare a build with the artifact folder.

    Args:
        files: As made by `build_files`.

    Returns:
        Names of files that are missing, superfluous or different, sorted.
    """
    present = {p.name: p.read_text(encoding="utf-8") for p in ARTIFACT_FOLDER.glob("*.json")}
    names = present.keys() | files.keys()
    return sorted(name for name in names if present.get(name) != files.get(name))


def write_files(files: Mapping[str, str]) -> None:
    """Make the artifact folder hold exactly these files.

    Args:
        files: Text by file name.
    """
    ARTIFACT_FOLDER.mkdir(exist_ok=True)
    for old in ARTIFACT_FOLDER.glob("*.json"):
        if old.name not in files:
            old.unlink()
    for name, text in files.items():
        (ARTIFACT_FOLDER / name).write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Build the contracts, or check that the artifacts are up to date."""
    parser = argparse.ArgumentParser(prog="python -m contracts.build", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="compare, change nothing")
    check = parser.parse_args(arguments).check
    try:
        files = build_files()
    except CompileError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    changed = differences(files)
    if not check:
        write_files(files)
    sys.stdout.writelines(f"{name} {'differs' if check else 'written'}\n" for name in changed)
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
