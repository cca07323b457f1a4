"""Compiled contracts, read from the package itself: no compiler, no network.

>>> load_artifact("DevToken").name
'DevToken'
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

ARTIFACT_FOLDER = Path(__file__).resolve().parent / "artifacts"
"""Where the builder writes; readers go through the package's resources instead."""


class UnknownContract(LookupError):
    """No artifact of that name.

    Attributes:
        name: The name asked for.
        known: Names that exist, sorted.
    """

    code = "unknown_contract"

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"no artifact {name!r}; there are {', '.join(known)}")
        self.name = name
        self.known = known


@dataclass(frozen=True, slots=True)
class Immutable:
    """Place in the runtime code that the constructor fills in.

    Attributes:
        start: Offset in bytes.
        length: Length in bytes, always 32.
    """

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract.

    Attributes:
        name: Name of the contract.
        source: Its file, as a path in the repository.
        abi: JSON ABI: a tuple of entries.
        bytecode: Creation code; constructor arguments are appended to it.
        runtime: Code on the chain, with zeros at the immutables.
        immutables: Places in `runtime` that differ per deployment.
        metadata: Compiler metadata, a JSON text.
    """

    name: str
    source: str
    abi: tuple[dict[str, Any], ...]
    bytecode: bytes
    runtime: bytes
    immutables: tuple[Immutable, ...]
    metadata: str

    def matches_runtime(self, code: bytes) -> bool:
        """Tell whether code on a chain is this contract, whatever its immutables hold.

        Args:
            code: Runtime code as a node returns it.
        """
        return len(code) == len(self.runtime) and self._masked(code) == self._masked(self.runtime)

    def _masked(self, code: bytes) -> bytes:
        masked = bytearray(code)
        for place in self.immutables:
            masked[place.start : place.start + place.length] = bytes(place.length)
        return bytes(masked)


def artifact_names() -> tuple[str, ...]:
    """List the names that `load_artifact` knows, sorted."""
    folder = resources.files(__package__).joinpath("artifacts")
    names = (p.name.removesuffix(".json") for p in folder.iterdir() if p.name.endswith(".json"))
    return tuple(sorted(name for name in names if name != "standard-input"))


@cache
def load_artifact(name: str) -> Artifact:
    """Load a compiled contract.

    Args:
        name: Name of the contract, such as ``MEXT``.

    Raises:
        UnknownContract: no such artifact.
    """
    known = artifact_names()
    if name not in known:
        raise UnknownContract(name, known)
    text = resources.files(__package__).joinpath("artifacts", f"{name}.json").read_text(encoding="utf-8")
    raw = json.loads(text)
    return Artifact(
        name=raw["name"],
        source=raw["source"],
        abi=tuple(raw["abi"]),
        bytecode=bytes.fromhex(raw["bytecode"].removeprefix("0x")),
        runtime=bytes.fromhex(raw["runtime"].removeprefix("0x")),
        immutables=tuple(Immutable(start, length) for start, length in raw["immutables"]),
        metadata=raw["metadata"],
    )
