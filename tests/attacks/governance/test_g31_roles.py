# Attack G31: whoever deployed keeps a role. Replayed events and direct questions find none, and notice any.
from dataclasses import replace

import pytest

from custody.primitives.errors import NodesDisagree
from governance.contracts.deployment import deploy
from governance.contracts.roles import ROLES, RolesDiffer, role_holders, verify_roles

pytestmark = pytest.mark.node


def test_g31_a_deployer_among_the_holders_is_found(house):
    holders = replace(house.holders, admin=house.deployer.address)
    deployment = deploy(house.deployer, holders, {})
    with pytest.raises(RolesDiffer):
        verify_roles(house.web3, deployment, holders, house.deployer.address)


@pytest.mark.parametrize("contract", list(ROLES))
def test_g31_a_role_given_back_to_the_deployer_is_found(house, contract):
    functions = house.raw(contract).functions
    for name in ROLES[contract]:
        with house.undone():
            role = functions[name]().call()
            house.people["admin"].send(functions.grantRole(role, house.deployer.address))
            with pytest.raises(RolesDiffer) as raised:
                verify_roles(house.web3, house.deployment, house.holders, house.deployer.address)
            assert raised.value.facts == {"contract": contract, "role": name}


def test_g31_a_node_that_hides_the_events_cannot_hide_the_deployer(house):
    functions = house.raw("ListingVote").functions
    house.people["admin"].send(functions.grantRole(functions.OPERATOR_ROLE().call(), house.deployer.address))
    web3 = house.bending()
    web3.provider.after = lambda method, params, answer: {**answer, "result": []} if method == "eth_getLogs" else answer
    with pytest.raises(RolesDiffer):
        verify_roles(web3, house.deployment, house.holders, house.deployer.address)


def test_g31_a_node_that_hides_a_revocation_is_found_out(house):
    functions = house.raw("ListingVote").functions
    role, admin = functions.OPERATOR_ROLE().call(), house.people["admin"]
    admin.send(functions.grantRole(role, house.people["mallory"].address))
    admin.send(functions.revokeRole(role, house.people["mallory"].address))
    revoked = house.raw("ListingVote").events.RoleRevoked().topic
    web3 = house.bending()

    def hide(method, params, answer):
        if method != "eth_getLogs":
            return answer
        return {**answer, "result": [log for log in answer["result"] if log["topics"][0] != revoked]}

    web3.provider.after = hide
    with pytest.raises(NodesDisagree):
        role_holders(web3, house.deployment)


def test_g31_the_deployer_holds_none(house):
    held = role_holders(house.web3, house.deployment)
    assert all(house.deployer.address not in accounts for accounts in held.values())
    verify_roles(house.web3, house.deployment, house.holders, house.deployer.address)
