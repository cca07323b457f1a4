from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from simulators.xrpl import XRP, Key, LiveHouse

from custody.devnet.xrpl_simulator import XrplSimulator


@pytest.fixture(scope="session")
def sim():
    with TemporaryDirectory() as folder, XrplSimulator.start(Path(folder), ledger_ms=0) as running:
        running.fund(Key("bob").account, 100 * XRP)
        yield running


@pytest.fixture
def live(sim, request):
    return LiveHouse(sim, request.node.name)
