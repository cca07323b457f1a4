import json
from dataclasses import FrozenInstanceError

import pytest

from contracts import Immutable, UnknownContract, artifact_names, load_artifact

EIP170_LIMIT_BYTES = 24_576


def test_refuses_an_unknown_name_and_tells_the_known_ones():
    with pytest.raises(UnknownContract, match="MEXT") as refusal:
        load_artifact("Mext")
    assert refusal.value.name == "Mext"
    assert "ListingVote" in refusal.value.known


@pytest.mark.parametrize("name", ["../artifact", "standard-input", "", "/etc/passwd"])
def test_refuses_names_that_are_paths(name):
    with pytest.raises(UnknownContract):
        load_artifact(name)


def test_an_artifact_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        load_artifact("MEXT").name = "other"


def test_knows_the_contracts_that_are_deployed():
    assert artifact_names() == ("DevToken", "EmptyVault", "ListingVote", "MEXT", "ReserveRegistry")


@pytest.mark.parametrize("name", artifact_names())
def test_code_fits_the_limit_of_the_chain(name):
    artifact = load_artifact(name)
    assert 0 < len(artifact.runtime) <= EIP170_LIMIT_BYTES
    assert artifact.runtime in artifact.bytecode


def test_code_on_a_chain_matches_whatever_its_immutables_hold():
    artifact = load_artifact("MEXT")
    code = bytearray(artifact.runtime)
    for place in artifact.immutables:
        code[place.start : place.start + place.length] = b"\xab" * place.length
    assert artifact.matches_runtime(bytes(code))


def test_one_other_byte_outside_the_immutables_does_not_match():
    artifact = load_artifact("MEXT")
    covered = {i for place in artifact.immutables for i in range(place.start, place.start + place.length)}
    position = next(i for i in range(len(artifact.runtime)) if i not in covered)
    code = bytearray(artifact.runtime)
    code[position] ^= 1
    assert not artifact.matches_runtime(bytes(code))


@pytest.mark.parametrize("change", [lambda code: code + b"\x00", lambda code: code[:-1], lambda _: b""])
def test_code_of_another_length_does_not_match(change):
    artifact = load_artifact("ReserveRegistry")
    assert not artifact.matches_runtime(change(artifact.runtime))


def test_the_artifact_carries_its_source_its_abi_and_its_settings():
    artifact = load_artifact("MEXT")
    settings = json.loads(artifact.metadata)["settings"]
    assert artifact.source == "contracts/src/MEXT.sol"
    assert {"delegate", "getPastVotes"} <= {entry.get("name") for entry in artifact.abi}
    assert settings["evmVersion"] == "cancun"
    assert settings["optimizer"] == {"enabled": True, "runs": 200}
    assert all(place == Immutable(place.start, 32) for place in artifact.immutables)
