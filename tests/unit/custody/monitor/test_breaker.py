import json
import threading

import pytest
from simulators.withdrawal_house import NOW_S, approval, roster_of

from custody.keys.quorum import ApprovalDenied, QuorumRule
from custody.monitor.breaker import ALL, FileBreaker, NotClosable, closing_hash
from custody.primitives.approval import Verdict
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import NotFound, QuorumNotReached
from custody.withdrawals.errors import WithdrawalsFrozen

BTC = Asset("BTC", 8, ChainId("bitcoin"))
ETH = Asset("ETH", 18, ChainId("ethereum"))
USDC = Asset("USDC", 6, ChainId("ethereum"), "0xA0b8")
OFFICERS = ("ann", "bob", "cid")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "breaker.json"


def stopped(path):
    found = []
    for asset in (BTC, ETH, USDC):
        try:
            FileBreaker(path).require_closed(asset, f"hot-{asset.symbol.lower()}")
        except WithdrawalsFrozen:
            found.append(asset.symbol)
    return found


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b'"all"', b"7", b"\xff\xfe", b'{"asset:BTC": ', b"[" * 100_000],
    ids=["empty", "cut", "null", "list", "text", "number", "not utf-8", "half", "deep"],
)
def test_an_unreadable_file_is_open_for_everything(path, content):
    path.write_bytes(content)
    assert stopped(path) == ["BTC", "ETH", "USDC"]
    assert ALL in FileBreaker(path).open_scopes()


def test_a_folder_in_place_of_the_file_is_open_for_everything(path):
    path.mkdir()
    assert stopped(path) == ["BTC", "ETH", "USDC"]


@pytest.mark.parametrize("scope", ["BTC", "assets:BTC", "", "ALL", "Asset:BTC"])
def test_a_scope_nobody_understands_is_open_for_everything(path, scope):
    FileBreaker(path).open(scope, "a slip of the pen")
    assert stopped(path) == ["BTC", "ETH", "USDC"]


@pytest.mark.parametrize(
    ("scope", "assets"),
    [
        ("all", ["BTC", "ETH", "USDC"]),
        ("chain:ethereum", ["ETH", "USDC"]),
        ("asset:USDC", ["USDC"]),
        ("chain:bitcoin", ["BTC"]),
        ("asset:DOGE", []),
        ("lane:hot-eth", ["ETH"]),
        ("lane:hot", []),
    ],
)
def test_a_scope_stops_what_it_names_and_nothing_else_also_after_a_restart(path, scope, assets):
    FileBreaker(path).open(scope, "because")
    assert stopped(path) == assets


def test_the_refusal_says_scope_and_reason(path):
    FileBreaker(path).open("chain:ethereum", "two nodes disagree")
    with pytest.raises(WithdrawalsFrozen, match="stopped for chain:ethereum: two nodes disagree") as refused:
        FileBreaker(path).require_closed(ETH, "hot-eth")
    assert refused.value.facts == {"scope": "chain:ethereum"}


def test_the_first_reason_stays_and_scopes_add_up(path):
    breaker = FileBreaker(path)
    breaker.open("asset:BTC", "first")
    breaker.open("asset:BTC", "second")
    breaker.open("chain:ethereum", "third")
    assert FileBreaker(path).open_scopes() == {"asset:BTC": "first", "chain:ethereum": "third"}


def test_a_machine_that_stops_something_does_not_close_what_was_unreadable(path):
    path.write_text("{")
    FileBreaker(path).open("asset:BTC", "because")
    assert stopped(path) == ["BTC", "ETH", "USDC"]


def test_two_monitors_that_stop_things_at_once_are_both_heard(path):
    breaker, names = FileBreaker(path), [f"asset:A{number}" for number in range(40)]
    threads = [threading.Thread(target=breaker.open, args=(name, "because")) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(breaker.open_scopes()) == set(names)


def close(path, scope, names=OFFICERS[:2], what=None, now_s=NOW_S, verdict=Verdict.APPROVE):
    breaker = FileBreaker(path)
    what = what or closing_hash(scope, breaker.stops()[scope])
    votes = [approval(what, name, verdict, now_s) for name in names]
    breaker.close(scope, votes, QuorumRule(roster_of(*OFFICERS), 2, 3_600), now_s)


@pytest.mark.parametrize("scope", ["asset:ETH", "all", ""])
def test_closing_what_is_not_stopped_is_refused(path, scope):
    FileBreaker(path).open("asset:BTC", "because")
    with pytest.raises(NotFound):
        close(path, scope, what=bytes(32))
    assert stopped(path) == ["BTC"]


@pytest.mark.parametrize("content", [b"{", b'{"all": "written by hand"}', b'{"all": {"reason": 1, "number": "00"}}'])
def test_what_was_damaged_or_written_by_hand_is_not_closed_by_approvals(path, content):
    path.write_bytes(content)
    with pytest.raises(NotClosable):
        close(path, "all")
    assert stopped(path) == ["BTC", "ETH", "USDC"]


@pytest.mark.parametrize("names", [(), ("ann",), ("ann", "ann"), ("ann", "eve")])
def test_fewer_officers_than_the_quorum_do_not_close_it(path, names):
    FileBreaker(path).open("asset:BTC", "because")
    with pytest.raises(QuorumNotReached):
        close(path, "asset:BTC", names)
    assert stopped(path) == ["BTC"]


def test_one_officer_who_says_no_keeps_it_open(path):
    FileBreaker(path).open("asset:BTC", "because")
    with pytest.raises(ApprovalDenied):
        close(path, "asset:BTC", verdict=Verdict.DENY)
    assert stopped(path) == ["BTC"]


def test_approvals_for_one_scope_do_not_close_another(path):
    breaker = FileBreaker(path)
    breaker.open("asset:BTC", "because")
    breaker.open("asset:ETH", "because")
    with pytest.raises(QuorumNotReached):
        close(path, "asset:BTC", what=closing_hash("asset:ETH", breaker.stops()["asset:ETH"]))
    assert stopped(path) == ["BTC", "ETH"]


def test_approvals_that_ended_one_stop_never_end_the_next_of_the_same_kind(path):
    breaker = FileBreaker(path)
    breaker.open("asset:BTC", "because")
    old = closing_hash("asset:BTC", breaker.stops()["asset:BTC"])
    close(path, "asset:BTC")
    breaker.open("asset:BTC", "because")
    with pytest.raises(QuorumNotReached):
        close(path, "asset:BTC", what=old)
    assert stopped(path) == ["BTC"]


def test_a_quorum_closes_one_scope_keeps_the_others_and_leaves_a_trace(path):
    breaker = FileBreaker(path)
    breaker.open("asset:BTC", "because")
    breaker.open("chain:ethereum", "two nodes disagree")
    close(path, "asset:BTC")
    assert stopped(path) == ["ETH", "USDC"]
    (line,) = path.with_suffix(".log").read_text().splitlines()
    assert (json.loads(line)["closed"], json.loads(line)["approvers"]) == ("asset:BTC", ["ann", "bob"])


def test_people_may_also_close_it_by_removing_the_entry(path):
    breaker = FileBreaker(path)
    breaker.open("asset:BTC", "because")
    path.write_text("{}")
    breaker.require_closed(BTC, "hot-btc")


def test_without_a_file_nothing_is_stopped(path):
    assert stopped(path) == []
    assert FileBreaker(path).open_scopes() == {}
