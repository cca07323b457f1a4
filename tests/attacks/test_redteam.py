# The attacker owns the whole back office (see simulators.redteam): nothing leaves beyond what the signers' buckets carry.
import pytest
from simulators import redteam
from simulators.redteam import ATTACKS, BUCKET, TOKEN_BUCKET, play

ALLOW_ALL = [name for name in ATTACKS if name.startswith("allow all")]
LIMITED = {
    "allow all, one officer's key: one pair of signers": BUCKET,
    "allow all, one officer's key: every pair": BUCKET * 3 // 2,
    "allow all, one officer's key: a token": TOKEN_BUCKET,
}
SEEN = {
    "a withdrawal paid twice from a restored database": "already_signed",
    "a row changed in the database": "row_not_genuine",
    "a row set to approved in the database": "row_not_genuine",
    "approvals written into the database": "not paid, awaiting_approval",
    "a stored plan that pays somebody else": "gate intent is closed",
    "the monitor switched off": "gate monitoring is closed",
}


@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in ALLOW_ALL])
def test_a_back_office_without_a_quorum_gets_nothing(name):
    found = play(name)
    assert (found.stolen, found.most) == (0, 0)
    assert found.seen not in ("", "nothing was refused", "the first payment was not signed")
    assert SEEN.get(name, found.seen) == found.seen


@pytest.mark.parametrize("name", ALLOW_ALL)
def test_d09_a_back_office_that_allows_all_gets_what_the_buckets_carry_and_no_more(name):
    found = play(name)
    assert found.stolen == found.most == LIMITED.get(name, 0)  # the attack is real: it reaches its bound
    assert found.seen == "limit_exceeded"


def test_d15_a_freeze_between_approval_and_signature_stops_the_signature():
    found = play("a freeze between approval and signature")
    assert (found.stolen, found.seen) == (0, "signer_frozen")


def test_the_table_says_so_and_fails_once_an_attack_gets_more(monkeypatch, capsys):
    few = {name: ATTACKS[name] for name in (ALLOW_ALL[0], "a payment that nobody approved")}
    monkeypatch.setattr(redteam, "ATTACKS", few)
    assert redteam.main() == 0
    assert "2 attacks, 0 beyond the bound" in capsys.readouterr().out
    wider = redteam.rules_json(buckets={redteam.COIN.key: {"capacity": "11000", "refill_per_hour": "0"}})
    monkeypatch.setattr(redteam, "rules_json", lambda **changes: {**wider, **changes})
    assert redteam.main() == 1
    assert "BEYOND THE BOUND" in capsys.readouterr().out
