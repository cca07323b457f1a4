import ape
import pytest

ZERO = "0x" + "00" * 20


@pytest.mark.parametrize("position", [0, 1, 2])
def test_refuses_a_role_without_holder(project, people, mext, roles, position):
    broken = tuple(ZERO if i == position else role for i, role in enumerate(roles))
    with ape.reverts(project.ListingVote.ZeroAddress):
        people.deployer.deploy(project.ListingVote, mext, people.treasury, broken)


def test_refuses_a_missing_token(project, people, roles):
    with ape.reverts():
        people.deployer.deploy(project.ListingVote, ZERO, people.treasury, roles)


def test_refuses_a_missing_treasury(project, people, mext, roles):
    with ape.reverts(project.ListingVote.ZeroAddress):
        people.deployer.deploy(project.ListingVote, mext, ZERO, roles)


def test_refuses_the_vault_as_treasury_since_slashing_would_fail_for_ever(project, people, mext, vault, roles):
    with ape.reverts(project.ListingVote.TreasuryIsVault):
        people.deployer.deploy(project.ListingVote, mext, vault, roles)


def test_refuses_a_single_screener(project, people, mext):
    roles = (people.admin, people.guardian, people.operator, [people.screener_a])
    with ape.reverts(project.ListingVote.TooFewScreeners):
        people.deployer.deploy(project.ListingVote, mext, people.treasury, roles)


def test_refuses_the_same_screener_twice(project, people, mext):
    roles = (people.admin, people.guardian, people.operator, [people.screener_a, people.screener_a])
    with ape.reverts(project.ListingVote.DuplicateScreener):
        people.deployer.deploy(project.ListingVote, mext, people.treasury, roles)


def test_g31_the_roles_granted_are_exactly_those_asked_for(listing, people):
    granted = {(bytes(log.role), log.account) for log in listing.RoleGranted.range(0, 10**9)}
    expected = {
        (bytes(listing.DEFAULT_ADMIN_ROLE()), people.admin.address),
        (bytes(listing.GUARDIAN_ROLE()), people.guardian.address),
        (bytes(listing.OPERATOR_ROLE()), people.operator.address),
        (bytes(listing.SCREENER_ROLE()), people.screener_a.address),
        (bytes(listing.SCREENER_ROLE()), people.screener_b.address),
    }
    assert granted == expected
    assert all(listing.hasRole(role, account) for role, account in expected)
    assert not any(listing.hasRole(role, people.deployer) for role, _ in expected)


@pytest.mark.parametrize(
    ("lane", "terms"),
    [
        (0, (14_400, 122_400, 7_200, 158_400, 172_800, 200, 5_000, True, 50_000 * 10**18)),
        (1, (900, 29_700, 2_700, 39_600, 43_200, 400, 6_667, False, 200_000 * 10**18)),
    ],
)
def test_the_lanes_start_with_the_published_terms(listing, lane, terms):
    assert tuple(listing.termsOf(lane)) == terms
