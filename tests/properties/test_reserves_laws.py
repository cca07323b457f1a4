import copy
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from simulators.reserves_world import BTC, ETH, HEADER, MASTER, OWED, PLAN, ROWS, bytes_of, snapshot_of

from custody.primitives.errors import InvalidInput, RootMismatch, ToolkitError, VerificationFailed
from custody.reserves.builder import BuildPlan, LiabilityRow, build_statement, cut_user_proof
from custody.reserves.log import LogHead, LogPlace, StatementLog, entry_hash, verify_consistency, verify_log_inclusion
from custody.reserves.strict_json import ProofUnusable, parse_strict
from custody.reserves.verify import verify_proof

BUILT = build_statement(snapshot_of(ROWS), HEADER, MASTER, plan=PLAN)
PROOF = cut_user_proof(BUILT, "u3@x")
DIGEST = BUILT.statement.digest.hex()
balances = st.dictionaries(
    st.tuples(st.integers(0, 1), st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=6)),
    st.integers(0, 2**90),
    min_size=1,
    max_size=12,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**60) | st.text(max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(balances)
def test_total_is_the_sum_and_everybody_proves_exactly_his_share(owed):
    rows = [LiabilityRow(ix, account, units) for (ix, account), units in owed.items()]
    built = build_statement(snapshot_of(rows), HEADER, MASTER, plan=BuildPlan(3))
    for ix in (0, 1):
        assert built.trees[ix].sums.root.total == sum(row.units for row in rows if row.ix == ix)
    for row in rows:
        asset = (BTC, ETH)[row.ix]
        raw = bytes_of(cut_user_proof(built, row.account_id))
        report = verify_proof(raw, row.account_id, {asset: row.units}, built.statement.digest.hex())
        assert {verdict.asset_id: verdict.proven for verdict in report.assets}[asset] == row.units


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=6))
def test_splitting_a_balance_changes_no_total_and_no_proven_sum(amounts):
    rows = [LiabilityRow(0, "a", sum(amounts)), LiabilityRow(0, "b", 5)]
    built = build_statement(snapshot_of(rows), HEADER, MASTER, plan=BuildPlan(3, {(0, "a"): tuple(amounts)}))
    report = verify_proof(bytes_of(cut_user_proof(built, "a")), "a", {BTC: sum(amounts)}, built.statement.digest.hex())
    assert report.assets[0].proven == sum(amounts)
    assert built.trees[0].sums.root.total == sum(amounts) + 5


def places(value, way=()):
    yield way
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*way, key))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_one_value_replaced_is_refused_or_proves_the_same(data):
    document = copy.deepcopy(json.loads(bytes_of(PROOF)))
    *way, last = data.draw(st.sampled_from([place for place in places(document) if place]))
    target = document
    for step in way:
        target = target[step]
    target[last] = data.draw(json_values)
    try:
        report = verify_proof(json.dumps(document).encode(), "u3@x", OWED, DIGEST)
    except (InvalidInput, VerificationFailed):
        return
    assert report.statement_digest == DIGEST
    assert {row.asset_id: row.proven for row in report.assets} == OWED


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_bytes_cut_and_pasted_never_crash_the_verifier(data):
    raw = bytearray(bytes_of(PROOF))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=6))
    try:
        report = verify_proof(bytes(raw), "u3@x", OWED, DIGEST)
    except ToolkitError:
        return
    assert report.code == "verified"


@settings(max_examples=200, deadline=None)
@given(json_values)
def test_strict_reader_agrees_with_the_lenient_one_where_it_does_not_refuse(value):
    raw = json.dumps({"a": value}).encode()
    try:
        assert parse_strict(raw) == json.loads(raw)
    except ProofUnusable:
        return


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.data())
def test_log_proofs_hold_and_hold_for_nothing_else(size, data):
    log = StatementLog(str(number).encode() for number in range(size))
    index = data.draw(st.integers(0, size - 1))
    proof = log.inclusion_proof(index)
    verify_log_inclusion(LogPlace(index, size), entry_hash(str(index).encode()), proof, log.root())
    old = data.draw(st.integers(1, size))
    consistency = log.consistency_proof(old)
    verify_consistency(log.head(old), log.head(), consistency)
    for bent in (lambda: verify_log_inclusion(LogPlace(index, size), entry_hash(b"x"), proof, log.root()),
                 lambda: verify_consistency(LogHead(old, entry_hash(b"x")), log.head(), consistency)):  # fmt: skip
        try:
            bent()
        except (RootMismatch, VerificationFailed):
            continue
        raise AssertionError("a bent proof was accepted")
