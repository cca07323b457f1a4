import pytest
from simulators.signer_kit import Bench


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)
