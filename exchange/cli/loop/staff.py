"""Treasury staff of the loop: they recompute the intent hash from what they read, and sign that."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from custody.keys import ed25519
from custody.keys.passphrase import read_passphrase
from custody.primitives.approval import Verdict, approval_message
from custody.primitives.clock import SystemClock
from custody.primitives.encoding import digest
from custody.primitives.errors import VerificationFailed
from custody.primitives.ids import Digest
from custody.primitives.intent import INTENT_TAG
from custody.primitives.secret import Secret
from exchange.app.home import Home
from exchange.app.keyholders import STAFF_PATH, open_ed25519


class ShownOtherwise(VerificationFailed):
    """The hash that is asked to be signed is not the hash of the fields that are shown."""

    code = "shown_otherwise"


class Staff:
    """People with approver keys, opened once."""

    def __init__(self, home: Home, names: tuple[str, ...]) -> None:
        passphrase = read_passphrase(home.passphrase)
        with ThreadPoolExecutor(max_workers=2) as pool:  # stretching a passphrase releases the interpreter lock
            opened = pool.map(lambda name: open_ed25519(home.keystore(name), passphrase, STAFF_PATH), names)
        self._keys: dict[str, Secret] = dict(zip(names, opened, strict=True))

    def approvals(self, withdrawal: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Sign an approval by each of them, over the hash recomputed from the shown fields.

        Raises:
            ShownOtherwise: The service shows one thing and asks to sign another.
        """
        return self.sign(self._recompute(withdrawal), SystemClock().now_s())

    def sign(self, what: Digest, at_s: int) -> list[dict[str, Any]]:
        """Sign an approval by each of them over a digest they computed themselves."""
        return [
            {
                "approver": name,
                "verdict": Verdict.APPROVE.value,
                "intent_hash": what.hex(),
                "at_s": at_s,
                "signature": ed25519.sign(key, approval_message(what, name, Verdict.APPROVE, at_s)).hex(),
            }
            for name, key in self._keys.items()
        ]

    def _recompute(self, withdrawal: Mapping[str, Any]) -> Digest:
        intent = withdrawal["intent"]
        computed = digest(
            INTENT_TAG,
            intent["chain"],
            intent["asset"],
            intent["to"],
            intent["memo"],
            int(intent["units"]),
            int(intent["fee_max_units"]),
            intent["withdrawal_id"],
            intent["policy_version"],
            intent["salt"],
            intent["expires_at_s"],
        )
        if computed.hex() != withdrawal["intent_hash"]:
            raise ShownOtherwise(f"withdrawal {withdrawal['id']}: the fields shown hash to {computed.hex()}")
        return computed
