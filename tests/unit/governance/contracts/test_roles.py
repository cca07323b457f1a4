import pytest

from governance.contracts.roles import ADMIN, Role, RolesDiffer, expected_roles, role_holders, verify_roles

pytestmark = pytest.mark.node
SCREENER = Role("ListingVote", "SCREENER_ROLE")


def verify(house):
    verify_roles(house.web3, house.deployment, house.holders, house.deployer.address)


def grant(house, role, name, *, contract="ListingVote", verb="grantRole"):
    functions = house.raw(contract).functions
    house.people["admin"].send(functions[verb](role, house.people[name].address))


def role_id(house, name, contract="ListingVote"):
    return house.raw(contract).functions[name]().call()


@pytest.mark.parametrize("name", [ADMIN, "GUARDIAN_ROLE", "OPERATOR_ROLE", "SCREENER_ROLE"])
def test_refuses_an_extra_holder(house, name):
    grant(house, role_id(house, name), "mallory")
    with pytest.raises(RolesDiffer) as raised:
        verify(house)
    assert raised.value.facts == {"contract": "ListingVote", "role": name}


def test_refuses_a_holder_in_a_role_nobody_knows(house):
    grant(house, b"\x07" * 32, "mallory")
    with pytest.raises(RolesDiffer) as raised:
        verify(house)
    assert raised.value.facts["role"] == "0x" + "07" * 32


def test_refuses_a_missing_holder(house):
    grant(house, role_id(house, "GUARDIAN_ROLE"), "guardian", verb="revokeRole")
    with pytest.raises(RolesDiffer):
        verify(house)


def test_refuses_a_replaced_auditor(house):
    auditor = role_id(house, "AUDITOR_ROLE", "ReserveRegistry")
    grant(house, auditor, "auditor", contract="ReserveRegistry", verb="revokeRole")
    grant(house, auditor, "mallory", contract="ReserveRegistry")
    with pytest.raises(RolesDiffer):
        verify(house)


def test_a_role_that_came_and_went_leaves_no_trace(house):
    screener = role_id(house, "SCREENER_ROLE")
    before = role_holders(house.web3, house.deployment)
    grant(house, screener, "mallory")
    assert house.people["mallory"].address in role_holders(house.web3, house.deployment)[SCREENER]
    grant(house, screener, "mallory", verb="revokeRole")
    assert role_holders(house.web3, house.deployment) == before


def test_a_fresh_deployment_has_exactly_the_holders_of_the_table(house):
    assert role_holders(house.web3, house.deployment) == expected_roles(house.holders)
    verify(house)
