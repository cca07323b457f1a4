from datetime import date, timedelta

import pytest

from custody.compliance.dated_list import DatedList, decode_list, encode_list, read_day
from custody.compliance.list_folder import MAX_AGE_DAYS, ListFolder, StaleList
from custody.compliance.port import ScreeningQuestion, ScreeningUnavailable, ScreeningVerdict
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.clock import FixedClock
from custody.primitives.errors import InvalidInput, MalformedPayload, Refused

DAY = date(2026, 11, 20)
NOON_S = 1_795_176_000
LISTED, OTHER = "0x" + "ab" * 20, "0x" + "cd" * 20
CLEAR, HIT = ScreeningVerdict.CLEAR, ScreeningVerdict.HIT


@pytest.fixture
def clock():
    return FixedClock(NOON_S)


@pytest.fixture
def lists(tmp_path, clock):
    return ListFolder(tmp_path / "sanctions", clock, has_real_money=True)


def listing(*texts, source="ofac-sdn", day=DAY):
    return DatedList(source, day, dict.fromkeys(texts or (LISTED,), "ETH"))


def answer(lists, to=LISTED):
    chain = ChainId("ethereum")
    return lists.screen(ScreeningQuestion("q", "alice", Address(chain, to), Amount(1, Asset("ETH", 18, chain)), ""))


# B17, D13: what is not known holds.
def test_b17_no_list_at_all_holds(lists):
    with pytest.raises(ScreeningUnavailable, match="no sanctions list"):
        answer(lists)


@pytest.mark.parametrize("days", [-1, MAX_AGE_DAYS + 1])
def test_b17_a_list_that_is_too_old_or_of_a_day_to_come_holds(lists, clock, days):
    lists.save(listing())
    assert answer(lists, OTHER).verdict is CLEAR
    clock.at_s += days * 86_400
    for place in (OTHER, LISTED):
        with pytest.raises(ScreeningUnavailable, match="not of the last 7 days"):
            answer(lists, place)


def test_b17_one_old_list_of_two_holds(lists):
    lists.save(listing())
    lists.save(listing(source="house", day=DAY - timedelta(MAX_AGE_DAYS)))
    assert answer(lists, OTHER).verdict is CLEAR
    lists.save(listing(source="second-house", day=DAY - timedelta(MAX_AGE_DAYS + 1)))
    with pytest.raises(ScreeningUnavailable, match="second-house"):
        answer(lists, OTHER)


@pytest.mark.parametrize("spoil", ["damaged", "renamed", "open", "folder"])
def test_b17_a_list_that_cannot_be_read_holds(lists, tmp_path, spoil):
    lists.save(listing())
    assert answer(lists).verdict is HIT
    path = tmp_path / "sanctions" / "ofac-sdn.json"
    if spoil == "damaged":
        path.write_bytes(path.read_bytes()[:-5])
    elif spoil == "renamed":
        path.rename(path.with_name("another.json"))
    elif spoil == "open":
        raw = path.read_bytes()
        path.unlink()
        path.write_bytes(raw)
        path.chmod(0o666)
    else:
        path.with_name("strange.json").mkdir()
    with pytest.raises(ScreeningUnavailable):
        answer(lists)


def test_a_list_is_never_replaced_by_an_older_one_one_of_tomorrow_or_an_empty_one(lists):
    lists.save(listing())
    for day in (DAY - timedelta(1), DAY + timedelta(1)):
        with pytest.raises(StaleList):
            lists.save(listing(OTHER, day=day))
    with pytest.raises(InvalidInput, match="lists nobody"):
        DatedList("ofac-sdn", DAY, {})
    assert answer(lists).verdict is HIT


def test_a_folder_that_others_may_write_is_refused(lists, tmp_path):
    (tmp_path / "sanctions").mkdir(mode=0o755)
    with pytest.raises(Refused):
        lists.save(listing())


@pytest.mark.parametrize("source", ["", "../ofac", "OFAC", "a" * 41, ".hidden"])
def test_a_name_that_is_no_plain_file_name_is_refused(source):
    with pytest.raises(InvalidInput):
        listing(source=source)


@pytest.mark.parametrize("day", ["", "20.11.2026", "2026-11-31", "20261120", "2026-11-20T00"])
def test_a_day_has_one_spelling(day):
    with pytest.raises(InvalidInput):
        read_day(day)


@pytest.mark.parametrize(
    "change",
    [
        (b"sanctions/1", b"sanctions/2"),
        (b'"source"', b'"sauce"'),
        (b"2026-11-20", b"yesterday"),
        (b'"ETH"', b"1"),
        (b'"ofac-sdn"', b'"o/f"'),
        (b'"entries"', b'"as_of"'),
    ],
)
def test_a_file_of_another_shape_is_refused(change):
    with pytest.raises(MalformedPayload):
        decode_list(encode_list(listing()).replace(*change))


def test_a_list_survives_its_file():
    made = listing(LISTED, OTHER, "88monero")
    assert decode_list(encode_list(made)) == made


def test_a_local_installation_without_lists_lists_nobody_but_obeys_one_that_is_there(tmp_path, clock):
    local = ListFolder(tmp_path / "none", clock, has_real_money=False)
    assert (answer(local).verdict, answer(local).source) == (CLEAR, "sanctions/local-empty")
    local.save(listing())
    assert answer(local).verdict is HIT


def test_a_new_list_counts_from_the_next_question_on(lists, tmp_path, clock):
    lists.save(listing())
    assert answer(lists, OTHER).verdict is CLEAR
    other_process = ListFolder(tmp_path / "sanctions", clock, has_real_money=True)
    assert other_process.save(listing(LISTED, OTHER)) == listing()
    found = answer(lists, OTHER)
    assert (found.verdict, found.source) == (HIT, "sanctions/ofac-sdn/2026-11-20")
