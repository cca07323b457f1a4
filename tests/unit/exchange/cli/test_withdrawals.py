import json

import pytest
from typer.testing import CliRunner

from custody.primitives.errors import MalformedPayload
from custody.withdrawals.reviewing import Resolution, ReviewVerdict
from exchange.cli import withdrawals
from exchange.cli.withdrawals import app

CASE = {
    "id": "w-1",
    "amount": {"units": "5", "asset": "SIM"},
    "to": "sim1dest",
    "reason": "the database is older than its signers",
    "seen": "needs_review/7/pay-1",
    "state": "needs_review",
}


@pytest.fixture
def service(monkeypatch):
    # A simulated service: what it was asked, and one case.
    asked = []

    def call(home, place, body=None):
        asked.append((place, body))
        if body is not None:
            return {**CASE, "state": "final"}
        return CASE if place else [CASE]

    monkeypatch.setattr(withdrawals, "_call", call)
    return asked


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def proposed(tmp_path, *finding):
    target = tmp_path / "proposal.json"
    return target, run("propose", "w-1", *finding, "--as", "ann", "--out", target, "--home", tmp_path)


@pytest.mark.parametrize("finding", [("perhaps",), ("paid", "tx", "high"), ("lost", "tx", "7")])
@pytest.mark.usefixtures("service")
def test_a_finding_that_is_none_is_refused(tmp_path, finding):
    target, result = proposed(tmp_path, *finding)
    if finding[0] == "paid":
        assert json.loads(target.read_text())["height"] == "high"  # the service refuses it by its shape
    else:
        assert isinstance(result.exception, MalformedPayload)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"verdict": "paid"}'])
def test_a_file_that_is_no_proposal_is_signed_by_nobody_and_sent_nowhere(tmp_path, service, content):
    target, vote = tmp_path / "proposal.json", tmp_path / "vote.json"
    target.write_bytes(content)
    for arguments in (("approve", target, "--as", "bob", "--out", vote), ("resolve", target, vote)):
        assert isinstance(run(*arguments, "--home", tmp_path).exception, MalformedPayload)
    assert not vote.exists()
    assert service == []


def test_the_proposal_names_what_was_seen_and_its_digest(tmp_path, service):
    target, result = proposed(tmp_path, "paid", "tx-1", "7")
    fields = json.loads(target.read_text())
    assert (fields["seen"], fields["txid"], fields["height"]) == (CASE["seen"], "tx-1", 7)
    made = Resolution(**{**fields, "verdict": ReviewVerdict.PAID})
    assert made.digest.hex() in result.output
    assert service == [("/w-1", None)]


def test_approvals_of_a_quorum_go_to_the_service_with_the_proposal(tmp_path, service):
    target, _ = proposed(tmp_path, "refund", "tx-1")
    vote = tmp_path / "bob.json"
    fields = {"intent_hash": "00" * 32, "approver": "bob", "verdict": "approve", "at_s": 1, "signature": "00" * 64}
    vote.write_text(json.dumps(fields))
    result = run("resolve", target, vote, "--home", tmp_path)
    assert result.output == "w-1 is final\n"
    place, body = service[-1]
    assert (place, body["verdict"], body["approvals"], "withdrawal" in body) == ("/w-1", "refund", [fields], False)


@pytest.mark.usefixtures("service")
def test_list_tells_what_waits_and_its_status_says_whether_anything_does(tmp_path):
    result = run("list", "--home", tmp_path)
    assert result.exit_code == 4
    assert "w-1  5 SIM to sim1dest: the database is older" in result.output
    assert json.loads(run("list", "--json", "--home", tmp_path).output) == [CASE]
    assert json.loads(run("show", "w-1", "--home", tmp_path).output) == CASE
