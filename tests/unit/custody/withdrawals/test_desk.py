# When the votes of what waits for people are counted again, and when nobody looks.
from simulators.withdrawal_house import BIG_UNITS, OPERATORS, House, approval, roster_of

from custody.primitives.errors import StaleState
from custody.store.withdrawals import SqlWithdrawalStore
from custody.withdrawals.desk import COUNT_AGAIN_S
from custody.withdrawals.states import WithdrawalState


def waiting(house):
    withdrawal_id = house.ask(BIG_UNITS).id
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.AWAITING_APPROVAL
    return withdrawal_id


def counting(monkeypatch):
    counted = []
    approvals = SqlWithdrawalStore.approvals

    def spied(self, withdrawal_id):
        counted.append(withdrawal_id)
        return approvals(self, withdrawal_id)

    monkeypatch.setattr(SqlWithdrawalStore, "approvals", spied)
    return counted


def test_what_waits_for_people_is_not_counted_again_and_again(monkeypatch):
    house = House()
    waiting(house)
    counted = counting(monkeypatch)
    for _ in range(5):
        house.step()
    assert counted == []
    house.now_s += COUNT_AGAIN_S
    house.step()
    assert len(counted) == 1


def test_a_vote_is_counted_at_the_next_step_and_one_given_again_too(monkeypatch):
    house = House()
    withdrawal_id = waiting(house)
    house.approve(withdrawal_id, OPERATORS[0])
    counted = counting(monkeypatch)
    house.step()
    assert len(counted) == 1
    house.step()
    assert len(counted) == 1
    again = approval(house.service.get(withdrawal_id).intent_hash, OPERATORS[0], at_s=house.now_s + 1)
    house.store.add_approval(withdrawal_id, again)
    house.step()
    assert len(counted) == 2


def test_people_who_join_are_counted_at_the_next_step():
    house = House()
    house.people = roster_of(OPERATORS[0])
    withdrawal_id = waiting(house)
    house.approve(withdrawal_id, OPERATORS[0])
    house.store.add_approval(withdrawal_id, approval(house.service.get(withdrawal_id).intent_hash, OPERATORS[1]))
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.AWAITING_APPROVAL
    house.people = roster_of(*OPERATORS)
    house.step()
    assert house.state(withdrawal_id) is not WithdrawalState.AWAITING_APPROVAL


def test_a_count_that_failed_is_tried_at_the_next_step(monkeypatch):
    house = House()
    withdrawal_id = waiting(house)
    house.approve(withdrawal_id, *OPERATORS[:2])
    failing = [True]
    commit = SqlWithdrawalStore.commit

    def broken(self, change):
        if failing:
            failing.clear()
            raise StaleState("simulated: changed meanwhile")
        commit(self, change)

    monkeypatch.setattr(SqlWithdrawalStore, "commit", broken)
    house.step()
    house.step()
    assert house.state(withdrawal_id) is not WithdrawalState.AWAITING_APPROVAL
