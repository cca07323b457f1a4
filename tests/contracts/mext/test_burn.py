import ape

MILLION = 10**24


def test_refuses_to_burn_more_than_is_held(mext, people):
    with ape.reverts(mext.ERC20InsufficientBalance):
        mext.burn(1, sender=people.mallory)


def test_refuses_to_burn_for_others_without_allowance(mext, people):
    with ape.reverts(mext.ERC20InsufficientAllowance):
        mext.burnFrom(people.holder, 1, sender=people.mallory)


def test_g13_a_burn_lowers_supply_and_votes_from_then_on(mext, people, clock):
    mext.invoke_transaction("delegate", people.holder, sender=people.holder)
    before = mext.burn(3 * MILLION, sender=people.holder).timestamp - 1
    clock.reach(clock.next + 10)
    assert mext.totalBurned() == 3 * MILLION
    assert mext.totalSupply() == mext.getVotes(people.holder) == 997 * MILLION
    assert mext.getPastTotalSupply(before) == 1_000 * MILLION
    assert mext.getPastTotalSupply(before + 1) == 997 * MILLION
