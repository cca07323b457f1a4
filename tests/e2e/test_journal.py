"""A journal that was damaged on disk is refused, named and left alone; one writer at a time."""

import hashlib
import time

import pytest

from exchange.app.core import Core
from exchange.journal.verify import verify_journal

pytestmark = [pytest.mark.node, pytest.mark.slow]
CHAINS = {"bitcoin-regtest"}

CONFLICT_EXIT, VERIFICATION_EXIT = 1, 3


def written_bytes(content):
    """The segment is fallocated: behind the last frame there is nothing but zeros."""
    return len(content.rstrip(b"\0"))


def flip(path, offset):
    with path.open("r+b") as file:
        file.seek(offset)
        (old,) = file.read(1)
        file.seek(offset)
        file.write(bytes([old ^ 0x01]))


def test_one_flipped_bit_is_refused_by_segment_and_offset_and_restoring_it_restores_the_state(quiet):
    folder = quiet.home.journal
    with quiet.service_stopped():
        with Core.open(quiet.home, time.time_ns) as core:
            state_hash = core.state_hash().hex()
        head = verify_journal(folder).head
        (segment,) = sorted(folder.glob("*.journal"))
        middle = written_bytes(segment.read_bytes()) // 2
        flip(segment, middle)
        damaged = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}

        refused = quiet.mext("serve", "--port", str(quiet.world.port))
        assert refused.returncode == VERIFICATION_EXIT, refused.stderr
        assert "[journal_damaged]" in refused.stderr
        assert segment.name in refused.stderr
        offset = int(refused.stderr.partition("offset ")[2].split()[0])
        assert 0 < offset <= middle
        assert "Traceback" not in refused.stderr
        assert refused.stdout == ""
        untouched = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        assert untouched == damaged

        flip(segment, middle)
        assert verify_journal(folder).head == head
    assert quiet.get("/v1/status")["ledger"]["recovered_hash"] == state_hash


def test_a_second_service_on_the_same_home_is_refused_and_the_first_goes_on(live):
    second = live.mext("serve", "--port", "1")
    assert second.returncode == CONFLICT_EXIT, second.stderr
    assert "[journal_locked]" in second.stderr
    assert str(live.home.journal) in second.stderr
    assert live.ask("GET", "/v1/status").status_code == 200
    assert live.pay("ada", "BTC", "0.001")
