# The vault seam: staking moves no votes, and nothing else gets into the vault (G23).
import ape
import pytest

MILLION = 10**24
DAY = 86_400


@pytest.fixture
def staking(doubles, people):
    return people.deployer.deploy(doubles.StakeDouble)


@pytest.fixture
def staked(project, people, staking):
    """MEXT with a working vault; alice holds ten million and delegates to herself."""
    token = people.deployer.deploy(project.MEXT, people.holder, staking)
    staking.setToken(token, sender=people.deployer)
    token.transfer(people.alice, 10 * MILLION, sender=people.holder)
    token.invoke_transaction("delegate", people.alice, sender=people.alice)
    token.approve(staking, 2**256 - 1, sender=people.alice)
    return token


@pytest.mark.parametrize("amount", [0, 1, MILLION])
def test_g23_refuses_a_gift_to_the_vault(staked, staking, people, amount):
    with ape.reverts(staked.DepositOnlyThroughVault, caller=people.alice):
        staked.transfer(staking, amount, sender=people.alice)
    staked.approve(people.mallory, 2**256 - 1, sender=people.alice)
    with ape.reverts(staked.DepositOnlyThroughVault, caller=people.mallory):
        staked.transferFrom(people.alice, staking, amount, sender=people.mallory)


def test_refuses_a_burn_by_the_vault(staked, staking, people):
    staking.stake(MILLION, sender=people.alice)
    with ape.reverts(staked.VaultCannotBurn):
        staking.burn(MILLION, sender=people.mallory)


def test_the_vault_itself_never_has_votes(staked, staking, people):
    staking.stake(MILLION, sender=people.alice)
    assert staked.getVotes(staking) == 0
    assert staked.balanceOf(staking) == MILLION


def test_staking_and_withdrawing_move_no_votes(staked, staking, people):
    for act, amount in ((staking.stake, 7 * MILLION), (staking.withdraw, 3 * MILLION)):
        receipt = act(amount, sender=people.alice)
        assert not receipt.events.filter(staked.DelegateVotesChanged)
        assert staked.getVotes(people.alice) == 10 * MILLION


def test_delegating_moves_balance_and_principal_together(staked, staking, people):
    staking.stake(7 * MILLION, sender=people.alice)
    staked.invoke_transaction("delegate", people.bob, sender=people.alice)
    assert staked.getVotes(people.alice) == 0
    assert staked.getVotes(people.bob) == 10 * MILLION


def test_what_was_staked_cannot_be_sent_on(staked, staking, people):
    staking.stake(7 * MILLION, sender=people.alice)
    with ape.reverts(staked.ERC20InsufficientBalance):
        staked.transfer(people.bob, 4 * MILLION, sender=people.alice)
