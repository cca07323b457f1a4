import sqlite3
import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, PendingRollbackError

from custody.store.database import DatabaseUnavailable, InvalidDatabaseUrl, for_reading, open_database


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


def test_another_process_that_writes_too_long_is_unavailable_and_not_the_end(database, tmp_path, monkeypatch):
    monkeypatch.setattr("custody.store.database.BUSY_TIMEOUT_MS", 50)
    database.dispose()
    with sqlite3.connect(tmp_path / "x.db") as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable, match="locked"), database.begin():
            pass
    with database.begin() as connection:
        connection.execute(text("UPDATE counter SET value = 1"))


def test_a_writer_waits_for_its_own_process_only_so_long(database, monkeypatch):
    monkeypatch.setattr("custody.store.database.TURN_TIMEOUT_S", 0.05)
    with database.begin() as first:
        with pytest.raises(DatabaseUnavailable, match="no turn"), database.begin():
            pass
        first.execute(text("UPDATE counter SET value = 1"))
    with database.begin() as next_one:
        assert next_one.execute(text("SELECT value FROM counter")).scalar() == 1


def test_a_failed_transaction_gives_its_turn_back(database, monkeypatch):
    monkeypatch.setattr("custody.store.database.TURN_TIMEOUT_S", 0.05)
    for statement in ("INSERT INTO counter VALUES (1, 1)", "INSERT INTO nowhere VALUES (1)"):
        with pytest.raises(DBAPIError), database.begin() as connection:
            connection.execute(text(statement))
    with pytest.raises(PendingRollbackError), database.begin() as connection:
        connection.invalidate()
    with database.begin() as connection:
        assert connection.execute(text("SELECT value FROM counter")).scalar() == 0


def test_a_missing_table_is_our_bug_and_keeps_its_name(database):
    with pytest.raises(OperationalError, match="no such table"), database.begin() as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (1)"))


def test_a_full_disk_is_unavailable_and_leaves_nothing(database):
    with pytest.raises(DatabaseUnavailable, match="full"), database.begin() as connection:  # noqa: PT012 - the last one fails
        connection.exec_driver_sql("PRAGMA max_page_count = 4")
        connection.execute(text("UPDATE counter SET value = 9"))
        connection.exec_driver_sql("CREATE TABLE big AS SELECT zeroblob(100000) AS it")
    with database.begin() as connection:
        assert connection.execute(text("SELECT value FROM counter")).scalar() == 0


def test_many_writers_beside_readers_all_come_through(database):
    done = []

    def write():
        for _ in range(5):
            with database.begin() as connection:
                connection.execute(text("UPDATE counter SET value = value + 1"))
                with for_reading(database).begin() as reading:
                    reading.execute(text("SELECT value FROM counter"))
        done.append(1)

    threads = [threading.Thread(target=write) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 40
    with for_reading(database).begin() as reading:
        assert reading.execute(text("SELECT value FROM counter")).scalar() == 200
