# Kept heads when the disk or a signer fails, and what people accept after a restored backup.
import json
import os
import socket
import sqlite3
import time

import pytest
from simulators.gates import SEALS
from simulators.withdrawal_house import House
from sqlalchemy import text
from typer.testing import CliRunner

from custody.keys import ed25519
from custody.keys.private_files import write_new_private
from custody.primitives.errors import InvariantBroken, MalformedPayload, NotFound, Refused, SignerUnavailable
from custody.signers.audit import AuditChainBroken
from custody.signers.client import RemoteSigner
from custody.signers.memory import Memory
from custody.store.receipts import all_receipts, receipt_head
from custody.withdrawals.gates.receipts import START
from exchange.app.audit_heads import (
    HEALTH_TIMEOUT_S,
    RECEIPTS,
    AuditHeads,
    AuditWentBack,
    HeadsUnavailable,
    KeptHead,
    accept_head,
    read_heads,
)
from exchange.app.home import Home
from exchange.cli.audit import app

NOW_S = 1_800_000_000


class Clock:
    now_s = 50.0

    def __call__(self):
        return self.now_s


class Log:
    """A signer that answers after a while, or does not."""

    def __init__(self, clock=None, takes_s=0, error=None):
        self.number, self.clock, self.takes_s, self.error = 1, clock, takes_s, error

    def health(self, timeout_s):
        if self.clock is not None:
            self.clock.now_s += min(self.takes_s, timeout_s)
        if self.error is not None:
            raise self.error
        return {"audit": {"number": self.number, "hash": f"{self.number:02x}"}}


def heads_of(path, signers, clock=None):
    return AuditHeads(path, signers, lambda: START, clock or Clock())


# Signers that hang or lie ------------------------------------------------------------------------


def test_a_hanging_signer_is_waited_for_shortly_and_each_head_has_the_time_of_its_answer(tmp_path):
    clock = Clock()
    silent = SignerUnavailable("silent")
    signers = {
        "first": Log(),
        "hung": Log(clock, 20, silent),
        "second": Log(),
        "hung too": Log(clock, 20, silent),
        "last": Log(),
    }
    heads = heads_of(tmp_path / "heads", signers, clock)
    heads.step(NOW_S)
    assert {name: head.at_s - NOW_S for name, head in heads.told.items()} == {
        "first": 0,
        "second": HEALTH_TIMEOUT_S,
        "last": 2 * HEALTH_TIMEOUT_S,
    }


def test_a_head_is_there_before_the_next_signer_is_asked(tmp_path):
    seen = []

    class Looking(Log):
        def health(self, timeout_s):
            seen.append((dict(heads.told), dict(read_heads(tmp_path / "heads"))))
            return super().health(timeout_s)

    heads = heads_of(tmp_path / "heads", {"first": Log(), "second": Looking()})
    heads.step(NOW_S)
    head = KeptHead(1, "01", NOW_S)
    assert seen == [({"first": head}, {"first": head})]


def test_whatever_one_signer_answers_the_others_are_heard_and_it_is_told(tmp_path):
    heads = heads_of(tmp_path / "heads", {"odd": Log(error=Refused("odd says no")), "good": Log()})
    with pytest.raises(Refused, match="odd says no"):
        heads.step(NOW_S)
    assert list(heads.told) == ["good"]
    assert set(read_heads(tmp_path / "heads")) == {"good", RECEIPTS}


def test_a_bug_of_ours_is_not_passed_over(tmp_path):
    heads = heads_of(tmp_path / "heads", {"odd": Log(error=InvariantBroken("a bug")), "good": Log()})
    with pytest.raises(InvariantBroken):
        heads.step(NOW_S)


def test_health_with_a_timeout_of_its_own_names_a_signer_that_hangs(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hanging:
        hanging.bind(str(tmp_path / "s"))
        hanging.listen(1)
        with pytest.raises(SignerUnavailable, match="signer hung does not answer: Timeout"):
            RemoteSigner("hung", tmp_path / "s", timeout_s=3_600).health(timeout_s=1)


# The file ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("torn", [b"{", b'{"alice": [7, "bb"', b'{"alice": [7, "bb", 9]}', b"\0" * 40])
def test_a_torn_last_line_is_passed_over_and_cut_off_by_the_next(tmp_path, torn):
    path, alice = tmp_path / "heads", Log()
    heads_of(path, {"alice": alice}).step(NOW_S)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert read_heads(path)["alice"] == KeptHead(1, "01", NOW_S)
    alice.number = 2
    heads_of(path, {"alice": alice}).step(NOW_S + 1)
    assert path.read_bytes() == whole + b'{"alice": [2, "02", %d]}\n' % (NOW_S + 1)


def test_a_file_that_holds_nothing_but_a_torn_line_begins_anew(tmp_path):
    path = tmp_path / "heads"
    path.write_bytes(b'{"ali')
    heads_of(path, {"alice": Log()}).step(NOW_S)
    assert set(read_heads(path)) == {"alice", RECEIPTS}


def test_a_whole_line_that_is_no_head_still_stops_the_start(tmp_path):
    for line in (b"{", b"[]", b'{"alice": 7}', b'{"alice": [1]}', b'{"accepted": true, "name": "alice"}'):
        (tmp_path / "heads").write_bytes(line + b"\n")
        with pytest.raises(AuditWentBack, match="cannot be read"):
            heads_of(tmp_path / "heads", {})


def test_a_head_that_cannot_be_written_is_not_told_and_the_step_can_be_done_again(tmp_path):
    folder, alice = tmp_path / "later", Log()
    heads = heads_of(folder / "heads", {"alice": alice})
    with pytest.raises(HeadsUnavailable, match="could not be kept"):
        heads.step(NOW_S)
    assert heads.told == {}
    folder.mkdir()
    heads.step(NOW_S + 1)
    assert heads.told == {"alice": KeptHead(1, "01", NOW_S + 1)}


def test_a_full_disk_is_unavailable(monkeypatch, tmp_path):
    path, alice = tmp_path / "heads", Log()
    heads = heads_of(path, {"alice": alice})
    heads.step(NOW_S)
    whole, write, alice.number = path.read_bytes(), os.write, 2
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:5]))
        with pytest.raises(HeadsUnavailable, match="No space left"):
            heads.step(NOW_S + 1)
    assert path.read_bytes() == whole + b'{"ali'
    heads.step(NOW_S + 2)
    assert path.read_bytes() == whole + b'{"alice": [2, "02", %d]}\n' % (NOW_S + 2)


def test_a_file_that_cannot_be_read_is_unavailable(tmp_path):
    (tmp_path / "heads").mkdir()
    with pytest.raises(HeadsUnavailable):
        read_heads(tmp_path / "heads")


# Accepting ---------------------------------------------------------------------------------------


def run(home, *arguments):
    return CliRunner().invoke(app, ["accept", *arguments, "--home", str(home.folder)])


@pytest.fixture
def home(tmp_path):
    """Two receipts, both kept, of which a restored backup has only the first."""
    tmp_path.chmod(0o700)
    home = Home(tmp_path)
    house = House(url=home.database("custody"))
    for number in range(2):
        house.ask(1_000 + number, key=f"key-{number}")
    house.settle()
    write_new_private(home.receipt_key, ed25519.public_key(SEALS.receipts).raw.hex().encode())
    receipts_of(home, house).step(NOW_S)
    first = list(all_receipts(house.engine))[0].head  # noqa: RUF015 - to its end: the connection is given back
    with house.engine.begin() as connection:
        connection.execute(text("DELETE FROM gate_receipt WHERE number = 2"))
        connection.execute(text("UPDATE gate_receipt_head SET number = 1, hash = :hash"), {"hash": bytes(first.hash)})
    yield home, house
    house.engine.dispose()


def receipts_of(home, house):
    return AuditHeads(home.audit_heads, {}, lambda: receipt_head(house.engine))


def test_restored_receipts_are_broken_at_every_start_until_people_accept_them(home):
    (home, house), began_s = home, int(time.time())
    for _ in range(2):
        with pytest.raises(AuditWentBack, match="receipts shows entry 1, after 2"):
            receipts_of(home, house).step(NOW_S + 1)
    running = receipts_of(home, house)
    with pytest.raises(AuditWentBack):
        running.step(NOW_S + 2)
    old = home.audit_heads.read_bytes()
    asked = run(home, "receipts", "--reason", "backup restored")
    assert (asked.exit_code, home.audit_heads.read_bytes()) == (4, old)
    assert f"kept   receipts 2:{read_heads(home.audit_heads)[RECEIPTS].hash}" in asked.output
    shown = receipt_head(house.engine)
    done = run(home, "receipts", "--reason", "backup restored", "--yes")
    assert done.exit_code == 0
    assert f"shown  receipts 1:{shown.hash.hex()}" in done.output
    assert home.audit_heads.read_bytes().startswith(old)
    line = json.loads(home.audit_heads.read_bytes().splitlines()[-1])
    assert line.pop("at") >= began_s
    assert line == {
        "accepted": True,
        "name": "receipts",
        "number": 1,
        "hash": shown.hash.hex(),
        "reason": "backup restored",
    }
    with pytest.raises(AuditWentBack):
        running.step(NOW_S + 3)  # until it is started again
    receipts_of(home, house).step(NOW_S + 4)
    again = run(home, "receipts", "--reason", "backup restored", "--yes")
    assert (again.exit_code, "nothing to accept" in again.output) == (0, True)
    house.ask(5, key="after")
    house.settle()
    assert receipt_head(house.engine).number == 2
    receipts_of(home, house).step(NOW_S + 5)
    assert read_heads(home.audit_heads)[RECEIPTS].number == 2


def test_an_accepted_head_is_a_base_and_no_pardon_for_later(home):
    home, house = home
    run(home, "receipts", "--reason", "backup restored", "--yes")
    with house.engine.begin() as connection:
        connection.execute(text("UPDATE gate_receipt_head SET number = 0"))
    with pytest.raises(AuditWentBack, match="receipts shows entry 0, after 1"):
        receipts_of(home, house).step(NOW_S + 1)


def test_a_signer_that_does_not_run_is_read_from_its_memory_and_a_broken_log_is_not_accepted(tmp_path):
    home = Home(tmp_path)
    home.signer("alice").mkdir(parents=True, mode=0o700)
    path = home.signer("alice") / "memory.sqlite"
    memory = Memory.create(path)
    memory.close()
    accept_head(home.audit_heads, "alice", KeptHead(90, "aa", NOW_S), "as it was kept")
    done = run(home, "alice", "--reason", "signer home replaced", "--yes")
    assert done.exit_code == 0
    assert read_heads(home.audit_heads)["alice"].number == 0
    break_log(path)
    assert isinstance(run(home, "alice", "--reason", "again", "--yes").exception, AuditChainBroken)


def break_log(path):
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO audit (number, entry, hash) VALUES (3, x'7b7d', zeroblob(32))")
    database.close()


def test_accepting_asks_for_a_known_name_a_signer_that_is_there_and_a_reason(home):
    home, _ = home
    assert isinstance(run(home, "mallory", "--reason", "x", "--yes").exception, NotFound)
    accept_head(home.audit_heads, "far", KeptHead(9, "aa", NOW_S), "a signer on a machine of its own")
    assert isinstance(run(home, "far", "--reason", "x", "--yes").exception, SignerUnavailable)
    old = home.audit_heads.read_bytes()
    for reason in ("", "  ", "x" * 501):
        assert isinstance(run(home, "receipts", "--reason", reason, "--yes").exception, MalformedPayload)
    assert run(home, "receipts", "--yes").exit_code == 2
    assert home.audit_heads.read_bytes() == old
