"""The breaker: while it is open for a scope, nothing of that scope is signed.

Rules:
    * Machines may open it; only people close it, by removing the entry.
    * Its state is a file, so that a restart keeps it; an unreadable file counts as open for all, and so does
      a scope that names neither a chain nor an asset.

Example:
    breaker = FileBreaker(Path("breaker.json"))
    breaker.open("asset:BTC", "chain differs from the books by 1 satoshi")
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from custody.primitives.asset import Asset
from custody.withdrawals.errors import WithdrawalsFrozen

ALL = "all"
_PREFIXES = ("chain:", "asset:")


class FileBreaker:
    """Open scopes with their reasons, in one small file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def open_scopes(self) -> dict[str, str]:
        """Scope -> reason; empty while everything is closed."""
        try:
            found = json.loads(self._path.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError):
            return {ALL: f"{self._path} is unreadable"}
        if not isinstance(found, dict):
            return {ALL: f"{self._path} does not hold scopes"}
        return {str(scope): str(reason) for scope, reason in found.items()}

    def open(self, scope: str, reason: str) -> None:
        """Stop signing for a scope: "all", "chain:NAME" or "asset:SYMBOL"; the first reason stays."""
        with self._lock:  # two monitors may stop two things at once; neither is forgotten
            scopes = {scope: reason} | self.open_scopes()
            draft = self._path.with_suffix(".draft")
            with draft.open("w") as file:
                json.dump(scopes, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            self._sync_folder()

    def require_closed(self, asset: Asset) -> None:
        """Pass if nothing stops this asset.

        Raises:
            WithdrawalsFrozen: The asset, its chain or everything is stopped.
        """
        stopping = (f"chain:{asset.chain}", f"asset:{asset.symbol}")
        for scope, reason in self.open_scopes().items():
            if scope in stopping or not scope.startswith(_PREFIXES):
                raise WithdrawalsFrozen(f"signing is stopped for {scope}: {reason}", scope=scope)

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
