"""The keys that vouch for custody's records: sealed in a keystore of their own, never in the database.

Example:
    publish_receipt_key(home)         # once, when the installation is made
    seals = open_seals(home)          # at every start
"""

from __future__ import annotations

import time

from custody.keys import ed25519, slip10
from custody.keys.material import Curve, PublicKey
from custody.keys.passphrase import read_passphrase
from custody.keys.private_files import read_private, write_new_private
from custody.primitives.errors import MalformedPayload
from custody.store.seals import Seals
from custody.withdrawals.gates.rules import DAY_S, GateRules, encode_rules, parse_rules
from exchange.app.ceremony import SEALS
from exchange.app.home import Home
from exchange.app.keyholders import open_seed

RECEIPT_PATH, BUSINESS_PATH, RISK_PATH = "m/44h/1h/4h", "m/44h/1h/5h", "m/44h/1h/6h"
FIRST_PROOF_DAYS = 32
"""A new house owes its first statement of reserves after so many days."""
MAX_BYTES = 4_096


def open_seals(home: Home) -> Seals:
    """Unseal the keys.

    Raises:
        NotFound, Refused, VerificationFailed: No keystore, open to others, or a wrong passphrase.
    """
    seed = open_seed(home.keystore(SEALS), read_passphrase(home.passphrase))
    business, risk, receipts = (
        slip10.derive(seed, path, Curve.ED25519) for path in (BUSINESS_PATH, RISK_PATH, RECEIPT_PATH)
    )
    return Seals(business, risk, receipts)


def publish_receipt_key(home: Home) -> None:
    """Write the public key of the receipts, and the first rules of the gates, of a new installation.

    Raises:
        Conflict: One of them is there already.
    """
    key = ed25519.public_key(open_seals(home).receipts)
    write_new_private(home.receipt_key, key.raw.hex().encode() + b"\n")
    due_s = time.time_ns() // 10**9 + FIRST_PROOF_DAYS * DAY_S
    write_new_private(home.gates, encode_rules(GateRules(first_proof_due_s=due_s)))


def load_gate_rules(home: Home) -> GateRules:
    """Read the rules of the gates.

    Raises:
        NotFound, Refused, MalformedPayload, InvalidInput: Not there, open to others, or not such rules.
    """
    return parse_rules(read_private(home.gates, MAX_BYTES))


def read_receipt_key(text: str) -> PublicKey:
    """Read a public receipt key, 64 hex digits.

    Raises:
        MalformedPayload: It is none.
    """
    try:
        return PublicKey(Curve.ED25519, bytes.fromhex(text.strip()))
    except ValueError as error:
        raise MalformedPayload("not a receipt key: 64 hex digits") from error
