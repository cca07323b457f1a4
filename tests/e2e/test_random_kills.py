"""Service, signers and sender are killed at random while they pay: each request is paid once, or given back."""

import pytest
from simulators.installation import LiveInstallation
from simulators.random_kills import CHAINS, SERVICE, RandomKills, funded

from exchange.app.ceremony import SENDER, SIGNERS

pytestmark = [pytest.mark.node, pytest.mark.slow]

SEED, SECONDS, WITHDRAWALS = 7, 30, 10


@pytest.fixture
def kills(tmp_path):
    tmp_path.chmod(0o700)
    with LiveInstallation(tmp_path / "home") as live:
        live.provision(CHAINS)
        live.fund(funded(live.symbols))
        kills = RandomKills(live, SEED)
        yield kills
        kills.stop()


def test_kills_at_random_moments_pay_every_withdrawal_once_and_keep_chain_and_books_equal(kills):
    kills.run(SECONDS, WITHDRAWALS)
    assert kills.killed[SERVICE] > 1, kills.killed
    assert sum(kills.killed[name] for name in (*SIGNERS, SENDER)) > 1, kills.killed
    ended = kills.state_counts()
    assert sum(ended.values()) == WITHDRAWALS
    assert ended["settled"] > 0
    assert kills.problems() == []
