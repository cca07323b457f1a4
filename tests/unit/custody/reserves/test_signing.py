import pytest
from simulators.reserves_world import bytes_of, vector_b

from custody.keys import ed25519
from custody.primitives.errors import BadSignature, InvalidInput
from custody.primitives.secret import Secret
from custody.reserves.builder import cut_user_proof
from custody.reserves.checkpoint import LogTrust
from custody.reserves.log import LogProofMalformed, StatementLog
from custody.reserves.signing import digest_from_log, sign_statement, verify_statement_signature, with_log_proof

KEY, OTHER = Secret(b"\x01" * 32), Secret(b"\x02" * 32)


def test_refuses_signature_of_another_key_or_another_statement():
    statement = vector_b().statement
    signature = sign_statement(statement, KEY)
    for digest, key in ((statement.digest, OTHER), (bytes(32), KEY)):
        with pytest.raises(BadSignature):
            verify_statement_signature(digest, signature, ed25519.public_key(key))


def test_refuses_to_point_at_another_entry():
    built = vector_b()
    log = StatementLog([b"x", built.statement.canonical])
    with pytest.raises(InvalidInput):
        with_log_proof(cut_user_proof(built, "u3@x"), log, 0, "")


def test_refuses_proof_without_its_place_in_the_log():
    raw = bytes_of(cut_user_proof(vector_b(), "u3@x"))
    with pytest.raises(LogProofMalformed):
        digest_from_log(raw, LogTrust("x", ed25519.public_key(KEY)))


def test_signed_statement_verifies():
    statement = vector_b().statement
    verify_statement_signature(statement.digest, sign_statement(statement, KEY), ed25519.public_key(KEY))
