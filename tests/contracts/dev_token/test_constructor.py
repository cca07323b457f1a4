def test_the_deployer_holds_the_supply_it_named(project, people):
    token = people.deployer.deploy(project.DevToken, "Test dollar", "TUSD", 5)
    assert (token.name(), token.symbol(), token.decimals()) == ("Test dollar", "TUSD", 18)
    assert token.totalSupply() == token.balanceOf(people.deployer) == 5
