import pytest
from simulators.engine_pair import ALICE, BOB, CAROL, DAVE, EnginePair


@pytest.fixture
def pair():
    """Both engines with one market (fee in the asset received) and four rich accounts; the states end equal."""
    engines = EnginePair()
    engines.market()
    engines.fund_all(ALICE, BOB, CAROL, DAVE)
    yield engines
    engines.same_state()


@pytest.fixture
def bare():
    """Both engines with nothing in them."""
    engines = EnginePair()
    yield engines
    engines.same_state()
