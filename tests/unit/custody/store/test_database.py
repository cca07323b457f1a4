import sqlite3
import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from custody.store.database import InvalidDatabaseUrl, for_reading, open_database


@pytest.fixture
def database(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path}/x.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE counter (id INTEGER PRIMARY KEY, value INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (1, 0)"))
    yield engine
    engine.dispose()


@pytest.mark.parametrize("url", ["", "mext.db", "mysql://root:secret@host/x", "oracle://x"])
def test_refuses_other_databases_and_keeps_the_password_to_itself(url):
    with pytest.raises(InvalidDatabaseUrl) as caught:
        open_database(url)
    assert "secret" not in str(caught.value)


def test_foreign_keys_are_enforced(database):
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE child (of INTEGER REFERENCES counter(id))"))
    with pytest.raises(IntegrityError), database.begin() as connection:
        connection.execute(text("INSERT INTO child VALUES (99)"))


def test_commits_are_synced_and_readers_do_not_block(database):
    with database.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2}


def test_read_then_write_transactions_never_lose_an_update(database):
    # With a plain BEGIN two of these would both read 0, and one would fail or overwrite.
    def increment():
        for _ in range(25):
            with database.begin() as connection:
                value = connection.execute(text("SELECT value FROM counter")).scalar()
                connection.execute(text("UPDATE counter SET value = :next"), {"next": value + 1})

    threads = [threading.Thread(target=increment) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.connect() as connection:
        assert connection.execute(text("SELECT value FROM counter")).scalar() == 100


def test_a_reader_goes_on_while_a_writer_is_at_work(database):
    with database.begin() as writing:
        writing.execute(text("UPDATE counter SET value = 7"))
        with for_reading(database).begin() as reading:
            assert reading.execute(text("SELECT value FROM counter")).scalar() == 0


def test_a_failed_transaction_leaves_nothing(database, tmp_path):
    with pytest.raises(IntegrityError), database.begin() as connection:  # noqa: PT012 - the second statement fails
        connection.execute(text("UPDATE counter SET value = 7"))
        connection.execute(text("INSERT INTO counter VALUES (1, 1)"))
    with sqlite3.connect(tmp_path / "x.db") as plain:
        assert plain.execute("SELECT value FROM counter").fetchone() == (0,)
