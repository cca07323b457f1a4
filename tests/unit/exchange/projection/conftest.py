import pytest
from simulators.postgres import can_run, running_postgres

from custody.store.database import open_database


@pytest.fixture(scope="session")
def postgres_url():
    if not can_run():
        pytest.skip("no PostgreSQL server installed")
    with running_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request, tmp_path):
    """A fresh database on either dialect."""
    if request.param == "sqlite":
        engine = open_database(f"sqlite:///{tmp_path}/view.db")
        yield engine
        engine.dispose()
        return
    engine = open_database(request.getfixturevalue("postgres_url"))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    yield engine
    engine.dispose()
