# What the background work noted, as the gates read it; what nobody noted is an error, never a guess.
from types import SimpleNamespace

import pytest
from simulators.chain import COIN, SIM, sim_key

from custody.primitives.asset import Asset
from custody.primitives.errors import MalformedPayload, NotFound
from custody.withdrawals.gates.receipts import START
from exchange.app.audit_heads import AuditHeads, KeptHead
from exchange.app.auditing import parse_head
from exchange.app.checked_signers import CheckedSigner
from exchange.app.house_evidence import HouseNotes, NoteSources
from exchange.app.sealing import read_receipt_key
from exchange.settlement.reserve_archive import ReserveArchive

NOW_S = 1_800_000_000
TOKEN = Asset("TOK", 6, SIM, "contract")


class Place:
    def __init__(self, folder):
        folder.chmod(0o700)
        self.lease = folder / "lease"
        self.heads = AuditHeads(folder / "heads", {}, lambda: START)
        self.holds = {"wd-1": b"note"}
        self.signers = [CheckedSigner(name, None, SIM, "hot-sim", sim_key(name)) for name in ("a", "b")]
        members = tuple(SimpleNamespace(signer=each, key=sim_key(each.name)) for each in self.signers)
        self.lane = SimpleNamespace(wallet_id="hot-sim", chain=SIM, members=members, threshold=2)
        archive = ReserveArchive(folder / "reserves")
        sources = NoteSources({}, self.heads, self.lease, archive, self.holds.get, {SIM: "SIM"})
        self.notes = HouseNotes(sources)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_nothing_is_known_before_somebody_looked(place):
    with pytest.raises(NotFound, match="no ceremony described wallet hot-sim"):
        place.notes.keys(place.lane)
    with pytest.raises(NotFound, match="not compared since the start"):
        place.notes.books(COIN)
    with pytest.raises(NotFound, match="no sign of life"):
        place.notes.monitor(place.lane)
    place.notes.expect_contracts(SIM)
    with pytest.raises(NotFound, match="not compared with the chain"):
        place.notes.contract(place.lane)
    assert place.notes.hold_note("wd-2") is None
    assert (place.notes.proof(COIN).statement, place.notes.proof(COIN).cutoff_s) == (0, 0)


def test_what_was_noted_last_is_what_the_gates_read(place):
    place.notes.note_books("SIM", NOW_S, 7)
    place.notes.note_books("SIM", NOW_S + 1, 0)
    found = place.notes.books(COIN)
    assert (found.reconciled_at_s, found.missing) == (NOW_S + 1, "0")
    assert place.notes.books(TOKEN).asset == ""  # nobody compares it, and the evidence says so
    place.notes.expect_contracts(SIM)
    place.notes.note_contracts(SIM, NOW_S, "threshold 1, not 2")
    assert place.notes.contract(place.lane).difference == "threshold 1, not 2"
    assert place.notes.hold_note("wd-1") == b"note"


def test_a_wallet_whose_address_commits_to_its_keys_is_compared_with_nothing(place):
    assert (place.notes.contract(place.lane).form, place.notes.contract(place.lane).compared_at_s) == ("address", 0)


def test_the_monitor_is_alive_as_long_as_it_renews_its_lease_and_heads_are_those_that_were_told(place):
    place.lease.touch()
    place.heads.told = {"a": KeptHead(3, "aa", NOW_S), "stranger": KeptHead(1, "bb", NOW_S)}
    found = place.notes.monitor(place.lane)
    assert found.alive_at_s == place.lease.stat().st_mtime_ns // 10**9
    assert found.heads == (("a", 3, "aa", NOW_S),)
    place.heads.broken = "a shows entry 2, after 3 with another hash"
    assert place.notes.monitor(place.lane).broken == place.heads.broken


def test_heads_and_keys_are_read_strictly():
    assert parse_head("3:" + "ab" * 32).number == 3
    for text in ("", "3", "3:zz", "-1:" + "ab" * 32, "3:abcd"):
        with pytest.raises(MalformedPayload):
            parse_head(text)
    with pytest.raises(MalformedPayload):
        read_receipt_key("xyz")
