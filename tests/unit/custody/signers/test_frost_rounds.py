# Two rounds in one signer: nonces serve one message and one list, ever; what was released is repeated, nothing else is.
import contextlib
import threading
from dataclasses import replace

import pytest
from simulators.frost import NATIVE, FrostHouse, path_of, scalar_of
from simulators.signer_kit import approve
from simulators.solana import SOL, Key

from custody.chains.solana import frost_plan
from custody.keys import frost
from custody.keys.material import Curve, SigningRole
from custody.primitives.errors import (
    Conflict,
    InvariantBroken,
    LimitExceeded,
    MalformedPayload,
    QuorumNotReached,
    Refused,
)
from custody.primitives.secret import Secret
from custody.signers import audit
from custody.signers.faults import SignerBroken
from custody.signers.frost_rounds import MAX_OPEN_SESSIONS, FrostNonceGone, FrostRounds
from custody.signers.judge import PayloadMismatch
from custody.signers.keyring import Keyring
from custody.signers.memory import AlreadySigned, Frozen, Tombstoned
from custody.signers.port import ThresholdRound, ToSign
from custody.signers.registry import ED25519_SCHEME

BOB, EVE = Key("bob"), Key("eve")


@pytest.fixture
def house(tmp_path):
    return FrostHouse("house", tmp_path)


@pytest.fixture
def begun(house):
    intent = house.intent(BOB.text, SOL)
    plan = house.codec.plan([intent], house.state(), house.chosen())
    return intent, plan, house.round(plan, [], intent)


def need_over(house, plan, *commitments):
    return house.codec.next_need(plan, commitments)


def another(house, number, name="x"):
    nonces = frost.draw_nonces(house.shares[number], name.encode().ljust(32, b"1"), name.encode().ljust(32, b"2"))
    return nonces.commitment


def test_another_list_on_a_used_nonce_is_refused_for_ever(house, begun):
    intent, plan, committed = begun
    first = house.answer(1, need_over(house, plan, *committed), intent)
    changed = type(committed[1])(committed[1].key, 0, another(house, 2))
    other = need_over(house, plan, committed[0], changed)
    for _ in range(2):
        with pytest.raises(FrostNonceGone):
            house.answer(1, other, intent)
    house.restart(1)
    with pytest.raises(FrostNonceGone):
        house.answer(1, other, intent)
    assert house.answer(1, need_over(house, plan, *committed), intent) == first  # from the memory, after the restart


def test_another_message_on_an_open_nonce_is_refused(house, begun):
    intent, plan, committed = begun
    other_plan = house.codec.plan([house.intent(EVE.text, SOL)], house.state(), house.chosen())
    other = need_over(house, other_plan, *committed)
    with pytest.raises(FrostNonceGone):
        house.answer(1, other, house.intent(EVE.text, SOL))
    assert house.answer(1, need_over(house, plan, *committed), intent)


def test_other_participants_on_an_open_nonce_are_refused(house, begun):
    intent, _, committed = begun
    with_third = house.codec.plan([intent], house.state(), house.chosen(1, 3))
    third = house.answer(3, house.codec.next_need(with_third, []), intent)
    with pytest.raises(FrostNonceGone):
        house.answer(1, need_over(house, with_third, committed[0], third), intent)


def test_a_commitment_that_is_not_ours_is_refused(house, begun):
    intent, plan, committed = begun
    forged = type(committed[0])(committed[0].key, 0, another(house, 1))
    with pytest.raises(FrostNonceGone):
        house.answer(1, need_over(house, plan, forged, committed[1]), intent)


def test_a_second_process_over_the_same_memory_has_no_nonces(house, begun):
    intent, plan, committed = begun
    twin = house.start(1)
    with pytest.raises(FrostNonceGone):
        twin.sign(house.ask(need_over(house, plan, *committed), intent))
    house.answer(1, need_over(house, plan, *committed), intent)
    assert twin.sign(house.ask(need_over(house, plan, *committed), intent))  # the released share is in the memory


def test_a_restart_forgets_open_nonces(house, begun):
    intent, plan, committed = begun
    house.restart(1)
    with pytest.raises(FrostNonceGone):
        house.answer(1, need_over(house, plan, *committed), intent)
    assert house.answer(1, house.codec.next_need(plan, []), intent).value != committed[0].value


def test_nothing_on_disk_knows_a_nonce(house, begun):
    memory = house.folder / "signer-1" / "memory.sqlite"
    house.benches[1].memory.close()
    (nonces,) = house.benches[1].service._frost._open.values()
    stored = b"".join(path.read_bytes() for path in memory.parent.iterdir())
    assert nonces.hiding.reveal() not in stored
    assert nonces.binding.reveal() not in stored


def test_point_that_served_another_message_freezes_the_signer(house, begun):
    intent, plan, committed = begun
    with house.benches[1].memory.transaction():
        house.benches[1].memory.remember_points([(committed[0].value, b"another message")])
    with pytest.raises(SignerBroken):
        house.answer(1, need_over(house, plan, *committed), intent)
    with pytest.raises(Frozen):
        house.answer(1, house.codec.next_need(plan, []), intent)


def test_round_one_is_judged_like_a_signature(house):
    intent, thief = house.intent(BOB.text, SOL), house.intent(EVE.text, SOL)
    need = house.codec.next_need(house.codec.plan([thief], house.state(), house.chosen()), [])
    with pytest.raises(PayloadMismatch):
        house.answer(1, need, intent)
    alone = house.ask(need, thief)
    with pytest.raises(QuorumNotReached):
        house.benches[1].sign(replace(alone, approvals=approve(thief, "ann")))
    house.benches[1].call("freeze", reason="drill")
    with pytest.raises(Frozen):
        house.answer(1, need, thief)


def test_a_commitment_can_be_given_up_and_a_share_cannot(house, begun):
    intent, plan, committed = begun
    house.benches[1].call("tombstone", withdrawal_id="w1")
    with pytest.raises(Tombstoned):
        house.answer(1, need_over(house, plan, *committed), intent)
    house.answer(2, need_over(house, plan, *committed), intent)
    with pytest.raises(Conflict):
        house.benches[2].call("tombstone", withdrawal_id="w1")


def test_same_withdrawal_on_another_durable_nonce_is_refused_in_round_two(house, begun):
    intent, plan, committed = begun
    house.answer(1, need_over(house, plan, *committed), intent)
    state = house.state()
    moved = type(state)(state.lamports, state.nonces[::-1], ())
    second = house.codec.plan([intent], moved, house.chosen())
    again = house.round(second, [], intent)
    with pytest.raises(AlreadySigned):
        house.answer(1, need_over(house, second, *again), intent)


def test_the_bucket_is_charged_once_for_both_rounds_and_other_signers(house):
    intent = house.intent(BOB.text, 60 * SOL)
    state = house.state(lamports=200 * SOL)
    for members in ((1, 2), (1, 3)):
        plan = house.codec.plan([intent], state, house.chosen(*members))
        house.codec.assemble(plan, house.sign(plan, intent))
    other = house.intent(BOB.text, 60 * SOL, number=2)
    plan = house.codec.plan([other], type(state)(state.lamports, state.nonces[1:], ()), house.chosen())
    committed = house.round(plan, [], other)
    with pytest.raises(LimitExceeded, match="bucket"):
        house.answer(1, need_over(house, plan, *committed), other)


def test_refused_release_keeps_the_nonce_unused(house, begun):
    intent, plan, committed = begun
    bench = house.benches[1]
    with bench.memory.transaction() as db:
        db.execute("INSERT INTO bucket (asset, parts, at_s) VALUES (?, '0', ?)", (NATIVE.key, bench.clock.now_s()))
    with pytest.raises(LimitExceeded):
        house.answer(1, need_over(house, plan, *committed), intent)
    with bench.memory.transaction() as db:
        db.execute("DELETE FROM bucket")
    assert house.answer(1, need_over(house, plan, *committed), intent)


def test_commitments_and_shares_are_in_the_audit_log(house, begun):
    intent, plan, committed = begun
    house.answer(1, need_over(house, plan, *committed), intent)
    with house.benches[1].memory.transaction() as db:
        audit.verify_chain(db)
        entries = [bytes(row[0]).decode() for row in db.execute("SELECT entry FROM audit ORDER BY number")]
    assert '"result":"committed"' in entries[0]
    assert committed[0].value.hex() in entries[0]
    assert '"result":"signed"' in entries[1]


def test_sender_role_is_refused(house, begun):
    intent, plan, _ = begun
    asked = house.ask(house.codec.next_need(plan, []), intent)
    with pytest.raises(Refused, match="sender"):
        house.benches[1].sign(replace(asked, role=SigningRole.SENDER))


def test_threads_get_one_share_of_one_nonce(house, begun):
    intent, plan, committed = begun
    others = [type(committed[1])(committed[1].key, 0, another(house, 2, f"n{n}")) for n in range(6)]
    answers = []

    def ask(other):
        with contextlib.suppress(FrostNonceGone):
            answers.append(house.answer(1, need_over(house, plan, committed[0], other), intent))

    threads = [threading.Thread(target=ask, args=(other,)) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 1


def test_open_sessions_are_bounded_and_the_oldest_is_forgotten():
    keyring = Keyring(Secret(bytes(64)))
    keyring.hold_share(path_of(1), scalar_of("share"))
    rounds, item = FrostRounds(keyring), ToSign(0, path_of(1), b"message")
    steps = [ThresholdRound(number.to_bytes(32, "big"), 1, None) for number in range(MAX_OPEN_SESSIONS + 1)]
    values = [rounds.commit("w", item, step).value for step in steps]
    assert len(set(values)) == len(values)
    assert len(rounds._open) == MAX_OPEN_SESSIONS
    assert rounds.commit("w", item, steps[-1]).value == values[-1]
    assert rounds.commit("w", item, steps[0]).value != values[0]
    assert repr(rounds) == "FrostRounds(***)"


def test_keyring_signs_nothing_alone_with_a_share_and_takes_no_second_one():
    keyring = Keyring(Secret(bytes(64)))
    with pytest.raises(MalformedPayload):
        keyring.hold_share(path_of(1), Secret(bytes(32)))
    keyring.hold_share(path_of(1), scalar_of("share"))
    keyring.hold_share(path_of(1), scalar_of("share"))
    with pytest.raises(InvariantBroken, match="one path"):
        keyring.hold_share(path_of(1), scalar_of("other"))
    with pytest.raises(InvariantBroken, match="two rounds"):
        keyring.sign(path_of(1), path_of(1), ED25519_SCHEME, b"text")
    assert keyring.public_key(path_of(1), Curve.ED25519) == frost.verifying_share(scalar_of("share"))


def test_repeated_rounds_give_the_same_answers_and_make_the_payment(house, begun):
    intent, plan, committed = begun
    assert house.round(plan, [], intent) == committed
    shares = house.round(plan, committed, intent)
    assert house.round(plan, committed, intent) == shares
    signed = house.codec.assemble(plan, [*committed, *shares])
    assert signed.raw.endswith(frost_plan.message_bytes(house.wallet, plan))
    assert signed.conflict_key == house.codec.reservations(plan)[0]
