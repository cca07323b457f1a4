import pytest
from simulators.governance import running_governance


@pytest.fixture(scope="session")
def shared_governance(tmp_path_factory):
    with running_governance(tmp_path_factory.mktemp("governance")) as house:
        yield house


@pytest.fixture
def house(shared_governance):
    with shared_governance.undone():
        yield shared_governance
