# python -m simulators.redteam: the attacker owns the whole back office, and asks real signers (without their sockets).
#
# Owned: the database, the API, the pipeline, the policy service with its key, every approval ever given; where an attack
# says so, one officer's key besides, which makes a quorum. Not owned: the signers, their rules, their clocks, their keys,
# and the keys that vouch for rows. The wallet is 2-of-3; a payment counts as stolen once two signers signed it.
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from simulators.signer_kit import NOW, Bench, approve, intent, request, rules_json, wallet_json
from simulators.toy_family import CHAIN, COIN, TOKEN, pay
from simulators.withdrawal_house import BIG_UNITS, House, approval
from sqlalchemy import text

from custody.keys.material import SigningRole
from custody.primitives.approval import Approval
from custody.primitives.errors import ToolkitError
from custody.primitives.secret import Secret

NAMES = ("alice", "bert", "carol")
THRESHOLD = 2
BUCKET = 10_000
TOKEN_BUCKET = 500
EVIL = "eve-address"
OFFICER, POLICY = "ann", "bob"
"""Whose approvals the attacker makes: the policy service's always, the officer's where an attack says so."""


class Vault:
    """Three real signers of one wallet, and what left them for good."""

    def __init__(self, folder):
        self.signers = {}
        for number, name in enumerate(NAMES, start=1):
            home = folder / name
            home.mkdir()
            self.signers[name] = Bench(home, rules_json(name=name), [wallet_json()], seed=_seed(number))
        self.refusals = Counter()
        self.stolen = Counter()

    def ask(self, asked, names=NAMES, takes=0, asset=COIN):
        """Ask these signers for one payment that takes so many units; it is stolen once a quorum signed."""
        signed = 0
        for name in names:
            try:
                self.signers[name].sign(asked)
                signed += 1
            except ToolkitError as error:
                self.refusals[error.code] += 1
        if signed >= THRESHOLD:
            self.stolen[asset.key] += takes
        return signed >= THRESHOLD


def _seed(number):
    return Secret(bytes([number]) * 64)


@dataclass(frozen=True)
class Outcome:
    """What an attack got: units beyond what the customer asked for, and the bound that must hold."""

    stolen: int
    most: int
    seen: str

    @property
    def held(self):
        return self.stolen <= self.most


def outcome(vault, most=0, asset=COIN):
    codes = ", ".join(sorted(vault.refusals)) or "nothing was refused"
    return Outcome(vault.stolen[asset.key], most, codes)


def forged(item, *names):
    """Approvals in the names of officers, signed by nobody who may."""
    genuine = approve(item, *names)
    return tuple(Approval(each.intent_hash, each.approver, each.verdict, each.at_s, bytes(64)) for each in genuine)


# Without a quorum of approvals: nothing may leave ---------------------------------------------------


def no_approval(vault):
    vault.ask(request(pay((EVIL, 900)), intent(to=EVIL, units=900), approvals=()), takes=900)
    return outcome(vault)


def forged_approvals(vault):
    item = intent(to=EVIL, units=900)
    vault.ask(request(pay((EVIL, 900)), item, approvals=forged(item, "ann", "bob")), takes=900)
    return outcome(vault)


def the_policy_service_twice(vault):
    item = intent(to=EVIL, units=900)
    votes = (*approve(item, POLICY), *approve(item, POLICY, at_s=NOW + 1))
    vault.ask(request(pay((EVIL, 900)), item, approvals=votes), takes=900)
    return outcome(vault)


def an_approval_of_another_withdrawal(vault):
    good, evil = intent(1), intent(2, to=EVIL, units=900)
    vault.ask(request(pay((EVIL, 900)), evil, approvals=approve(good)), takes=900)
    return outcome(vault)


def the_destination_after_approval(vault):
    vault.ask(request(pay((EVIL, 100)), intent()), takes=100)
    return outcome(vault)


def a_second_output(vault):
    vault.ask(request(pay(("bob-address", 100), (EVIL, 900)), intent()), takes=900)
    return outcome(vault)


def the_wallet_as_fee(vault):
    generous = replace(intent(), fee_max=replace(intent().fee_max, units=10**9))
    vault.ask(request(pay(("bob-address", 100), fee=9_000), generous), takes=9_000)
    return outcome(vault)


def a_move_without_an_intent(vault):
    vault.ask(request(pay((EVIL, 900)), approvals=()), takes=900)
    return outcome(vault)


def another_wallet_or_role(vault):
    item = intent(to=EVIL, units=900)
    vault.ask(request(pay((EVIL, 900)), item, wallet_id="cold"), takes=900)
    vault.ask(request(pay((EVIL, 900), key="toy:9"), item, role=SigningRole.SENDER, approvals=()), takes=900)
    vault.ask(request(pay((EVIL, 900)), item, chain=f"{CHAIN}-other"), takes=900)
    return outcome(vault)


def yesterdays_intent(vault):
    item = intent(to=EVIL, units=900, expires_at_s=NOW)
    vault.ask(request(pay((EVIL, 900)), item), takes=900)
    return outcome(vault)


def a_withdrawal_paid_twice(vault):
    item = intent(units=100)
    paid = vault.ask(request(pay(("bob-address", 100), key="toy:1"), item))
    again = request(pay(("bob-address", 100), key="toy:2"), item)  # the database was set back; the coin is another one
    for pair in combinations(NAMES, THRESHOLD):
        vault.ask(again, pair, takes=100)
    return replace(outcome(vault), seen=outcome(vault).seen if paid else "the first payment was not signed")


def a_freeze_between_approval_and_signature(vault):
    item = intent(to=EVIL, units=900)
    votes = approve(item)  # a quorum said yes; then somebody pulled the brake
    for signer in vault.signers.values():
        signer.call("freeze", reason="red team")
    vault.ask(request(pay((EVIL, 900)), item, approvals=votes), takes=900)
    return outcome(vault)


# With an officer's key besides: "allow all" -------------------------------------------------------------


def drain(vault, groups, asset, step):
    number = 0
    for names in groups:
        while True:
            number += 1
            item = intent(number, to=EVIL, units=step, asset=asset)
            votes = approve(item, OFFICER, POLICY)
            payload = pay((EVIL, step, asset.key), fee=0, key=f"toy:{number}")
            if not vault.ask(request(payload, item, approvals=votes), names, takes=step, asset=asset):
                break


def allow_all_through_one_pair(vault):
    drain(vault, [NAMES[:2]], COIN, 250)
    return outcome(vault, BUCKET)


def allow_all_through_every_pair(vault):
    # Half a bucket of each signer through each pair is the most that three buckets carry for two signatures each.
    for pair in combinations(NAMES, THRESHOLD):
        for number in range(BUCKET // 2 // 250):
            item = intent(f"{pair}{number}", to=EVIL, units=250)
            payload = pay((EVIL, 250), fee=0, key=f"toy:{pair}{number}")
            vault.ask(request(payload, item, approvals=approve(item, OFFICER, POLICY)), pair, takes=250)
    drain(vault, combinations(NAMES, THRESHOLD), COIN, 1)
    return outcome(vault, BUCKET * len(NAMES) // THRESHOLD)


def allow_all_in_one_piece(vault):
    item = intent(to=EVIL, units=BUCKET + 1)
    vault.ask(request(pay((EVIL, BUCKET + 1), fee=0), item), takes=BUCKET + 1)
    return outcome(vault)


def allow_all_of_a_token(vault):
    drain(vault, [NAMES[:2]], TOKEN, 50)
    return outcome(vault, TOKEN_BUCKET, TOKEN)


# The pipeline's own defences: whoever writes the database does not own the services' keys ------------------


def in_house(act, thief="sim1evil"):
    """Play against a house with a request that nobody approved yet; what `thief` is paid is stolen."""
    house = House()
    withdrawal_id = house.ask(BIG_UNITS).id
    house.pipeline.decide(house.now_s)
    seen = act(house, withdrawal_id)
    stolen = sum(house.network.paid(thief))
    return Outcome(stolen, 0, seen)


def run_on(house):
    try:
        for _ in range(3):
            house.step()
            house.network.mine()
    except ToolkitError as error:
        return error.code
    return "not paid"


def write(house, statement, **values):
    with house.engine.begin() as connection:
        connection.execute(text(statement), values)


def a_row_that_was_changed(vault):
    del vault

    def act(house, withdrawal_id):
        house.approve(withdrawal_id, "ann", "bob")
        write(house, "UPDATE withdrawal SET \"to\" = 'sim1evil' WHERE id = :id", id=withdrawal_id)
        return run_on(house)

    return in_house(act)


def a_row_set_to_approved(vault):
    del vault

    def act(house, withdrawal_id):
        write(house, "UPDATE withdrawal SET state = 'approved', \"to\" = 'sim1evil' WHERE id = :id", id=withdrawal_id)
        return run_on(house)

    return in_house(act)


def approvals_written_into_the_database(vault):
    del vault

    def act(house, withdrawal_id):
        hashed = house.service.get(withdrawal_id).intent_hash
        for name in ("ann", "bob"):
            house.store.add_approval(withdrawal_id, replace(approval(hashed, name), signature=bytes(64)))
        seen = run_on(house)
        return f"{seen}, {house.state(withdrawal_id)}"

    return in_house(act, thief="sim1dest")


def a_stored_plan_that_pays_somebody_else(vault):
    del vault

    def act(house, withdrawal_id):
        house.approve(withdrawal_id, "ann", "bob")
        house.frozen = True
        house.step()
        house.frozen = False
        write(
            house, "UPDATE payment_attempt SET plan = CAST(replace(CAST(plan AS TEXT), 'sim1dest', 'sim1evil') AS BLOB)"
        )
        run_on(house)
        return house.store.payment(house.service.get(withdrawal_id).payment_id).note.split(":")[0]

    return in_house(act)


def a_house_without_its_monitor(vault):
    del vault

    def act(house, withdrawal_id):
        house.approve(withdrawal_id, "ann", "bob")
        house.evidence.silent.add("monitor")
        run_on(house)
        return house.store.payment(house.service.get(withdrawal_id).payment_id).note.split(":")[0]

    return in_house(act, thief="sim1dest")


ATTACKS = {
    "a payment that nobody approved": (no_approval, "refused"),
    "approvals forged in officers' names": (forged_approvals, "refused"),
    "the policy service's approval, twice": (the_policy_service_twice, "refused"),
    "an approval of another withdrawal": (an_approval_of_another_withdrawal, "refused"),
    "the destination changed after approval": (the_destination_after_approval, "refused"),
    "a second output beside the approved one": (a_second_output, "refused"),
    "the wallet's coins as fee": (the_wallet_as_fee, "refused"),
    "a move without an intent": (a_move_without_an_intent, "refused"),
    "another wallet, role or chain": (another_wallet_or_role, "refused"),
    "an intent that has expired": (yesterdays_intent, "refused"),
    "a withdrawal paid twice from a restored database": (a_withdrawal_paid_twice, "paid once"),
    "a freeze between approval and signature": (a_freeze_between_approval_and_signature, "refused"),
    "allow all, one officer's key: one pair of signers": (allow_all_through_one_pair, "one bucket"),
    "allow all, one officer's key: every pair": (allow_all_through_every_pair, "three buckets for two signatures"),
    "allow all, one officer's key: more than a bucket": (allow_all_in_one_piece, "refused"),
    "allow all, one officer's key: a token": (allow_all_of_a_token, "one bucket"),
    "a row changed in the database": (a_row_that_was_changed, "the pipeline halts"),
    "a row set to approved in the database": (a_row_set_to_approved, "the pipeline halts"),
    "approvals written into the database": (approvals_written_into_the_database, "not counted"),
    "a stored plan that pays somebody else": (a_stored_plan_that_pays_somebody_else, "gate intent"),
    "the monitor switched off": (a_house_without_its_monitor, "gate monitoring"),
}
"""Attack -> how it is played, and what must happen."""


def play(name):
    """Play one attack against fresh signers."""
    act, _ = ATTACKS[name]
    with tempfile.TemporaryDirectory(prefix="redteam-") as folder:
        return act(Vault(Path(folder)))


def main():
    """Print the table; exit code 1 if an attack got more than it may."""
    lost = 0
    sys.stdout.write(f"{'attack':<52} {'expected':<34} {'stolen':>7} {'at most':>8}  seen\n")
    for name, (_, expected) in ATTACKS.items():
        found = play(name)
        lost += not found.held
        mark = "" if found.held else "  <-- BEYOND THE BOUND"
        line = f"{name:<52} {expected:<34} {found.stolen:>7} {found.most:>8}  {found.seen}{mark}"
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"{len(ATTACKS)} attacks, {lost} beyond the bound\n")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
