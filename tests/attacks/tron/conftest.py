import pytest
from simulators.tron import running_house


@pytest.fixture
def house(tmp_path):
    with running_house(tmp_path) as house:
        yield house
