import pytest

from custody.primitives.errors import InvalidInput, NotFound
from governance.contracts.registry import (
    Entry,
    NotPublished,
    StatementConflict,
    entry_of,
    find_entry,
    is_stale,
    latest,
    publish,
    verify_published,
)
from governance.contracts.sending import CallReverted, Sender

pytestmark = pytest.mark.node
DAY_S = 86_400


def digest(number):
    return number.to_bytes(32)


@pytest.fixture
def entry(house):
    now_s = house.now_s()

    def make(seq=1, **changes):
        fields = {"log_size": seq, "cutoff_s": now_s - 1_000 + seq, "uri": "https://reserves", **changes}
        return Entry(
            seq=seq,
            **{"statement_digest": digest(seq + 100), "log_root": digest(seq + 200), **fields},
        )

    return make


def refused(house, entry, name="publisher"):
    with pytest.raises(CallReverted) as raised:
        publish(house.people[name], house.deployment, entry)
    return raised.value.facts["error"]


@pytest.mark.parametrize(
    "changes",
    [
        {"statement_digest": b""},
        {"statement_digest": bytes(31)},
        {"statement_digest": bytes(32)},
        {"log_root": bytes(32)},
        {"log_root": b"\x01" * 33},
        {"log_size": 0},
        {"log_size": 1 << 64},
        {"cutoff_s": 0},
        {"uri": ""},
        {"uri": "é" * 129},
    ],
    ids=str,
)
def test_refuses_an_entry_that_no_registry_could_hold(entry, changes):
    with pytest.raises(InvalidInput):
        entry(**changes)


@pytest.mark.parametrize("seq", [0, -1, 1 << 64])
def test_refuses_a_number_out_of_range(entry, seq):
    with pytest.raises(InvalidInput):
        entry(seq, log_size=1, cutoff_s=1, statement_digest=digest(1), log_root=digest(1))


def test_refuses_whoever_is_not_the_publisher(house, entry):
    assert refused(house, entry(), "mallory") == "AccessControlUnauthorizedAccount"
    assert latest(house.web3, house.deployment) is None


def test_refuses_a_gap(house, entry):
    assert refused(house, entry(2)) == "SeqOutOfOrder"


def test_g32_refuses_a_backdated_cut_off(house, entry):
    first = publish(house.people["publisher"], house.deployment, entry())
    assert refused(house, entry(2, cutoff_s=first.cutoff_s)) == "CutoffNotLater"
    assert refused(house, entry(2, cutoff_s=first.cutoff_s - DAY_S)) == "CutoffNotLater"


def test_refuses_a_cut_off_in_the_future(house, entry):
    assert refused(house, entry(cutoff_s=house.now_s() + 3_600)) == "CutoffInFuture"


def test_refuses_a_log_that_did_not_grow(house, entry):
    publish(house.people["publisher"], house.deployment, entry())
    assert refused(house, entry(2, log_size=1)) == "LogNotLonger"


def test_refuses_the_same_statement_under_a_second_number(house, entry):
    first = entry()
    publish(house.people["publisher"], house.deployment, first)
    assert refused(house, entry(2, statement_digest=first.statement_digest)) == "DigestKnown"


@pytest.mark.parametrize(
    "changes", [{"statement_digest": digest(9)}, {"log_root": digest(9)}, {"log_size": 9}, {"cutoff_s": 9}], ids=str
)
def test_an_entry_is_never_overwritten(house, entry, changes):
    stored = publish(house.people["publisher"], house.deployment, entry())
    with pytest.raises(StatementConflict):
        publish(house.people["publisher"], house.deployment, entry(**changes))
    assert entry_of(house.web3, house.deployment, 1) == stored


def test_what_was_not_published_does_not_verify(house, entry):
    publish(house.people["publisher"], house.deployment, entry())
    with pytest.raises(NotPublished):
        verify_published(house.web3, house.deployment, digest(1))
    with pytest.raises(InvalidInput):
        verify_published(house.web3, house.deployment, b"\x01" * 31)


@pytest.mark.parametrize("seq", [0, 2, -1, 1 << 64])
def test_refuses_a_number_that_was_not_published(house, entry, seq):
    publish(house.people["publisher"], house.deployment, entry())
    with pytest.raises(NotFound):
        entry_of(house.web3, house.deployment, seq)


def test_publishing_again_after_a_lost_answer_adds_nothing(house, entry):
    publisher = house.people["publisher"]
    first = publish(publisher, house.deployment, entry())
    before = house.web3.eth.get_transaction_count(publisher.address)
    assert publish(publisher, house.deployment, entry()) == first
    assert house.web3.eth.get_transaction_count(publisher.address) == before


def test_a_statement_grows_stale(house, entry):
    assert is_stale(house.web3, house.deployment)
    publish(house.people["publisher"], house.deployment, entry())
    assert not is_stale(house.web3, house.deployment)
    house.reach(house.now_s() + 31 * DAY_S)
    assert is_stale(house.web3, house.deployment)


def test_statements_stand_in_order_and_verify(house, entry):
    publisher: Sender = house.people["publisher"]
    stored = [publish(publisher, house.deployment, entry(seq)) for seq in (1, 2, 3)]
    assert [found.seq for found in stored] == [1, 2, 3]
    assert latest(house.web3, house.deployment) == stored[-1]
    for found in stored:
        verify_published(house.web3, house.deployment, found.statement_digest)
        assert find_entry(house.web3, house.deployment, found.statement_digest) == found
