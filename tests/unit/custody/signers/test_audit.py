import pytest
from simulators.signer_kit import intent, request
from simulators.toy_family import pay

from custody.primitives.errors import LimitExceeded
from custody.signers import audit
from custody.signers.audit import AuditChainBroken


@pytest.fixture
def logged(bench):
    bench.sign(request(pay(("bob-address", 100)), intent()))
    with pytest.raises(LimitExceeded):
        bench.sign(request(pay(("bob-address", 100_000), key="toy:2"), intent(2, units=100_000)))
    bench.call("tombstone", withdrawal_id="w3")
    return bench


# F05
@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE audit SET entry = replace(CAST(entry AS TEXT), 'signed', 'sighed') WHERE number = 1",
        "UPDATE audit SET hash = zeroblob(32) WHERE number = 2",
        "DELETE FROM audit WHERE number = 1",
        "DELETE FROM audit WHERE number = 2",
        "UPDATE audit SET number = -number",
        "UPDATE audit SET entry = (SELECT entry FROM audit WHERE number = 3) WHERE number = 2",
    ],
)
def test_f05_a_cut_edited_or_reordered_log_is_noticed(logged, damage):
    with logged.memory.transaction() as db:
        db.execute(damage.replace("replace(", "CAST(replace(").replace("'sighed')", "'sighed') AS BLOB)"))
    with logged.memory.transaction() as db, pytest.raises(AuditChainBroken):
        audit.verify_chain(db)


# F05: only the head, kept elsewhere, shows a missing tail.
def test_f05_a_missing_tail_shows_in_the_head(logged):
    head = logged.call("health").values["audit"]
    with logged.memory.transaction() as db:
        db.execute("DELETE FROM audit WHERE number = 3")
    assert logged.call("health").values["audit"] != head


def test_every_decision_is_logged_refusals_too(logged):
    with logged.memory.transaction() as db:
        assert audit.verify_chain(db) == 3
        entries = [entry.decode() for (entry,) in db.execute("SELECT entry FROM audit ORDER BY number")]
    assert [name in entry for name, entry in zip(("signed", "limit_exceeded", "tombstone"), entries, strict=True)] == [
        True
    ] * 3


def test_an_empty_log_verifies(bench):
    with bench.memory.transaction() as db:
        assert audit.verify_chain(db) == 0
