import ape
import pytest

MILLION = 10**24


def test_refuses_to_look_at_the_present_or_the_future(mext, people):
    for timepoint in (mext.clock(), mext.clock() + 1):
        with ape.reverts(mext.ERC5805FutureLookup):
            mext.getPastVotes(people.holder, timepoint)


def test_undelegated_tokens_have_no_votes(mext, people):
    assert mext.getVotes(people.holder) == 0


def test_g01_votes_that_come_and_go_in_one_second_leave_no_trace(mext, people, clock):
    mext.invoke_transaction("delegate", people.alice, sender=people.alice)
    came = mext.transfer(people.alice, MILLION, sender=people.holder).timestamp
    went = mext.transfer(people.holder, MILLION, sender=people.alice).timestamp
    clock.reach(went + 10)
    assert mext.getPastVotes(people.alice, came - 1) == 0
    assert mext.getPastVotes(people.alice, went) == 0


@pytest.mark.parametrize("amount", [1, MILLION])
def test_a_transfer_moves_votes_between_delegates(mext, people, amount):
    for person in (people.holder, people.alice):
        mext.invoke_transaction("delegate", person, sender=person)
    mext.transfer(people.alice, amount, sender=people.holder)
    assert mext.getVotes(people.alice) == amount
    assert mext.getVotes(people.holder) == 1_000 * MILLION - amount
