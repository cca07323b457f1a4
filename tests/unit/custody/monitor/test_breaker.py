import threading

import pytest

from custody.monitor.breaker import ALL, FileBreaker
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.withdrawals.errors import WithdrawalsFrozen

BTC = Asset("BTC", 8, ChainId("bitcoin"))
ETH = Asset("ETH", 18, ChainId("ethereum"))
USDC = Asset("USDC", 6, ChainId("ethereum"), "0xA0b8")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "breaker.json"


def stopped(path):
    found = []
    for asset in (BTC, ETH, USDC):
        try:
            FileBreaker(path).require_closed(asset)
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
    ],
)
def test_a_scope_stops_what_it_names_and_nothing_else_also_after_a_restart(path, scope, assets):
    FileBreaker(path).open(scope, "because")
    assert stopped(path) == assets


def test_the_refusal_says_scope_and_reason(path):
    FileBreaker(path).open("chain:ethereum", "two nodes disagree")
    with pytest.raises(WithdrawalsFrozen, match="stopped for chain:ethereum: two nodes disagree") as refused:
        FileBreaker(path).require_closed(ETH)
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


def test_only_people_close_it_by_removing_the_entry(path):
    breaker = FileBreaker(path)
    breaker.open("asset:BTC", "because")
    path.write_text("{}")
    breaker.require_closed(BTC)


def test_without_a_file_nothing_is_stopped(path):
    assert stopped(path) == []
    assert FileBreaker(path).open_scopes() == {}
