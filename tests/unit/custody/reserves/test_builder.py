import json

import pytest
from simulators.reserves_world import (
    BTC,
    ETH,
    HEADER,
    MASTER,
    OWED,
    PLAN,
    ROWS,
    VECTORS,
    bytes_of,
    snapshot_of,
    vector_b,
)

from custody.primitives.errors import InvalidInput, NotFound
from custody.primitives.secret import Secret
from custody.reserves.builder import BuildPlan, LiabilityRow, LiabilitySnapshot, build_statement, cut_user_proof
from custody.reserves.log import entry_hash
from custody.reserves.verify import verify_proof


@pytest.mark.parametrize(("seq", "head"), [(918_273_646, "aa" * 32), (918_273_645, "ab" * 32)])
def test_refuses_snapshot_of_another_ledger_point(seq, head):
    with pytest.raises(InvalidInput):
        build_statement(LiabilitySnapshot(seq, head, (), (0, 0)), HEADER, MASTER)


@pytest.mark.parametrize("ix", [-1, 2])
def test_refuses_row_of_an_asset_the_header_does_not_name(ix):
    snapshot = LiabilitySnapshot(918_273_645, "aa" * 32, (LiabilityRow(ix, "a", 0),), (0, 0))
    with pytest.raises(InvalidInput):
        build_statement(snapshot, HEADER, MASTER)


def test_refuses_control_totals_for_fewer_assets():
    with pytest.raises(InvalidInput):
        build_statement(LiabilitySnapshot(918_273_645, "aa" * 32, (), (0,)), HEADER, MASTER)


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_refuses_master_key_of_another_length(key):
    with pytest.raises(InvalidInput):
        build_statement(snapshot_of(ROWS), HEADER, Secret(key))


@pytest.mark.parametrize(
    "shards", [{(0, "u3@x"): (1, 2)}, {(0, "u3@x"): ()}, {(0, "nobody"): (1,)}, {(1, "u2@x"): (5,)}]
)
def test_refuses_shards_that_are_not_the_balance(shards):
    with pytest.raises(InvalidInput):
        build_statement(snapshot_of(ROWS), HEADER, MASTER, plan=BuildPlan(3, shards))


def test_refuses_proof_for_an_account_without_leaf():
    with pytest.raises(NotFound):
        cut_user_proof(vector_b(), "nobody@x")


def test_vector_b_statement():
    built = vector_b()
    assert built.statement.document == VECTORS["statement"]["document"]
    assert built.statement.digest.hex() == VECTORS["statement"]["digest"]
    assert entry_hash(built.statement.canonical).hex() == VECTORS["statement"]["log_leaf"]


def test_vector_b_proof_is_2243_bytes_and_equals_the_twins():
    proof = cut_user_proof(vector_b(), "u3@x")
    honest = next(case for case in VECTORS["cases"] if case["name"] == "honest")
    assert len(bytes_of(proof)) == 2_243
    assert json.loads(bytes_of(proof)) == json.loads(honest["proof"])
    assert [[s["index"] for s in claim["shards"]] for claim in proof["claims"]] == [[3, 6], [1]]


def test_same_input_builds_the_same_bytes():
    assert vector_b().statement == vector_b().statement
    assert build_statement(snapshot_of(ROWS[::-1]), HEADER, MASTER, plan=PLAN).statement == vector_b().statement


def test_master_key_is_in_nothing_that_leaves():
    built = vector_b()
    for text in (repr(built), bytes_of(cut_user_proof(built, "u3@x")).decode(), built.statement.canonical.decode()):
        assert MASTER.reveal().hex() not in text
        assert repr(MASTER.reveal()) not in text


def test_every_customer_verifies():
    built = vector_b()
    for row in ROWS:
        proof = bytes_of(cut_user_proof(built, row.account_id))
        expected = {(BTC, ETH)[row.ix]: row.units}
        assert verify_proof(proof, row.account_id, expected, built.statement.digest.hex()).code == "verified"


def test_decomposed_account_gets_the_proof_of_the_composed_one():
    built = build_statement(snapshot_of([*ROWS, LiabilityRow(0, "\u00e9va", 9)]), HEADER, MASTER)
    assert cut_user_proof(built, "e\u0301va") == cut_user_proof(built, "\u00e9va")


def test_report_names_what_is_proven():
    built = vector_b()
    report = verify_proof(bytes_of(cut_user_proof(built, "u3@x")), "u3@x", {BTC: 1}, built.statement.digest.hex())
    assert [(row.asset_id, row.proven, row.expected) for row in report.assets] == [
        (BTC, OWED[BTC], 1),
        (ETH, OWED[ETH], None),
    ]
    assert (report.seq, report.exchange, report.cutoff, report.exit_code) == (12, "example.com", HEADER.cutoff, 0)
