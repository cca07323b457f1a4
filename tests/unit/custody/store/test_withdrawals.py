# The store's promises, on SQLite and on PostgreSQL: versions, unique indexes, exact records.
from dataclasses import replace

import pytest
from simulators.chain import COIN, SIM
from simulators.gates import SEALS
from simulators.postgres import can_run, running_postgres
from simulators.withdrawal_house import BIG_UNITS, House, approval
from sqlmodel import SQLModel

from custody.primitives.asset import AssetBook
from custody.primitives.bell import Bell
from custody.primitives.errors import IdempotencyConflict, NotFound, StaleState
from custody.primitives.ids import IdempotencyKey, WithdrawalId
from custody.store.database import open_database
from custody.store.withdrawals import SqlWithdrawalStore
from custody.withdrawals.errors import ResourceTaken
from custody.withdrawals.facts import Circumstances, Destination, DestinationKind, Scope, Tier, UsageKey
from custody.withdrawals.ports import Change, UsageReservation
from custody.withdrawals.records import Payment
from custody.withdrawals.states import PaymentEvent, PaymentState, WithdrawalEvent, WithdrawalState

KNOWN = Circumstances("owner", 1, Tier.HOT, Destination(DestinationKind.ONE_TIME))


@pytest.fixture(scope="module")
def postgres_url():
    if not can_run():
        pytest.skip("no PostgreSQL server here")
    with running_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def house(request):
    if request.param == "sqlite":
        return House()
    url = request.getfixturevalue("postgres_url")
    SQLModel.metadata.drop_all(open_database(url))
    return House(url=url)


def opened(store, withdrawal, resource="coin-1", number=1):
    payment = Payment(f"pay-{number}", withdrawal.to.chain, "w", resource, (withdrawal.id,), PaymentState.OPEN, 0, 1)
    store.commit(Change(payments=(payment,), reserve=(payment.id, (resource,))))
    return store.payment(payment.id)


def reserved(store, withdrawal, head):
    store.commit(Change(usage=UsageReservation(withdrawal.ask(), KNOWN, 7, 1_000, head)))


KEYS = {
    scope: UsageKey(scope, value, "simchain/native", 60)
    for scope, value in {
        Scope.OWNER: "owner",
        Scope.CUSTOMER: "alice",
        Scope.ASSET: "simchain/native",
        Scope.TIER: "hot",
        Scope.HOUSE: "house",
        Scope.DESTINATION: "simchain:sim1dest",
    }.items()
}


def test_refuses_a_change_over_a_version_that_is_gone(house):
    withdrawal = house.ask()
    house.store.commit(Change(withdrawals=(withdrawal.move(WithdrawalEvent.CLAIM, 1),)))
    with pytest.raises(StaleState):
        house.store.commit(Change(withdrawals=(withdrawal.move(WithdrawalEvent.CANCEL, 1),)))
    assert house.state(withdrawal.id) is WithdrawalState.SCREENING


def test_a_change_that_fails_in_part_leaves_nothing(house):
    first, second = house.ask(), house.ask(key="key-2")
    stale = replace(second, version=9)
    with pytest.raises(StaleState):
        house.store.commit(Change(withdrawals=(first.move(WithdrawalEvent.CLAIM, 1), stale)))
    assert house.state(first.id) is WithdrawalState.HELD


def test_refuses_a_second_payment_of_a_withdrawal(house):
    withdrawal = house.ask()
    opened(house.store, withdrawal)
    with pytest.raises(ResourceTaken):
        opened(house.store, withdrawal, "coin-2", 2)


def test_refuses_a_resource_that_a_live_payment_holds(house):
    opened(house.store, house.ask())
    with pytest.raises(ResourceTaken):
        opened(house.store, house.ask(key="key-2"), "coin-1", 2)
    assert house.store.payments(frozenset({PaymentState.OPEN}))[0].id == "pay-1"


def test_a_void_payment_lets_go_of_withdrawal_and_resource(house):
    withdrawal = house.ask()
    payment = opened(house.store, withdrawal)
    house.store.commit(Change(payments=(payment.move(PaymentEvent.ABANDON),), free=(payment.id,)))
    assert house.store.reserved(withdrawal.to.chain) == frozenset()
    assert opened(house.store, withdrawal, "coin-1", 2).state is PaymentState.OPEN


def test_refuses_a_reservation_of_limits_read_before_another(house):
    first, second = house.ask(), house.ask(key="key-2")
    head = house.store.usage(KEYS.values(), WithdrawalId(""), 1_000).head
    reserved(house.store, first, head)
    with pytest.raises(StaleState):
        reserved(house.store, second, head)


@pytest.mark.parametrize("scope", sorted(KEYS))
def test_limits_add_up_by_scope_and_forget_what_ended_unpaid(house, scope):
    key = KEYS[scope]
    withdrawal = house.ask(1_234)

    def total(now_s, without=""):
        return house.store.usage([key], WithdrawalId(without), now_s).totals[key]

    assert total(1_000) == 0
    reserved(house.store, withdrawal, 0)
    assert total(1_000) == 1_234
    assert total(1_059) == 1_234
    assert total(1_060) == 0
    assert total(1_000, withdrawal.id) == 0
    assert house.store.usage([replace(key, asset=None)], WithdrawalId(""), 1_000).totals == {
        replace(key, asset=None): 7
    }
    house.store.commit(Change(release_usage=(withdrawal.id,)))
    assert total(1_000) == 0


def test_refuses_another_content_under_a_used_key(house):
    withdrawal = house.ask()
    with pytest.raises(IdempotencyConflict):
        house.store.add(replace(withdrawal, request_hash=b"\x01" * 32))


def test_refuses_what_is_not_there(house):
    with pytest.raises(NotFound):
        house.store.withdrawal(WithdrawalId("wd-none"))
    with pytest.raises(NotFound):
        house.store.payment("pay-none")


def test_the_same_request_again_returns_the_one_that_is_there(house):
    withdrawal = house.ask()
    assert house.store.add(replace(withdrawal, salt="another")).salt == withdrawal.salt


def test_the_later_verdict_of_one_approver_replaces_the_earlier(house):
    withdrawal = house.ask(BIG_UNITS)
    house.step()
    wanted = house.service.get(withdrawal.id).intent_hash
    house.store.add_approval(withdrawal.id, approval(wanted, "ann", at_s=10))
    later = approval(wanted, "ann", at_s=20)
    house.store.add_approval(withdrawal.id, later)
    assert house.store.approvals(withdrawal.id) == (later,)


def test_a_decided_withdrawal_comes_back_with_its_intent_hash(house):
    withdrawal = house.ask(BIG_UNITS)
    house.step()
    before = house.service.get(withdrawal.id)
    house.reopen()
    after = house.service.get(withdrawal.id)
    assert after == before
    assert after.intent_hash == before.intent_hash


def test_a_whole_life_on_this_database(house):
    withdrawal = house.ask(BIG_UNITS)
    house.step()
    house.approve(withdrawal.id, "ann", "bob")
    house.settle()
    assert house.state(withdrawal.id) is WithdrawalState.SETTLED
    assert house.network.paid("sim1dest") == [BIG_UNITS]
    (attempt,) = house.store.attempts(house.service.get(withdrawal.id).payment_id)
    assert attempt.signed.raw == house.network.sends[0]
    assert len(attempt.members) == 2
    assert [each.signer for each in house.store.signatures(attempt.payment_id, 1)] == ["signer-a", "signer-b"]


def test_every_change_rings_for_the_chain_it_pays_on(house):
    bell = Bell()
    store = SqlWithdrawalStore(house.engine, AssetBook([COIN]), SEALS, bell)
    asked = house.ask(BIG_UNITS)  # over the house's own store, which has a bell of its own
    assert bell.rung(SIM) == 0
    store.add(replace(asked, id=WithdrawalId("another"), idempotency_key=IdempotencyKey("another")))
    store.commit(Change(withdrawals=(store.withdrawal(asked.id),)))
    store.add_approval(asked.id, approval(asked.request_hash, "alice"))
    assert bell.rung(SIM) == 3
    store.approvals(asked.id)
    assert bell.rung(SIM) == 3


# Decisions stored before groups asked for organisations.
