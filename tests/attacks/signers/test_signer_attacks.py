# Attacks of the catalogue that a signer alone must stop, against the signer without its socket.
from dataclasses import replace

import pytest
from simulators.signer_kit import NOW, Bench, approve, intent, request, rules_json, wallet_json
from simulators.toy_family import COIN, TOKEN, pay

from custody.keys import ecdsa
from custody.keys.material import SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.approval import Verdict
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import BadSignature, Conflict, LimitExceeded, QuorumNotReached, Refused
from custody.signers.faults import SignerBroken
from custody.signers.judge import PayloadMismatch
from custody.signers.memory import AlreadySigned, ConflictKeyTaken, Frozen, Tombstoned


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def released(bench):
    return bench.memory.highest_sequence()


ASKED = intent()
PAYLOAD = pay(("bob-address", 100))


# C04
@pytest.mark.parametrize(
    "change",
    [
        {"to": Address(COIN.chain, "eve-address")}, {"amount": Amount(101, COIN)}, {"amount": Amount(100, TOKEN)}, {"fee_max": Amount(51, COIN)},
        {"policy_version": 2}, {"salt": "01" * 16}, {"expires_at_s": NOW + 601}, {"withdrawal_id": "w2"}, {"memo": "x"},
    ],
)  # fmt: skip
def test_c04_any_change_after_approval_voids_it(bench, change):
    changed = replace(ASKED, **change)
    payload = pay((changed.to.text, changed.amount.units, changed.amount.asset.key))
    with pytest.raises(Refused):
        bench.sign(request(payload, changed, approvals=approve(ASKED)))
    assert released(bench) == 0


# C04
@pytest.mark.parametrize(
    "payload",
    [
        pay(("eve-address", 100)), pay(("bob-address", 101)), pay(("bob-address", 99)), pay(("bob-address", 100, TOKEN.key)), pay(),
        pay(("bob-address", 100), ("eve-address", 1)), pay(("bob-address", 100), ("bob-address", 100)), pay(("bob-address", 50), ("bob-address", 50)),
    ],
)  # fmt: skip
def test_c04_a_payload_that_does_something_else_is_refused(bench, payload):
    with pytest.raises(PayloadMismatch):
        bench.sign(request(payload, ASKED))
    assert released(bench) == 0


# C04
def test_c04_another_chain_is_refused(bench):
    elsewhere = ChainId("toy-main")
    coin = Asset("TOY", 8, elsewhere)
    foreign = replace(ASKED, to=Address(elsewhere, "bob-address"), amount=Amount(100, coin), fee_max=Amount(50, coin))
    with pytest.raises(PayloadMismatch):
        bench.sign(request(PAYLOAD, foreign))
    with pytest.raises(Refused):
        bench.sign(request(PAYLOAD, ASKED, chain=elsewhere))
    with pytest.raises(PayloadMismatch):
        bench.sign(request(PAYLOAD.replace(b'"to"', b'"chain": "toy-main", "to"'), ASKED))


# C05
def test_c05_an_approval_replayed_for_another_withdrawal_is_refused(bench):
    bench.sign(request(PAYLOAD, ASKED))
    again = intent(2)
    with pytest.raises(QuorumNotReached):
        bench.sign(request(pay(("bob-address", 100), key="toy:2"), again, approvals=approve(ASKED)))
    assert released(bench) == 1


# C05
def test_c05_one_approved_intent_does_not_cover_its_neighbour_in_a_batch(bench):
    batch = pay(("bob-address", 100), ("eve-address", 7))
    with pytest.raises(QuorumNotReached):
        bench.sign(request(batch, ASKED, intent(2, "eve-address", 7), approvals=approve(ASKED)))


# C05
def test_c05_one_withdrawal_cannot_stand_twice_in_a_request(bench):
    with pytest.raises(Refused):
        bench.sign(request(pay(("bob-address", 100), ("bob-address", 100)), ASKED, ASKED))


# C10
@pytest.mark.parametrize("fee", [51, 100, 500, 10**30])
def test_c10_a_fee_above_what_was_asked_is_refused(bench, fee):
    with pytest.raises(LimitExceeded):
        bench.sign(request(pay(("bob-address", 100), fee=fee), ASKED))


# C10
def test_c10_the_signers_own_cap_holds_though_people_approved_more(bench):
    generous = replace(ASKED, fee_max=Amount(10**9, COIN))
    with pytest.raises(LimitExceeded):
        bench.sign(request(pay(("bob-address", 100), fee=101), generous))
    bench.sign(request(pay(("bob-address", 100), fee=100), generous))


# C10
def test_c10_a_fee_in_another_asset_is_refused(bench):
    with pytest.raises(PayloadMismatch):
        bench.sign(request(pay(("bob-address", 100), fee_asset=TOKEN.key), ASKED))


# C10
def test_c10_a_chain_without_fee_cap_is_refused(tmp_path):
    with pytest.raises(Refused, match="fee cap"):
        Bench(tmp_path, rules_json(fee_caps={})).sign(request(PAYLOAD, ASKED))


# C13
@pytest.mark.parametrize("family", ["toy-high-s", "toy-garbage", "toy-wrong-key"])
def test_c13_a_bad_signature_never_leaves_and_freezes_the_signer(tmp_path, family):
    bench = Bench(tmp_path, wallets=[wallet_json(family=family), wallet_json("sound")])
    with pytest.raises(SignerBroken):
        bench.sign(request(PAYLOAD, ASKED))
    assert released(bench) == 0
    with pytest.raises(Frozen):
        bench.sign(request(PAYLOAD, ASKED, wallet_id="sound"))


# C13
def test_c13_released_signatures_are_low_s_and_valid(bench):
    for number in range(20):
        item = intent(number, units=10)
        for signature in bench.sign(request(pay(("bob-address", 10), key=f"toy:{number}"), item)):
            assert signature.value[-1] == 1
            assert ecdsa.parse_der(signature.value[:-1])[1] <= ecdsa.CURVE_ORDER // 2


# C14
def test_c14_a_repeated_nonce_point_freezes_the_signer(bench):
    r = ecdsa.parse_der(bench.sign(request(PAYLOAD, ASKED))[0].value[:-1])[0]
    with bench.memory.transaction() as db:
        db.execute("UPDATE nonce_point SET message = ? WHERE point = ?", (b"another message", r.to_bytes(32, "big")))
        db.execute("DELETE FROM release_intent")
        db.execute("DELETE FROM release")
    with pytest.raises(SignerBroken, match="nonce point"):
        bench.sign(request(PAYLOAD, ASKED))
    with pytest.raises(Frozen):
        bench.sign(request(pay(("bob-address", 100), key="toy:2"), intent(2)))


# D03
def test_d03_one_person_is_no_quorum(bench):
    with pytest.raises(QuorumNotReached):
        bench.sign(request(PAYLOAD, ASKED, approvals=approve(ASKED, "ann", "ann", "eve")))


# D03
def test_d03_a_denial_stops_it(bench):
    votes = approve(ASKED, "ann", "bob") + approve(ASKED, "cem", verdict=Verdict.DENY)
    with pytest.raises(Refused):
        bench.sign(request(PAYLOAD, ASKED, approvals=votes))


# D03
def test_d03_a_forged_approval_is_a_bad_signature(bench):
    ann, bob = approve(ASKED, "ann", "bob")
    with pytest.raises(BadSignature):
        bench.sign(request(PAYLOAD, ASKED, approvals=(ann, replace(bob, signature=ann.signature))))


# D05
def test_d05_an_approver_removed_after_voting_does_not_count(tmp_path):
    roster = [entry for entry in rules_json()["roster"] if entry["approver"] != "bob"]
    with pytest.raises(QuorumNotReached):
        Bench(tmp_path, rules_json(roster=roster)).sign(request(PAYLOAD, ASKED))


# D05
def test_d05_an_empty_roster_signs_nothing(tmp_path):
    with pytest.raises(Refused, match="empty"):
        Bench(tmp_path, rules_json(roster=[])).sign(request(PAYLOAD, ASKED))


# D09
def test_d09_a_back_office_that_approves_everything_loses_one_bucket(bench):
    lost = 0
    for number in range(100):
        item = intent(number, "thief", 900)
        try:
            bench.sign(request(pay(("thief", 900), fee=0, key=f"toy:{number}"), item))
            lost += 900
        except LimitExceeded:
            continue
    assert 0 < lost <= 10_000
    bench.clock.at_s += 599  # nearly ten minutes later 599 more units are there, one by one
    with pytest.raises(LimitExceeded):
        bench.sign(request(pay(("thief", 1_700), fee=0, key="toy:more"), intent(1_000, "thief", 1_700)))
    bench.sign(request(pay(("thief", 599), fee=0, key="toy:few"), intent(1_001, "thief", 599)))


# D09
def test_d09_fees_come_out_of_the_bucket_too(tmp_path):
    buckets = {COIN.key: {"capacity": "100", "refill_per_hour": "0"}}
    bench = Bench(tmp_path, rules_json(buckets=buckets, own_moves=["hot"]))
    bench.sign(request(pay(fee=60, key="toy:1")))
    with pytest.raises(LimitExceeded):
        bench.sign(request(pay(fee=60, key="toy:2")))


# D09
def test_d09_an_asset_without_bucket_does_not_move(tmp_path):
    bench = Bench(tmp_path, rules_json(buckets={COIN.key: {"capacity": "100", "refill_per_hour": "0"}}))
    with pytest.raises(Refused, match="no limit is set"):
        bench.sign(request(pay(("bob-address", 5, TOKEN.key)), intent(units=5, asset=TOKEN)))


# A17: a clock that jumps ahead fills the bucket once, one that jumps back fills nothing.
def test_a17_the_bucket_survives_clock_jumps(bench):
    bench.sign(request(pay(("bob-address", 10_000), fee=0), intent(units=10_000)))
    for jump in (-86_400, 0):
        bench.clock.at_s = NOW + jump
        late = intent(2, units=1)
        votes = approve(late, at_s=bench.clock.at_s)
        with pytest.raises(LimitExceeded):
            bench.sign(request(pay(("bob-address", 1), fee=0, key="toy:2"), late, approvals=votes))
    bench.clock.at_s = NOW + 10**9
    late = intent(3, units=10_001, expires_at_s=NOW + 10**9 + 1)
    with pytest.raises(LimitExceeded):
        bench.sign(
            request(
                pay(("bob-address", 10_001), fee=0, key="toy:2"), late, approvals=approve(late, at_s=bench.clock.at_s)
            )
        )


# D15
def test_d15_a_freeze_between_approval_and_signing_stops_it(bench):
    asked = request(PAYLOAD, ASKED)
    bench.call("freeze", reason="drill")
    with pytest.raises(Frozen, match="drill"):
        bench.sign(asked)
    assert released(bench) == 0
    bench.memory.thaw(NOW)
    # Rule R9: the freeze voided the quorum that was reached before it.
    with pytest.raises(QuorumNotReached):
        bench.sign(asked)
    bench.sign(request(PAYLOAD, ASKED, approvals=approve(ASKED, at_s=NOW + 1)))


# D15, rule R9
def test_d15_a_denial_from_before_the_freeze_still_stops_it(bench):
    bench.memory.thaw(NOW)
    votes = approve(ASKED, "ann", "bob", at_s=NOW + 1) + approve(ASKED, "cem", verdict=Verdict.DENY, at_s=NOW - 1)
    with pytest.raises(Refused):
        bench.sign(request(PAYLOAD, ASKED, approvals=votes))


# D15
def test_d15_a_freeze_during_the_signing_itself_stops_it(bench):
    make = bench.service._make
    judged = []

    def freeze_first(*arguments):
        judged.append(True)
        return make(*arguments)

    bench.service._make = freeze_first
    repeat = bench.memory.repeat

    def repeat_then_freeze(ask):
        answer = repeat(ask)
        bench.memory.repeat = repeat
        bench.memory.freeze("in the middle")
        return answer

    bench.memory.repeat = repeat_then_freeze
    with pytest.raises(Frozen):
        bench.sign(request(PAYLOAD, ASKED))
    assert judged == []
    assert released(bench) == 0


# D15
def test_d15_a_frozen_signer_repeats_no_old_answer_either(bench):
    bench.sign(request(PAYLOAD, ASKED))
    bench.call("freeze", reason="drill")
    with pytest.raises(Frozen):
        bench.sign(request(PAYLOAD, ASKED))


# D15
def test_d15_the_rule_file_freezes_too(tmp_path):
    with pytest.raises(Frozen):
        Bench(tmp_path, rules_json(frozen=True)).sign(request(PAYLOAD, ASKED))


# A05, rule R8: the back office was restored from a backup and has forgotten what it paid.
def test_a05_a_restored_back_office_cannot_make_it_sign_a_second_payment(bench, tmp_path):
    bench.sign(request(PAYLOAD, ASKED))
    with pytest.raises(AlreadySigned):
        bench.sign(request(pay(("bob-address", 100), key="toy:fresh-coins"), ASKED))
    with pytest.raises(ConflictKeyTaken):
        bench.sign(request(pay(("bob-address", 100), salt=1), intent(2)))
    reborn = Bench(tmp_path)  # the signer restarts: its memory is on disk
    with pytest.raises(AlreadySigned):
        reborn.sign(request(pay(("bob-address", 100), key="toy:fresh-coins"), ASKED))
    assert released(reborn) == 1


# A05
def test_a05_a_re_made_intent_of_the_same_withdrawal_is_the_same_withdrawal(bench):
    bench.sign(request(PAYLOAD, ASKED))
    remade = replace(ASKED, salt="ff" * 16)
    for key in ("toy:1", "toy:2"):
        with pytest.raises(AlreadySigned):
            bench.sign(request(pay(("bob-address", 100), key=key, salt=1), remade))


# A05
def test_a05_a_signed_withdrawal_cannot_hide_in_a_batch(bench):
    bench.sign(request(PAYLOAD, ASKED))
    with pytest.raises(AlreadySigned):
        bench.sign(request(pay(("bob-address", 100), ("cem", 5), key="toy:1"), ASKED, intent(2, "cem", 5)))


# A05
def test_a05_another_wallet_does_not_pay_it_again(tmp_path):
    bench = Bench(tmp_path, wallets=[wallet_json(), wallet_json("warm")])
    bench.sign(request(PAYLOAD, ASKED))
    with pytest.raises(AlreadySigned):
        bench.sign(request(PAYLOAD, ASKED, wallet_id="warm"))


# A01 crash point 7: the answer was lost; the same request gets the same signatures, later too.
def test_a01_a_lost_answer_is_repeated_even_after_expiry(bench):
    first = bench.sign(request(PAYLOAD, ASKED))
    bench.clock.at_s = ASKED.expires_at_s + 10**6
    assert bench.sign(request(PAYLOAD, ASKED)) == first
    assert bench.sign(request(PAYLOAD, ASKED, approvals=())) == first
    assert released(bench) == 1


# A01
def test_a01_a_repeated_payload_with_other_intents_gets_nothing(bench):
    bench.sign(request(PAYLOAD, ASKED))
    with pytest.raises(AlreadySigned):
        bench.sign(request(PAYLOAD, intent(2)))
    with pytest.raises(AlreadySigned):
        bench.sign(request(PAYLOAD))


# A08
def test_a08_a_bump_with_the_same_conflict_key_and_intents_is_signed_and_costs_the_difference(tmp_path):
    buckets = {COIN.key: {"capacity": "150", "refill_per_hour": "0"}}
    bench = Bench(tmp_path, rules_json(buckets=buckets))
    first = bench.sign(request(pay(("bob-address", 100), fee=10), ASKED))
    second = bench.sign(request(pay(("bob-address", 100), fee=50), ASKED))
    assert first != second
    assert released(bench) == 2
    with pytest.raises(LimitExceeded):
        bench.sign(request(pay(("cem", 1), fee=0, key="toy:2"), intent(2, "cem", 1)))


# A08
def test_a08_an_expired_intent_is_not_bumped(bench):
    bench.sign(request(PAYLOAD, ASKED))
    bench.clock.at_s = ASKED.expires_at_s
    with pytest.raises(Refused, match="expired"):
        bench.sign(request(pay(("bob-address", 100), fee=20), ASKED))


def test_a_tombstoned_withdrawal_is_never_signed(bench):
    bench.call("tombstone", withdrawal_id="w1")
    bench.call("tombstone", withdrawal_id="w1")
    with pytest.raises(Tombstoned):
        bench.sign(request(PAYLOAD, ASKED))
    with pytest.raises(Tombstoned):
        bench.sign(request(pay(("cem", 5), ("bob-address", 100)), intent(2, "cem", 5), ASKED))
    assert released(bench) == 0


def test_a_signed_withdrawal_cannot_be_tombstoned(bench):
    bench.sign(request(PAYLOAD, ASKED))
    with pytest.raises(Conflict):
        bench.call("tombstone", withdrawal_id="w1")
    assert bench.sign(request(PAYLOAD, ASKED))


# Isolation: a cold wallet pays its warm wallet and nobody else.
def test_a_destination_off_the_edge_is_refused(tmp_path):
    bench = Bench(tmp_path, rules_json(destinations={"hot": ["warm-address"]}))
    with pytest.raises(Refused, match="may not pay"):
        bench.sign(request(PAYLOAD, ASKED))
    bench.sign(request(pay(("warm-address", 100)), intent(to="warm-address")))


def test_an_empty_list_of_destinations_allows_none(tmp_path):
    with pytest.raises(Refused, match="may not pay"):
        Bench(tmp_path, rules_json(destinations={"hot": []})).sign(request(PAYLOAD, ASKED))


def test_a_move_without_intent_needs_leave(tmp_path, bench):
    with pytest.raises(Refused, match="not allowed"):
        bench.sign(request(pay()))
    (tmp_path / "other").mkdir()
    permitted = Bench(tmp_path / "other", rules_json(own_moves=["hot"]))
    permitted.sign(request(pay()))
    with pytest.raises(PayloadMismatch):
        permitted.sign(request(pay(("eve-address", 1), key="toy:2")))


@pytest.mark.parametrize(
    "paths", [[], ["m/48h/9h/0h/1h/0/5"], ["m/48h/9h/0h/2h/0/5/1"], ["m/48h/9h/0h/2h/0h/5"], ["m/44h/9h/0h/0/0"], ["m"]]
)
def test_a_decoder_asking_for_a_foreign_key_gets_none(bench, paths):
    with pytest.raises(Refused):
        bench.sign(request(pay(("bob-address", 100), paths=paths), ASKED))
    assert released(bench) == 0


def test_a_signer_for_the_sender_role_does_not_sign_as_member(tmp_path):
    bench = Bench(tmp_path, wallets=[wallet_json(roles=["sender"])])
    with pytest.raises(Refused, match="member"):
        bench.sign(request(PAYLOAD, ASKED))
    bench.sign(request(PAYLOAD, ASKED, role=SigningRole.SENDER))


def test_a_wallet_of_its_own_quorum_needs_that_quorum(tmp_path):
    quorum = {"hot": {"threshold": 3, "max_age_s": 86_400, "min_organisations": 1}}
    bench = Bench(tmp_path, rules_json(wallet_quorums=quorum))
    with pytest.raises(QuorumNotReached):
        bench.sign(request(PAYLOAD, ASKED))
    bench.sign(request(PAYLOAD, ASKED, approvals=approve(ASKED, "ann", "bob", "cem")))
