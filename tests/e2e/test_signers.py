"""Two of three signers pay, at the start, too; one alone signs nothing that leaves the house."""

import time

import pytest

from custody.signers.lease import FileLease, LeaseLapsed

pytestmark = [pytest.mark.node, pytest.mark.slow]
CHAINS = {"bitcoin-regtest", "ethereum-local", "solana-local"}

PAYMENTS = (("ada", "BTC", "0.011"), ("ben", "ETH", "0.3"), ("cleo", "SOL", "0.4"))
LONG_ENOUGH_S = 4  # forty steps of the pipeline


def test_two_signers_pay_while_the_third_is_down_and_one_alone_pays_nothing(live):
    live.stop_signer("signer-a")
    first = [live.pay(*asked) for asked in PAYMENTS]
    for payment in first:
        live.wait_state(payment.id, "settled")
        assert live.received(payment) == payment.units

    live.stop_signer("signer-b")
    second = [live.pay(*asked) for asked in PAYMENTS]
    for payment in second:
        live.wait_state(payment.id, "assigned")
    time.sleep(LONG_ENOUGH_S)
    for payment in second:
        shown = live.get(f"/v1/withdrawals/{payment.id}")
        assert (shown["state"], shown["txid"]) == ("assigned", None)
        assert live.payments_to(payment) == 0

    live.start_signer("signer-a")
    for payment in second:
        live.wait_state(payment.id, "settled")
        assert live.payments_to(payment) == 1
        assert live.received(payment) == payment.units
    live.start_signer("signer-b")
    live.require_books_balance()


def test_the_service_starts_and_pays_without_one_signer_and_says_so_until_it_is_back(live):
    live.stop_signer("signer-c")
    with live.service_stopped():
        pass
    live.wait("named", lambda: True if "signer-c" in live.get("/v1/status")["problems"].get("signers", "") else None)
    payment = live.pay("ada", "BTC", "0.012")
    live.wait_state(payment.id, "settled")
    assert live.received(payment) == payment.units
    live.start_signer("signer-c")
    live.wait("back", lambda: True if "signers" not in live.get("/v1/status")["problems"] else None)
    live.stop_signer("signer-a")
    again = live.pay("ben", "ETH", "0.2")
    live.wait_state(again.id, "settled")  # the one that was missing signs
    live.start_signer("signer-a")
    live.require_books_balance()


def test_signers_that_need_a_lease_sign_while_the_service_watches_and_it_lapses_with_the_service(live):
    lease = FileLease(live.home.lease)
    for name in ("signer-a", "signer-b"):
        live.stop_signer(name)
        live.start_signer(name, "--lease", str(live.home.lease))
    live.stop_signer("signer-c")
    payment = live.pay("ada", "BTC", "0.013")
    live.wait_state(payment.id, "settled")
    assert live.received(payment) == payment.units
    with live.service_stopped():
        time.sleep(1.1)
        with pytest.raises(LeaseLapsed):
            lease.require_held()
    live.wait("held again", lambda: True if _is_held(lease) else None)
    again = live.pay("ben", "ETH", "0.1")
    live.wait_state(again.id, "settled")
    for name in ("signer-a", "signer-b"):
        live.stop_signer(name)
        live.start_signer(name)
    live.start_signer("signer-c")
    problems = live.get("/v1/status")["problems"]
    assert not [name for name in problems if name.startswith("watch lanes") or name == "lease"]


def test_receipts_are_shown_exported_and_checked_beside_the_running_service(live, tmp_path):
    payment = live.pay("ada", "BTC", "0.014")
    live.wait_state(payment.id, "settled")
    receipt = live.get(f"/v1/withdrawals/{payment.id}")["receipt"]
    assert receipt["withdrawal_id"] == payment.id
    assert [gate["ok"] for gate in receipt["gates"]] == [True] * 9
    file, key = tmp_path / "receipts.jsonl", live.home.receipt_key.read_text().strip()
    exported = live.mext("audit", "export", "--receipts", str(file))
    assert exported.returncode == 0, exported.stderr
    head = exported.stdout.split()[-1]
    good = live.run_program(
        "-m", "exchange.cli", "audit", "verify", "--receipts", str(file), "--key", key, "--head", head
    )
    assert good.returncode == 0, good.stderr
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:-2], lines[-1]]))
    cut = live.run_program("-m", "exchange.cli", "audit", "verify", "--receipts", str(file), "--key", key)
    assert cut.returncode != 0
    assert f"receipt {len(lines) - 1} is missing" in cut.stderr
    whole = live.mext("audit", "verify")
    assert whole.returncode == 0, whole.stderr
    assert all(name in whole.stdout for name in ("receipts", "signer-a", "signer-b", "signer-c", "sender"))


def _is_held(lease):
    try:
        lease.require_held()
    except LeaseLapsed:
        return False
    return True
