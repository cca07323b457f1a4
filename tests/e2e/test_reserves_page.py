"""A customer checks a proof of reserves in the page, without a network; what was changed is refused."""

import copy
import json
import time

import pytest
from playwright.sync_api import expect
from simulators.installation import ALL_CHAINS

from exchange.cli.loop import proofs
from exchange.cli.loop.report import Report, Step

pytestmark = [pytest.mark.node, pytest.mark.browser, pytest.mark.slow]
CHAINS = ALL_CHAINS

CUSTOMER = proofs.CUSTOMER
MAX_SECONDS = 5


@pytest.fixture(scope="module")
def proven(live):
    """A published statement, a customer's proof, and what the customer holds by it, as text of whole coins."""
    live.require_books_balance()
    report = Report()
    proofs.reserves(live.world, report, Step("reserves"), live.staff)
    proof = live.get(f"/v1/reserves/proofs/{CUSTOMER}")
    (claim,) = [claim for claim in proof["claims"] if sum(int(shard["amount"]) for shard in claim["shards"])]
    satoshi = sum(int(shard["amount"]) for shard in claim["shards"])
    return report.reserves["statement_digest"], proof, f"{satoshi // 10**8}.{satoshi % 10**8:08d}"


class Form:
    """The form as a person uses it."""

    def __init__(self, page, proven):
        self.page = page
        self.digest, self.proof, self.held = proven

    def check(self, *, proof=None, account=CUSTOMER, balance=None, digest=None):
        text = proof if isinstance(proof, str) else json.dumps(proof or self.proof)
        self.page.get_by_label("or paste it").fill(text)
        self.page.get_by_label("Your account").fill(account)
        self.page.get_by_label("Your balances").fill(f"BTC {self.held if balance is None else balance}")
        self.page.get_by_label("Statement digest you trust").fill(self.digest if digest is None else digest)
        self.page.get_by_role("button", name="Verify").click()
        return self.page.get_by_role("status")


@pytest.fixture
def form(opened, proven):
    page, _ = opened("/reserves")
    return Form(page, proven)


def test_the_page_shows_the_statement_and_offers_its_digest(form):
    expect(form.page.get_by_label("Statement digest you trust")).to_have_value(form.digest.removeprefix("0x"))
    expect(form.page.get_by_role("rowheader", name="BTC")).to_be_visible()
    for label in ("Proof file", "or paste it", "Your account", "Your balances", "Statement digest you trust"):
        expect(form.page.get_by_label(label)).to_be_visible()


def understated(proof):
    shard = proof["claims"][0]["shards"][0]
    shard["amount"] = str(int(shard["amount"]) - 1)


def lowered_sibling(proof):
    sibling = proof["claims"][0]["shards"][0]["path"][-1]
    sibling[1] = str(int(sibling[1]) + 1)


def lowered_total(proof):
    row = proof["statement"]["liabilities"][0]
    row["total"] = str(int(row["total"]) - 1)


def shortened(proof):
    proof["claims"][0]["shards"][0]["path"].pop()


def lengthened(proof):
    path = proof["claims"][0]["shards"][0]["path"]
    path.append(path[-1])


def test_a_proof_that_was_changed_is_refused(form):
    for change in (understated, lowered_sibling, lowered_total, shortened, lengthened):
        forged = copy.deepcopy(form.proof)
        change(forged)
        verdict = form.check(proof=forged)
        expect(verdict).to_contain_text("Not verified")
        expect(verdict).to_have_attribute("data-verdict", "bad")


def test_a_text_that_is_no_proof_is_refused_in_words(form):
    for text in (" ", "{", "[]", '{"format": "por-proof/1"}', "null", "x" * 10_000):
        verdict = form.check(proof=text)
        expect(verdict).to_contain_text("Not verified")
        expect(verdict).to_have_attribute("data-verdict", "bad")


def test_a_balance_above_the_proven_one_is_refused(form):
    whole, fraction = form.held.split(".")
    one_satoshi_more = int(whole + fraction) + 1
    verdict = form.check(balance=f"{one_satoshi_more // 10**8}.{one_satoshi_more % 10**8:08d}")
    expect(verdict).to_contain_text("reserves_understated")


def test_a_balance_that_is_no_amount_is_refused(form):
    for balance in ("-1", "1e3", "0.123456789", "NaN", "1,5", ""):
        expect(form.check(balance=balance)).to_contain_text("Not verified")


def test_the_proof_of_another_account_is_refused(form):
    expect(form.check(account="ben")).to_contain_text("Not verified")


def test_another_digest_is_refused(form):
    expect(form.check(digest="00" * 32)).to_contain_text("reserves_digest")


def test_without_a_trusted_digest_the_verdict_is_not_good(form):
    verdict = form.check(digest="")
    expect(verdict).to_contain_text("no trusted digest")
    expect(verdict).to_have_attribute("data-verdict", "bad")


def test_a_genuine_proof_is_verified_offline_with_no_request_at_all(form, tmp_path):
    form.page.context.set_offline(True)
    asked = []
    form.page.on("request", lambda request: asked.append(request.url))
    started = time.monotonic()
    verdict = form.check()
    expect(verdict).to_contain_text("Verified: your balances are counted")
    expect(verdict).to_have_attribute("data-verdict", "good")
    expect(verdict).to_contain_text("Not proven")
    assert time.monotonic() - started < MAX_SECONDS
    assert asked == []
    form.page.screenshot(path=tmp_path / "verified.png", full_page=True)


def test_a_proof_from_a_file_is_verified_too(form, tmp_path):
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(form.proof))
    form.page.get_by_label("Proof file").set_input_files(file)
    expect(form.check(proof="this text loses against the file")).to_have_attribute("data-verdict", "good")


def test_the_command_line_comes_to_the_same_verdict(live, proven, tmp_path):
    digest, proof, _ = proven
    file = tmp_path / "proof.json"
    expected = {claim["asset"]: sum(int(shard["amount"]) for shard in claim["shards"]) for claim in proof["claims"]}
    for changes, exit_code, verdict in ((0, 0, "verified"), (1, 3, "refused")):
        given = copy.deepcopy(proof)
        given["claims"][0]["shards"][0]["amount"] = str(int(given["claims"][0]["shards"][0]["amount"]) - changes)
        file.write_text(json.dumps(given))
        balances = [text for asset, units in expected.items() for text in ("--balance", f"{asset}={units}")]
        arguments = ("por", "verify", str(file), "--account", CUSTOMER, *balances, "--digest", digest, "--json")
        ran = live.run_program("-m", "exchange.cli", *arguments)
        assert (ran.returncode, json.loads(ran.stdout)["verdict"]) == (exit_code, verdict), ran.stderr


def test_the_form_fits_a_phone_and_works_by_keyboard(opened, proven, tmp_path):
    page, _ = opened("/reserves", {"width": 390, "height": 844})
    form = Form(page, proven)
    page.get_by_label("or paste it").fill(json.dumps(form.proof))
    page.get_by_label("Your account").fill(CUSTOMER)
    page.get_by_label("Your balances").fill(f"BTC {form.held}")
    page.get_by_label("Statement digest you trust").press("Enter")
    expect(page.get_by_role("status")).to_have_attribute("data-verdict", "good")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.screenshot(path=tmp_path / "phone-verified.png", full_page=True)
