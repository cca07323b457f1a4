import pytest
from simulators.settlement_world import SettlementWorld


@pytest.fixture
def world(tmp_path):
    made = SettlementWorld(tmp_path)
    yield made
    assert not any(made.sums().values()), "balances of an asset sum to zero"
    made.close()
