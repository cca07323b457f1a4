import random
from decimal import Decimal

import pytest
from simulators.postgres import can_run, running_postgres
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text

from custody.primitives.errors import InvariantBroken
from custody.store.database import open_database
from custody.store.units import DIGITS, InvalidUnits, Units

METADATA = MetaData()
AMOUNTS = Table("amounts", METADATA, Column("id", Integer, primary_key=True), Column("units", Units()))
LARGEST = 2**256 - 1


@pytest.fixture(scope="module")
def units_postgres_url():
    if not can_run():
        pytest.skip("no PostgreSQL server installed")
    with running_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def amounts(request, tmp_path):
    is_sqlite = request.param == "sqlite"
    engine = open_database(f"sqlite:///{tmp_path}/x.db" if is_sqlite else request.getfixturevalue("units_postgres_url"))
    METADATA.drop_all(engine)
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


def store(engine, *values):
    with engine.begin() as connection:
        connection.execute(insert(AMOUNTS), [{"units": value} for value in values])


@pytest.mark.parametrize("value", [True, False, -1, LARGEST + 1, 1.0, "1", Decimal(1), b"1"])
def test_refuses_what_is_no_unit_count(amounts, value):
    with pytest.raises(InvalidUnits):
        store(amounts, value)


@pytest.mark.parametrize("stored", ["5", "-" + "0" * 77, "0" * 77 + "x", "٠" * 78])
def test_text_that_was_not_bound_here_stops(tmp_path, stored):
    engine = open_database(f"sqlite:///{tmp_path}/x.db")
    METADATA.create_all(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO amounts (units) VALUES (:stored)"), {"stored": stored})
    with pytest.raises(InvariantBroken), engine.connect() as connection:
        connection.execute(select(AMOUNTS.c.units)).all()


def test_every_size_comes_back_exactly_and_sorted(amounts):
    chooser = random.Random(1)
    values = [0, 1, 2**53 + 1, 2**63 - 1, 2**63, 10**18 + 1, LARGEST - 1, LARGEST]
    values += [chooser.getrandbits(chooser.randint(1, 256)) for _ in range(200)]
    chooser.shuffle(values)
    store(amounts, *values)
    with amounts.connect() as connection:
        found = connection.execute(select(AMOUNTS.c.units).order_by(AMOUNTS.c.units)).scalars().all()
        above = connection.execute(select(AMOUNTS.c.units).where(AMOUNTS.c.units > 2**200)).scalars().all()
    assert found == sorted(values)
    assert sorted(above) == sorted(value for value in values if value > 2**200)
    assert all(type(value) is int for value in found)


def test_nothing_stays_nothing(amounts):
    store(amounts, None)
    with amounts.connect() as connection:
        assert connection.execute(select(AMOUNTS.c.units)).scalar() is None


def test_has_room_for_the_largest_number():
    assert len(str(LARGEST)) == DIGITS == 78
