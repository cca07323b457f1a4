# ape, forge and the canonical builder make the same creation code, metadata hash included.
import json
import os
import subprocess

import pytest

from contracts import artifact_names, load_artifact
from contracts.sources import REPOSITORY

FORGE = REPOSITORY / "node_modules" / "@foundry-rs" / "forge-linux-amd64" / "bin" / "forge"
FORGE_TIMEOUT_S = 300


@pytest.fixture(scope="module")
def forge_bytecode(tmp_path_factory):
    out = tmp_path_factory.mktemp("forge")
    subprocess.run(
        [FORGE, "build", "--root", ".", "--out", out / "out", "--cache-path", out / "cache", "--skip", "test"],
        cwd=REPOSITORY,
        env={**os.environ, "FOUNDRY_CONFIG": "contracts/foundry.toml"},
        check=True,
        capture_output=True,
        timeout=FORGE_TIMEOUT_S,
    )
    return lambda name: json.loads((out / "out" / f"{name}.sol" / f"{name}.json").read_text())["bytecode"]["object"]


@pytest.mark.parametrize("name", artifact_names())
def test_ape_builds_what_the_artifact_holds(project, name):
    built = getattr(project, name).contract_type.deployment_bytecode.bytecode
    assert bytes.fromhex(built.removeprefix("0x")) == load_artifact(name).bytecode


@pytest.mark.parametrize("name", artifact_names())
def test_forge_builds_what_the_artifact_holds(forge_bytecode, name):
    assert bytes.fromhex(forge_bytecode(name).removeprefix("0x")) == load_artifact(name).bytecode
