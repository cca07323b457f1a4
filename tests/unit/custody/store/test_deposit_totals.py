# The sums must say at any time what a sum over all rows says.
import random
from collections import Counter
from dataclasses import replace

import pytest
from simulators.postgres import can_run, running_postgres
from sqlalchemy import text

from custody.primitives.amount import Amount
from custody.primitives.asset import Asset, AssetBook
from custody.primitives.chain import BlockRef, ChainId
from custody.store.database import open_database
from custody.store.deposits import SqlDepositStore
from custody.wallets.deposit import Deposit, DepositState
from custody.wallets.ports import DecisionRecord, DepositChange

CHAINS = (ChainId("one"), ChainId("two"))
COINS = {chain: [Asset(f"{chain}{n}".upper(), 8, chain, n or None) for n in ("", "token")] for chain in CHAINS}
BOOK = AssetBook(asset for assets in COINS.values() for asset in assets)
QUANTA = {"ONE": 100, "TWOTOKEN": 7}


@pytest.fixture(scope="module")
def totals_postgres_url():
    if not can_run():
        pytest.skip("no PostgreSQL server here")
    with running_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/x.db"
    return request.getfixturevalue("totals_postgres_url")


def opened(url, quanta):
    return SqlDepositStore(open_database(url), BOOK, quanta=quanta)


def counted(store, quanta):
    found = Counter()
    for each in store.all():
        key = (each.block.chain, each.state, each.amount.asset.symbol)
        units = each.amount.units
        found[key, "n"] += 1
        found[key, "units"] += units
        found[key, "rest"] += units % quanta.get(each.amount.asset.symbol, 1)
    return +found


def summed(store):
    found = Counter()
    for chain in CHAINS:
        for each in store.totals(chain):
            key = (chain, each.state, each.asset)
            found[key, "n"] += each.count
            found[key, "units"] += each.units
            found[key, "rest"] += each.rest
    return +found


def a_deposit(rng, number):
    chain = CHAINS[number % 2]
    height = rng.randrange(3)
    block = BlockRef(chain, height, f"b{height}", "b")
    amount = Amount(rng.choice([0, 1, rng.randrange(10**6), 2**256 - 1]), rng.choice(COINS[chain]))
    return Deposit(f"t{number}", 0, "ada", amount, block, rng.choice(list(DepositState)))


def test_sums_follow_every_change_and_survive_another_quantum(url):
    rng, store = random.Random(5), opened(url, QUANTA)
    known = {}
    for _ in range(60):
        batch = [a_deposit(rng, rng.randrange(40)) for _ in range(rng.randrange(1, 6))]
        batch = list({each.key: each for each in batch}.values())
        known |= {each.key: each for each in batch}
        rng.choice([lambda some: store.save(*some), lambda some: store.record_block(some[0].block, some)])(batch)
        assert summed(store) == counted(store, QUANTA)
    assert len(store.all()) == len(known)
    again = opened(url, {})
    assert summed(again) == counted(again, {})
    assert summed(opened(url, QUANTA)) == counted(store, QUANTA)


def test_a_decision_of_officers_moves_the_sums(url):
    store = opened(url, QUANTA)
    before = replace(a_deposit(random.Random(1), 1000), state=DepositState.QUARANTINED)
    store.save(before)
    after = replace(before, state=DepositState.CREDITING)
    store.decide(DecisionRecord(b"digest".ljust(32), "text"), DepositChange(before, after))
    assert store.get(before.key) == after
    assert summed(store) == counted(store, QUANTA)


def test_rows_that_came_by_another_way_are_counted_when_the_store_is_opened(url):
    store = opened(url, QUANTA)
    store.save(a_deposit(random.Random(2), 2000))
    with open_database(url).begin() as connection:
        connection.execute(text("DELETE FROM deposit_total"))
    assert summed(opened(url, QUANTA)) == counted(store, QUANTA)
