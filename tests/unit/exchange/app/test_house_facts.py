from importlib.resources import files
from types import SimpleNamespace

import pytest
from simulators.chain import COIN, SIM

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidInput, Refused
from custody.wallets.standing import Standing
from custody.withdrawals.errors import InvalidPolicy
from custody.withdrawals.facts import Ask, DestinationKind, Kind, Tier
from exchange.app.blueprint import StaffSpec
from exchange.app.house_facts import HouseFacts, HousePolicy

STAFF = (StaffSpec("alice", "11" * 32, "Alice", "House"), StaffSpec("bob", "22" * 32, "Bob", "Trustee"))
COLD, HOT = Address(SIM, "sim1cold"), Address(SIM, "sim1hot")


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_bytes((files("exchange.app") / "policy.yaml").read_bytes())
    return path


def ask(to, customer="alice"):
    return Ask("wd-1", Kind.CUSTOMER, customer, customer, to, Amount(1, COIN), "")


def test_refuses_to_start_where_nobody_could_approve(policy):
    with pytest.raises(Refused, match="roster is empty"):
        HousePolicy(policy, ())


def test_refuses_to_start_without_a_readable_policy(tmp_path, policy):
    with pytest.raises(InvalidPolicy):
        HousePolicy(tmp_path / "none.yaml", STAFF)
    policy.write_text("version: 1\n")
    with pytest.raises(InvalidPolicy):
        HousePolicy(policy, STAFF)


@pytest.mark.parametrize("key", ["", "zz" * 32, "11" * 31, "11" * 33, "not hex"])
def test_refuses_a_key_of_the_staff_that_is_none(policy, key):
    with pytest.raises(InvalidInput):
        HousePolicy(policy, (StaffSpec("alice", key, "Alice", "House"),))


@pytest.mark.parametrize("second", [StaffSpec("alice", "33" * 32, "A", "H"), StaffSpec("carol", "11" * 32, "C", "H")])
def test_refuses_one_approver_twice_and_one_key_for_two(policy, second):
    with pytest.raises(InvalidInput, match="roster"):
        HousePolicy(policy, (*STAFF, second))


def test_refuses_to_start_where_one_organisation_could_approve_alone(policy):
    staff = tuple(StaffSpec(each.approver, each.key, each.person, "House") for each in STAFF)
    with pytest.raises(Refused, match="the 2 voices of House alone can satisfy it"):
        HousePolicy(policy, staff)


def test_the_policy_is_the_one_of_the_start_whatever_happens_to_the_file(policy):
    source = HousePolicy(policy, STAFF)
    first = source.active(0)
    policy.write_text("rules: []")
    assert source.active(2**40) is first
    assert [member.approver for member in source.roster().members] == ["alice", "bob"]


def no_objection(_customer):
    return Standing()


def no_refill(_withdrawal_id):
    return None


def test_what_deposits_say_about_a_customer_is_a_fact_and_nobody_asks_about_the_treasury():
    asked = []

    def standing(customer):
        asked.append(customer)
        return Standing(frozen="spent and gone", unsettled="BTC")

    facts = HouseFacts({}, standing, no_refill)
    found = facts.gather(ask(COLD, "bob"))
    assert (found.frozen, found.unsettled) == ("spent and gone", "BTC")
    treasury = Ask("wd-2", Kind.TREASURY, "treasury", "alice", COLD, Amount(1, COIN), "")
    assert (facts.gather(treasury).frozen, facts.gather(treasury).unsettled) == ("", "")
    assert asked == ["bob"]


def test_a_destination_nobody_registered_is_a_one_time_place():
    facts = HouseFacts({COLD: Tier.COLD, HOT: Tier.HOT}, no_objection, no_refill)
    for to in (Address(SIM, "sim1else"), Address(ChainId("otherchain"), "sim1cold")):
        assert facts.gather(ask(to)).destination.kind is DestinationKind.ONE_TIME


def test_our_own_places_are_known_by_their_tier():
    facts = HouseFacts({COLD: Tier.COLD, HOT: Tier.HOT}, no_objection, no_refill)
    assert facts.gather(ask(COLD)).destination.kind is DestinationKind.COLD
    assert facts.gather(ask(HOT)).destination.kind is DestinationKind.HOT


def test_customers_are_paid_from_hot_only_and_counted_by_themselves():
    found = HouseFacts({}, no_objection, no_refill).gather(ask(Address(SIM, "sim1x"), "bob"))
    assert (found.source, found.owner, found.kyc_level) == (Tier.HOT, "bob", 0)


def test_warm_pays_what_a_request_asks_for_and_as_many_people_must_approve():
    asked = []

    def refill_of(withdrawal_id):
        asked.append(withdrawal_id)
        return SimpleNamespace(source=Tier.WARM, quorum=3)

    facts = HouseFacts({HOT: Tier.HOT}, no_objection, refill_of)
    found = facts.gather(Ask("wd-2", Kind.TREASURY, "treasury", "service", HOT, Amount(1, COIN), ""))
    assert (found.source, found.destination.kind, found.people) == (Tier.WARM, DestinationKind.HOT, 3)
    found = facts.gather(ask(HOT))
    assert (found.source, found.people, asked) == (Tier.HOT, 0, ["wd-2"])
