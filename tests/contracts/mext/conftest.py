import pytest


@pytest.fixture
def mext(project, people, vault):
    """A token of its own for each test: nobody has moved anything yet."""
    return people.deployer.deploy(project.MEXT, people.holder, vault)
