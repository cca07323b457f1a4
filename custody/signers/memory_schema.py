"""Tables of a signer's memory.

Rules:
    * Nothing is ever updated or deleted but bucket levels and the freeze.
    * Big numbers are decimal text: SQLite's integers end at 2**63.

Example:
    for statement in SCHEMA:
        connection.execute(statement)
"""

from __future__ import annotations

SCHEMA = (
    # One row a released answer; the sequence only grows, also over deleted rows.
    """CREATE TABLE release (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        wallet_id TEXT NOT NULL,
        role TEXT NOT NULL,
        payload_digest BLOB NOT NULL,
        conflict_key TEXT NOT NULL,
        intents_digest BLOB NOT NULL,
        fee_units TEXT NOT NULL,
        at_s INTEGER NOT NULL,
        signatures BLOB NOT NULL,
        UNIQUE (wallet_id, role, payload_digest)
    ) STRICT""",
    "CREATE INDEX release_by_key ON release (conflict_key, role)",
    "CREATE INDEX release_by_intents ON release (intents_digest)",
    """CREATE TABLE release_intent (
        sequence INTEGER NOT NULL REFERENCES release (sequence),
        withdrawal_id TEXT NOT NULL,
        intent_hash BLOB NOT NULL,
        PRIMARY KEY (withdrawal_id, sequence)
    ) STRICT""",
    """CREATE TABLE tombstone (
        withdrawal_id TEXT PRIMARY KEY,
        at_s INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE bucket (
        asset TEXT PRIMARY KEY,
        parts TEXT NOT NULL,
        at_s INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE nonce_point (
        point BLOB PRIMARY KEY,
        message BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE state (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT""",
    # Hash-chained record of every decision, including refusals.
    """CREATE TABLE audit (
        number INTEGER PRIMARY KEY,
        entry BLOB NOT NULL,
        hash BLOB NOT NULL
    ) STRICT""",
)
