from dataclasses import replace

from simulators.withdrawal_house import House

from custody.withdrawals import paging
from custody.withdrawals.paging import Pager
from custody.withdrawals.ports import Change, Page
from custody.withdrawals.states import WithdrawalEvent, WithdrawalState

HELD = WithdrawalState.HELD


def queue(monkeypatch, count, most):
    monkeypatch.setattr(paging, "PAGE_ITEMS", most)
    house = House()
    ids = []
    for number in range(count):
        house.now_s += 1
        ids.append(house.ask(10, key=f"key-{number}").id)
    return house, ids


def looked_at(pager):
    pager.next_step()
    return [each.id for each in pager.page()]


def test_another_chain_sees_nothing_of_the_queue(monkeypatch):
    house, _ = queue(monkeypatch, 2, 5)
    assert house.store.withdrawals({HELD}, page=Page(5, None, "otherchain")) == ()


def test_every_record_gets_its_turn_and_then_it_begins_with_the_oldest(monkeypatch):
    house, ids = queue(monkeypatch, 5, 2)
    pager = Pager(house.store, HELD)
    assert [looked_at(pager) for _ in range(4)] == [ids[:2], ids[2:4], ids[4:], ids[:2]]


def test_a_queue_that_ends_with_a_full_page_begins_again(monkeypatch):
    house, ids = queue(monkeypatch, 4, 2)
    pager = Pager(house.store, HELD)
    assert [looked_at(pager) for _ in range(3)] == [ids[:2], ids[2:], ids[:2]]


def test_what_leaves_a_full_page_makes_no_room_at_its_end_within_the_step(monkeypatch):
    house, ids = queue(monkeypatch, 4, 2)
    pager = Pager(house.store, HELD)
    assert looked_at(pager) == ids[:2]
    first = house.service.get(ids[0])
    house.store.commit(Change(withdrawals=(first.move(WithdrawalEvent.CLAIM, 1),)))
    assert [each.id for each in pager.page()] == ids[1:2]


def test_requests_of_the_same_moment_are_told_apart_by_their_id(monkeypatch):
    monkeypatch.setattr(paging, "PAGE_ITEMS", 2)
    house = House()
    ids = sorted(house.ask(10, key=f"key-{number}").id for number in range(5))
    pager = Pager(house.store, HELD)
    assert [each for _ in range(3) for each in looked_at(pager)] == ids


def test_what_waits_behind_many_stuck_ones_is_paid(monkeypatch):
    house, ids = queue(monkeypatch, 5, 2)
    stuck = house.circumstances
    for each in ids[:4]:
        asked = house.service.get(each).ask()
        stuck[each] = replace(house.gather(asked), unsettled="a deposit that is not final")
    for _ in range(3):
        house.settle()
    assert house.state(ids[4]) is WithdrawalState.SETTLED
    assert {house.state(each) for each in ids[:4]} == {WithdrawalState.SCREENING}
