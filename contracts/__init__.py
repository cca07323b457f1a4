"""The project's smart contracts, and their compiled form as package data.

Sources lie in ``src``, the pinned library in ``vendor``, compiled contracts in ``artifacts``. This
package imports nothing else of the project.

    from contracts import load_artifact

    mext = load_artifact("MEXT")
    mext.abi, mext.bytecode
"""

from contracts.artifact import (
    Artifact,
    Immutable,
    UnknownContract,
    artifact_names,
    load_artifact,
)

__all__ = ["Artifact", "Immutable", "UnknownContract", "artifact_names", "load_artifact"]
