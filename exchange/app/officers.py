"""An officer's signature over a digest, with the key below this home.

Example:
    vote = approve_as(home, resolution.digest, "ann", now_s)
"""

from __future__ import annotations

from custody.keys import ed25519
from custody.keys.passphrase import read_passphrase
from custody.primitives.approval import Approval, Verdict, approval_message
from custody.primitives.ids import Digest
from exchange.app.home import Home
from exchange.app.keyholders import STAFF_PATH, open_ed25519


def approve_as(home: Home, what: Digest, officer: str, now_s: int) -> Approval:
    """Sign that this may be done.

    Args:
        home: Where the officer's keystore lies.
        what: Digest of it, 32 bytes.
        officer: Approver id.
        now_s: Now, seconds since 1970 UTC.

    Raises:
        NotFound: The officer has no keystore here.
        Refused, VerificationFailed: The keystore is open to others, or the passphrase is wrong.
    """
    key = open_ed25519(home.keystore(officer), read_passphrase(home.passphrase), STAFF_PATH)
    message = approval_message(what, officer, Verdict.APPROVE, now_s)
    return Approval(what, officer, Verdict.APPROVE, now_s, ed25519.sign(key, message))
