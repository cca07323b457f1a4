import ape
import pytest

ZERO = "0x" + "00" * 20
SUPPLY = 10**27


def test_refuses_a_missing_holder(project, people, vault):
    with ape.reverts(project.MEXT.ZeroAddress):
        people.deployer.deploy(project.MEXT, ZERO, vault)


def test_refuses_a_missing_vault(project, people):
    with ape.reverts(project.MEXT.ZeroAddress):
        people.deployer.deploy(project.MEXT, people.holder, ZERO)


def test_refuses_to_mint_into_the_vault(project, people, vault):
    with ape.reverts(project.MEXT.DepositOnlyThroughVault):
        people.deployer.deploy(project.MEXT, vault, vault)


@pytest.mark.parametrize("word", ["mint", "pause", "owner", "blacklist", "upgrade", "role", "fee"])
def test_nobody_can_mint_stop_or_own_it(project, word):
    assert [f.name for f in project.MEXT.contract_type.methods if word in f.name.lower()] == []


def test_the_whole_supply_is_with_the_holder(mext, people, vault):
    assert mext.totalSupply() == mext.balanceOf(people.holder) == mext.INITIAL_SUPPLY() == SUPPLY
    assert (mext.name(), mext.symbol(), mext.decimals()) == ("MEXT", "MEXT", 18)
    assert mext.vault() == vault.address


def test_the_clock_counts_seconds(mext, chain):
    assert mext.CLOCK_MODE() == "mode=timestamp"
    assert mext.clock() == chain.blocks.head.timestamp
