import json

import pytest
from simulators.reserves_world import BTC, ETH, HEADER, MASTER, OWED, ROWS, bytes_of, snapshot_of, vector_b

from custody.keys import ed25519
from custody.primitives.errors import BadSignature, InvalidAmount, InvalidInput, RootMismatch
from custody.primitives.secret import Secret
from custody.reserves.balances import AssetSide, ReserveRow
from custody.reserves.builder import (
    AccountIdClash,
    BuildPlan,
    ControlMismatch,
    LiabilityRow,
    LiabilitySnapshot,
    build_statement,
    cut_user_proof,
)
from custody.reserves.checkpoint import LogTrust, sign_checkpoint
from custody.reserves.log import LogFork, LogHead, LogProofMalformed, StatementLog, verify_consistency
from custody.reserves.signing import digest_from_log, with_log_proof
from custody.reserves.statement import Header, HeaderAsset, LedgerPoint
from custody.reserves.strict_json import MAX_PROOF_BYTES, ProofTooLarge
from custody.reserves.verify import verify_proof

LOG_KEY = Secret(b"\x07" * 32)
TRUST = LogTrust("example.com/reserves", ed25519.public_key(LOG_KEY))


def one(units, account="a@x"):
    return LiabilityRow(0, account, units)


# The builder -----------------------------------------------------------------------------


def test_r24_header_with_one_asset_twice():
    with pytest.raises(InvalidInput):
        Header(
            "example.com", 1, HEADER.cutoff, LedgerPoint(1, "aa" * 32), (HeaderAsset(BTC, 8), HeaderAsset(BTC, 8)), ()
        )


def test_r27_negative_balance():
    # A debt hidden as a negative leaf would lower the total; the control account already has the lower figure.
    with pytest.raises(InvalidAmount):
        build_statement(snapshot_of([*ROWS, one(-1)]), HEADER, MASTER)


def test_r27_negative_shard():
    plan = BuildPlan(3, {(0, "u3@x"): (100_000_004, -1)})
    with pytest.raises(InvalidAmount):
        build_statement(snapshot_of(ROWS), HEADER, MASTER, plan=plan)


@pytest.mark.parametrize("units", [2**120, 2**128])
def test_r28_balance_out_of_range(units):
    with pytest.raises(InvalidAmount):
        build_statement(snapshot_of([one(units)]), HEADER, MASTER)


def test_r28_total_out_of_range():
    with pytest.raises(InvalidAmount):
        build_statement(snapshot_of([one(2**119), one(2**119, "b@x")]), HEADER, MASTER)


@pytest.mark.parametrize("off_by", [-1, 1])
def test_r35_total_that_is_not_the_control_account(off_by):
    honest = snapshot_of(ROWS)
    totals = (honest.control_totals[0] + off_by, honest.control_totals[1])
    with pytest.raises(ControlMismatch) as refusal:
        build_statement(LiabilitySnapshot(honest.ledger_seq, honest.ledger_head, ROWS, totals), HEADER, MASTER)
    assert refusal.value.facts["total"] == "1100000055"


def test_r36_dummy_users_leave_the_gross_ratio_alone():
    # A dummy who owes a thin asset and holds a thick one: debts never net, so the thick liability only grows.
    side = AssetSide((ReserveRow(BTC, 10**10, 0, 0, b""), ReserveRow(ETH, 10**20, 0, 0, b"")), "test")
    before = build_statement(snapshot_of(ROWS), HEADER, MASTER, side).statement.document["ratio_ppm"]
    after = build_statement(snapshot_of([*ROWS, one(10**9, "dummy@x")]), HEADER, MASTER, side).statement.document
    assert int(after["ratio_ppm"][BTC]) < int(before[BTC])
    assert after["ratio_ppm"][ETH] == before[ETH]


def test_r37_withdrawal_in_transit_dropped():
    # The customer's hold left his row, but not the control account.
    dropped = [row._replace(units=row.units - 5_000) if row == ROWS[4] else row for row in ROWS]
    honest = snapshot_of(ROWS)
    snapshot = LiabilitySnapshot(honest.ledger_seq, honest.ledger_head, tuple(dropped), honest.control_totals)
    with pytest.raises(ControlMismatch):
        build_statement(snapshot, HEADER, MASTER)


@pytest.mark.parametrize("other", ["u3@x", "e\u0301va@x"])
def test_r62_one_account_id_for_two_people(other):
    rows = [*ROWS, one(5, "\u00e9va@x"), LiabilityRow(0 if other == "u3@x" else 1, other, 5)]
    with pytest.raises(AccountIdClash):
        build_statement(snapshot_of(rows), HEADER, MASTER)


def test_r33_leaf_cannot_be_guessed_from_account_and_amount():
    # Same account, same amount, another master key: every leaf of the tree is another one.
    leaves = [
        set(build_statement(snapshot_of(ROWS), HEADER, Secret(bytes([n]) * 32)).trees[0].sums.hashes[0]) for n in (1, 2)
    ]
    assert not leaves[0] & leaves[1]


def test_r34_height_and_places_do_not_tell_the_user_count():
    few = build_statement(snapshot_of(ROWS[:1]), HEADER, MASTER).trees[0]
    many = build_statement(snapshot_of([one(1, f"u{n}@x") for n in range(1_000)]), HEADER, MASTER).trees[0]
    assert few.sums.root.height == many.sums.root.height == 10
    taken = sorted(place.position for place in many.places.values())
    assert taken != list(range(1_000))


# The file ----------------------------------------------------------------------------------


def test_r58_file_of_a_gigabyte_is_refused_before_it_is_parsed():
    with pytest.raises(ProofTooLarge):
        verify_proof(b"[" * (MAX_PROOF_BYTES + 1), "u3@x", OWED, None)


def test_r58_nesting_of_ten_thousand():
    with pytest.raises(ProofTooLarge):
        verify_proof(b'{"a":' * 10_000, "u3@x", OWED, None)


# The log -----------------------------------------------------------------------------------


def logged():
    built = vector_b()
    log = StatementLog([b'{"s":0}', built.statement.canonical])
    note = sign_checkpoint(TRUST.origin, log.head(), LOG_KEY)
    return built, log, with_log_proof(cut_user_proof(built, "u3@x"), log, 1, note)


def test_r29_log_entry_rewritten():
    old = StatementLog([b"a", b"b", b"c"])
    new = StatementLog([b"a", b"B", b"c", b"d"])
    with pytest.raises(RootMismatch):
        verify_consistency(old.head(), new.head(), new.consistency_proof(3))


def test_r30_log_rolled_back():
    log = StatementLog([b"a", b"b", b"c"])
    with pytest.raises(LogProofMalformed):
        verify_consistency(log.head(), log.head(2), log.consistency_proof(2))


def test_r45_two_roots_of_one_size():
    with pytest.raises(LogFork):
        verify_consistency(StatementLog([b"a", b"b"]).head(), StatementLog([b"a", b"B"]).head(), ())


def test_r45_checkpoint_of_a_log_without_this_statement():
    _built, _log, proof = logged()
    proof["log"]["checkpoint"] = sign_checkpoint(TRUST.origin, StatementLog([b"x", b"y"]).head(), LOG_KEY)
    with pytest.raises(RootMismatch):
        digest_from_log(bytes_of(proof), TRUST)


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("leaf_index", 0, RootMismatch),
        ("leaf_index", 2, LogProofMalformed),
        ("leaf_index", True, LogProofMalformed),
        ("inclusion", [], LogProofMalformed),
        ("inclusion", ["00" * 32] * 64, LogProofMalformed),
        ("checkpoint", None, LogProofMalformed),
    ],
)
def test_place_in_the_log_that_does_not_hold(field, value, error):
    _, _, proof = logged()
    proof["log"][field] = value
    with pytest.raises(error):
        digest_from_log(bytes_of(proof), TRUST)


def test_checkpoint_of_another_key():
    _, log, proof = logged()
    proof["log"]["checkpoint"] = sign_checkpoint(TRUST.origin, log.head(), Secret(b"\x08" * 32))
    with pytest.raises(BadSignature):
        digest_from_log(bytes_of(proof), TRUST)


def test_statement_changed_after_it_was_logged():
    _, _, proof = logged()
    changed = json.loads(json.dumps(proof))
    changed["statement"]["liabilities"][0]["total"] = "1"
    with pytest.raises(RootMismatch):
        digest_from_log(bytes_of(changed), TRUST)


def test_logged_proof_is_verified_under_the_digest_of_the_log():
    built, log, proof = logged()
    digest, head = digest_from_log(bytes_of(proof), TRUST)
    assert (digest, head) == (built.statement.digest, LogHead(2, log.root()))
    assert verify_proof(bytes_of(proof), "u3@x", OWED, digest.hex()).code == "verified"
