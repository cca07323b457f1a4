from concurrent.futures import ThreadPoolExecutor

import pytest

from custody.primitives.chain import ChainId
from custody.store.database import open_database
from custody.store.memos import SqlMemoStore

XRP, OTHER = ChainId("xrpl"), ChainId("xrpl-test")


@pytest.fixture
def store(tmp_path):
    return SqlMemoStore(open_database(f"sqlite:///{tmp_path}/custody.db"))


def test_a_number_nobody_has_is_nobodys_and_zero_is_the_houses(store):
    store.number_of(XRP, "alice")
    assert [store.customer_at(XRP, number) for number in (-1, 0, 2)] == [None, None, None]
    assert store.customer_at(OTHER, 1) is None


def test_many_at_once_get_one_number_each_and_keep_it(store):
    names = [f"customer-{n % 20}" for n in range(60)]
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda name: store.number_of(XRP, name), names))
    assert numbers == [store.number_of(XRP, name) for name in names]
    assert sorted(set(numbers)) == list(range(1, 21))
    assert [store.customer_at(XRP, number) for number in numbers] == names
