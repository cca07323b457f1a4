"""Service, signers and sender are killed at random while they pay: each request is paid once, or given back."""

import pytest
from simulators.installation import LiveInstallation
from simulators.random_kills import CHAINS, SERVICE, RandomKills, Released, funded, wrong_signatures

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


def released(key, *intents, role="member"):
    return Released("hot-btc", role, key, frozenset(intents))


def test_the_verdict_finds_two_signers_that_signed_one_conflict_key_for_other_intents():
    given = {"signer-a": [released("k1", ("wd-1", "aa"))], "signer-b": [released("k1", ("wd-1", "bb"))]}
    assert len(list(wrong_signatures(given))) == 1


def test_the_verdict_finds_a_withdrawal_that_was_signed_with_two_conflict_keys():
    given = {"signer-a": [released("k1", ("wd-1", "aa"))], "signer-b": [released("k2", ("wd-1", "aa"))]}
    assert len(list(wrong_signatures(given))) == 1


def test_the_verdict_lets_fee_bumps_and_moves_that_pay_nobody_pass():
    paid, bumped, cancelled = released("k1", ("wd-1", "aa")), released("k1", ("wd-1", "aa")), released("k1")
    outer = released("k9", ("wd-1", "aa"), role="sender")
    assert list(wrong_signatures({"signer-a": [paid, bumped, cancelled], "signer-b": [paid], "sender": [outer]})) == []


def test_kills_at_random_moments_pay_every_withdrawal_once_and_keep_chain_and_books_equal(kills):
    kills.run(SECONDS, WITHDRAWALS)
    assert kills.killed[SERVICE] > 1, kills.killed
    assert sum(kills.killed[name] for name in (*SIGNERS, SENDER)) > 1, kills.killed
    ended = kills.state_counts()
    assert sum(ended.values()) == WITHDRAWALS
    assert ended["settled"] > 0
    assert kills.problems() == []
