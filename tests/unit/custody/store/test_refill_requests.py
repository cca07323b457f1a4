from dataclasses import replace

import pytest

from custody.store.database import open_database, open_reading
from custody.store.refill_requests import SqlRefillStore, create_refill_table, read_refills
from custody.wallets.refill_requests import RefillOpen, RefillRequest, RefillState
from custody.withdrawals.facts import Tier

FIRST = RefillRequest(
    id="refill-BTC-hot-1", symbol="BTC", source=Tier.WARM, destination=Tier.HOT, units=10**30, quorum=2,
    reason="below the low level", state=RefillState.OPEN, raised_at_s=5, moved_at_s=6, level=7,
    withdrawal_id="wd-1", note="waits",
)  # fmt: skip


@pytest.fixture
def file(tmp_path):
    return tmp_path / "custody.sqlite"


@pytest.fixture
def store(file):
    database = open_database(f"sqlite:///{file}")
    create_refill_table(database)
    create_refill_table(database)
    return SqlRefillStore(database)


def test_requests_come_back_as_they_were_in_the_order_in_which_they_were_raised(store, file):
    done = replace(FIRST, state=RefillState.DONE)
    others = [
        replace(FIRST, id="refill-BTC-hot-2"),
        replace(FIRST, id="refill-BTC-warm-1", source=Tier.COLD, destination=Tier.WARM, withdrawal_id=""),
        replace(FIRST, id="refill-ETH-hot-1", symbol="ETH", withdrawal_id="wd-3"),
    ]
    for request in (done, *others):
        store.add(request)
    assert store.requests() == (done, *others)
    assert store.requests("ETH") == (others[2],)
    assert SqlRefillStore(open_database(f"sqlite:///{file}")).requests("BTC") == (done, *others[:2])
    assert read_refills(open_reading(file)) == (done, *others)


def test_a_second_open_request_for_one_wallet_is_refused_by_the_database(store):
    store.add(FIRST)
    with pytest.raises(RefillOpen):
        store.add(replace(FIRST, id="refill-BTC-hot-2"))
    store.save(replace(FIRST, state=RefillState.EXPIRED, note="nobody"))
    store.add(replace(FIRST, id="refill-BTC-hot-2"))
    with pytest.raises(RefillOpen):
        store.add(replace(FIRST, state=RefillState.DONE))
    assert [request.state for request in store.requests()] == [RefillState.EXPIRED, RefillState.OPEN]


def test_a_move_is_found_by_its_withdrawal_and_a_request_without_one_by_none(store):
    store.add(replace(FIRST, source=Tier.COLD, destination=Tier.WARM, withdrawal_id=""))
    assert store.of_withdrawal("") is None
    assert store.of_withdrawal("wd-1") is None
    moving = replace(FIRST, id="refill-BTC-hot-1b")
    store.add(moving)
    assert store.of_withdrawal("wd-1") == moving


def test_a_database_of_which_no_service_made_the_table_holds_no_requests(file):
    open_database(f"sqlite:///{file}").connect().close()
    assert read_refills(open_reading(file)) == ()
