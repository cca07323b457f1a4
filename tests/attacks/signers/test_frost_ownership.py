# Who asks a group to sign an ownership text and wants more: another text, a nonce twice, another list, no approvals.
import base64
import json
import threading
from dataclasses import replace

import pytest
from simulators.frost import FrostHouse
from simulators.signer_kit import NOW, approve
from simulators.signer_ownership import (
    HEADER,
    HEIGHT,
    NONCE,
    OwnershipBench,
    approve_ownership,
    ownership_request,
    solana,
)
from simulators.solana import SOL, Key

from custody.keys import ed25519, frost
from custody.keys import frost_group as group
from custody.keys.frost import Commitment
from custody.keys.material import Signature
from custody.keys.quorum import ApprovalDenied
from custody.primitives.approval import Verdict
from custody.primitives.chain import Family
from custody.primitives.errors import (
    BadSignature,
    MalformedPayload,
    NotFound,
    QuorumNotReached,
    Refused,
    SignerUnavailable,
)
from custody.reserves.evidence import verify_ownership
from custody.reserves.ownership import AttestedQuorum, OwnershipNotShown, claim_for
from custody.signers import audit
from custody.signers.faults import SignerBroken
from custody.signers.frost_rounds import FrostNonceGone
from custody.signers.memory import Frozen
from custody.signers.ownership import NotOurAddress, OwnershipExpired
from custody.signers.ownership_rounds import COMMITMENT_INDEX, SHARE_INDEX, round_one, round_two
from custody.signers.wire import decode_signature, encode_ownership
from exchange.app.frost_ownership import sign_together
from exchange.app.reserving import as_evidence

BOB = Key("bob")


class GroupSigner:
    # What a client sees of one signer of the house.
    def __init__(self, bench):
        self.bench = bench

    def share_ownership(self, request, payload, approvals):
        asked = encode_ownership(request, approvals)
        return decode_signature(self.bench.call("own_round", request=asked, payload=payload.hex()))


@pytest.fixture
def house(tmp_path):
    return FrostHouse("house", tmp_path)


@pytest.fixture
def asked(house):
    return text_of(house)


def text_of(house, **changes):
    held = replace(solana(), address=house.wallet.address)
    return ownership_request(held, wallet_id=house.wallet.id, **changes)


def signers_of(house):
    return {number: GroupSigner(bench) for number, bench in house.benches.items()}


def ask(house, number, request, payload, approvals=None):
    approvals = approve_ownership(request) if approvals is None else approvals
    return GroupSigner(house.benches[number]).share_ownership(request, payload, approvals)


def committed(house, request, *numbers):
    answers = {number: ask(house, number, request, round_one(numbers)) for number in numbers}
    assert {answer.index for answer in answers.values()} == {COMMITMENT_INDEX}
    return tuple(Commitment(number, answer.value) for number, answer in answers.items())


def foreign(house, number, name=b"x"):
    return Commitment(
        number, frost.draw_nonces(house.shares[number], name.ljust(32, b"1"), name.ljust(32, b"2")).commitment
    )


def entries(house, number):
    with house.benches[number].memory.transaction() as db:
        audit.verify_chain(db)
        return [json.loads(bytes(row[0])) for row in db.execute("SELECT entry FROM audit ORDER BY number")]


# Another text, a nonce twice, another list -------------------------------------------------


@pytest.mark.parametrize("change", [{"nonce": "e" * 64}, {"seq": 13}, {"exchange": "evil.example"}, {"ctx": "e" * 64}])
def test_a_share_over_another_text_than_committed_for_is_refused(house, asked, change):
    listed = committed(house, asked, 1, 2)
    other = replace(asked, **change)
    with pytest.raises(FrostNonceGone):
        ask(house, 1, other, round_two(listed))
    assert ask(house, 1, asked, round_two(listed)).index == SHARE_INDEX


def test_a_share_over_another_text_does_not_make_the_signature(house, asked):
    other = text_of(house, nonce="e" * 64)
    signers = signers_of(house)

    class Elsewhere(GroupSigner):  # answers about another text, and honestly so
        def share_ownership(self, _request, payload, _approvals):
            return super().share_ownership(other, payload, approve_ownership(other))

    signers[1] = Elsewhere(house.benches[1])
    signed = sign_together(house.wallet, signers, asked, approve_ownership(asked))
    ed25519.verify(house.wallet.group, asked.text().encode(), bytes.fromhex(signed.signature))
    signers[2] = Elsewhere(house.benches[2])
    with pytest.raises(QuorumNotReached, match="does not verify"):
        sign_together(house.wallet, signers, asked, approve_ownership(asked))


def test_a_used_nonce_signs_nothing_again_not_even_the_same(house, asked):
    listed = committed(house, asked, 1, 2)
    ask(house, 1, asked, round_two(listed))
    for again in (listed, (listed[0], foreign(house, 2))):
        for _ in range(2):
            with pytest.raises(FrostNonceGone):
                ask(house, 1, asked, round_two(again))
    house.restart(1)
    with pytest.raises(FrostNonceGone):
        ask(house, 1, asked, round_two(listed))


def test_round_one_after_a_share_draws_another_nonce(house, asked):
    listed = committed(house, asked, 1, 2)
    assert committed(house, asked, 1, 2) == listed  # still open
    ask(house, 1, asked, round_two(listed))
    again = committed(house, asked, 1, 2)
    assert again[0] != listed[0]
    assert again[1] == listed[1]


def test_a_commitment_list_with_ours_changed_is_refused(house, asked):
    listed = committed(house, asked, 1, 2)
    with pytest.raises(FrostNonceGone):
        ask(house, 1, asked, round_two((foreign(house, 1), listed[1])))
    assert ask(house, 1, asked, round_two(listed))


def test_a_commitment_list_with_anothers_changed_makes_shares_that_do_not_fit_together(house, asked):
    listed = committed(house, asked, 1, 2)
    changed = (listed[0], foreign(house, 2))
    made = {1: ask(house, 1, asked, round_two(changed)).value, 2: ask(house, 2, asked, round_two(listed)).value}
    for each in (listed, changed):
        package = frost.Package(house.wallet.group, asked.text().encode(), each)
        with pytest.raises(BadSignature):
            frost.aggregate(package, made, house.wallet.verifying)


def test_other_participants_than_committed_for_are_refused(house, asked):
    listed = committed(house, asked, 1, 2)
    third = Commitment(3, ask(house, 3, asked, round_one((1, 3))).value)
    with pytest.raises(FrostNonceGone):
        ask(house, 1, asked, round_two((listed[0], third)))


@pytest.mark.parametrize("numbers", [(1,), (2, 1), (1, 1), (2, 3), (1, 2, 3), (1, 9), (0, 1)])
def test_participants_that_are_no_quorum_of_ours_are_refused(house, asked, numbers):
    with pytest.raises(Refused):
        ask(house, 1, asked, round_one(numbers))


def test_bytes_beside_the_rounds_are_refused(house, asked):
    listed = committed(house, asked, 1, 2)
    text = asked.text().encode()
    for payload in (b"", round_one((1, 2)) + text, round_two(listed) + text, round_two(listed)[:-1], b"\0" * 65):
        with pytest.raises(MalformedPayload):
            ask(house, 1, asked, payload)


# A nonce drawn for a text never serves a payment, nor the reverse ---------------------------


def test_a_nonce_drawn_for_a_text_never_serves_a_payment_nor_the_reverse(house, asked):
    listed = committed(house, asked, 1, 2)
    intent = house.intent(BOB.text, SOL)
    plan = house.codec.plan([intent], house.state(), house.chosen())
    as_signatures = [Signature(house.wallet.verifying[each.identifier], 0, each.value) for each in listed]
    with pytest.raises(FrostNonceGone):
        house.answer(1, house.codec.next_need(plan, as_signatures), intent)
    for_payment = house.round(plan, [], intent)
    theirs = tuple(Commitment(number, each.value) for number, each in enumerate(for_payment, start=1))
    with pytest.raises(FrostNonceGone):
        ask(house, 1, asked, round_two(theirs))
    assert ask(house, 1, asked, round_two(listed))
    assert house.answer(1, house.codec.next_need(plan, for_payment), intent)


def test_a_point_that_served_another_message_freezes_the_signer(house, asked):
    listed = committed(house, asked, 1, 2)
    with house.benches[1].memory.transaction():
        house.benches[1].memory.remember_points([(listed[0].value, b"another message")])
    with pytest.raises(SignerBroken):
        ask(house, 1, asked, round_two(listed))
    with pytest.raises(Frozen):
        ask(house, 1, asked, round_one((1, 2)))


def test_threads_get_one_share_of_one_nonce(house, asked):
    listed = committed(house, asked, 1, 2)
    lists = [(listed[0], foreign(house, 2, f"n{n}".encode())) for n in range(6)]
    answers, refused = [], []

    def race(each):
        try:
            answers.append(ask(house, 1, asked, round_two(each)))
        except FrostNonceGone as error:
            refused.append(error)

    threads = [threading.Thread(target=race, args=(each,)) for each in lists]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(answers), len(refused)) == (1, 5)


# Approvals ---------------------------------------------------------------------------------


def test_each_round_wants_the_approvals(house, asked):
    listed = committed(house, asked, 1, 2)
    other = text_of(house, nonce="e" * 64)
    payment = house.intent(BOB.text, SOL)
    for approvals in ((), approve_ownership(asked, "ann"), approve_ownership(other), approve(payment)):
        for payload in (round_one((1, 2)), round_two(listed)):
            with pytest.raises(QuorumNotReached):
                ask(house, 1, asked, payload, approvals)
    denied = (*approve_ownership(asked), *approve_ownership(asked, "cem", verdict=Verdict.DENY))
    forged = tuple(replace(each, signature=bytes(64)) for each in approve_ownership(asked))
    for payload in (round_one((1, 2)), round_two(listed)):
        with pytest.raises(ApprovalDenied):
            ask(house, 1, asked, payload, denied)
        with pytest.raises(BadSignature):
            ask(house, 1, asked, payload, forged)
    assert ask(house, 1, asked, round_two(listed))  # the nonce was kept through all refusals


def test_approvals_from_before_the_thaw_are_void_in_both_rounds(house, asked):
    old, listed = approve_ownership(asked), committed(house, asked, 1, 2)
    house.benches[1].memory.freeze("drill")
    for payload in (round_one((1, 2)), round_two(listed)):
        with pytest.raises(Frozen):
            ask(house, 1, asked, payload)
    house.benches[1].memory.thaw(NOW + 1)
    house.benches[1].clock.at_s = NOW + 2
    for payload in (round_one((1, 2)), round_two(listed)):
        with pytest.raises(QuorumNotReached):
            ask(house, 1, asked, payload, old)


# The text itself ---------------------------------------------------------------------------


def test_other_addresses_wallets_chains_and_times_are_refused(house, asked):
    first = round_one((1, 2))
    for address in (house.wallet.deposit_address(0).text, house.wallet.nonce_accounts[0], BOB.text):
        with pytest.raises(NotOurAddress):
            ask(house, 1, replace(asked, address=address), first)
    with pytest.raises(NotFound):
        ask(house, 1, replace(asked, wallet_id="cold"), first)
    with pytest.raises(Refused, match="is registered on"):
        ask(house, 1, replace(asked, chain="solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"), first)
    with pytest.raises(OwnershipExpired):
        ask(house, 1, replace(asked, expires="2033-11-14T22:13:20Z"), first)


def test_a_share_signs_no_text_alone_and_a_whole_key_answers_no_round(house, asked, tmp_path):
    bench = house.benches[1]
    with pytest.raises(Refused, match="by one key"):
        bench.call("own", request=encode_ownership(asked, approve_ownership(asked)))
    whole = OwnershipBench(tmp_path / "whole", solana())
    request = ownership_request(solana())
    with pytest.raises(Refused, match="sign alone"):
        GroupSigner(whole).share_ownership(request, round_one((1, 2)), approve_ownership(request))


def test_every_round_and_every_refusal_is_in_the_log(house, asked):
    listed = committed(house, asked, 1, 2)
    ask(house, 1, asked, round_two(listed))
    with pytest.raises(FrostNonceGone):
        ask(house, 1, asked, round_two(listed))
    found = entries(house, 1)
    assert [entry["result"] for entry in found] == ["committed", "signed", "frost_nonce_gone"]
    assert found[0]["commitment"] == listed[0].value.hex()
    assert {entry["op"] for entry in found} == {"own_round"}
    stored = b"".join(path.read_bytes() for path in (house.folder / "signer-1").iterdir())
    secret = house.shares[1].reveal()
    assert not any(form in stored for form in (secret, secret.hex().encode(), base64.b64encode(secret)))


# What the coordinator does with liars and the silent ------------------------------------------


class Silent(GroupSigner):
    def share_ownership(self, *_):
        raise SignerUnavailable("signer x does not answer", signer="x")


class Garbled(GroupSigner):
    def share_ownership(self, request, payload, approvals):
        answer = super().share_ownership(request, payload, approvals)
        return replace(answer, value=bytes(len(answer.value)))


class BadShare(GroupSigner):
    def share_ownership(self, request, payload, approvals):
        answer = super().share_ownership(request, payload, approvals)
        value = answer.value if answer.index == COMMITMENT_INDEX else group.add(answer.value, group.scalar(1))
        return replace(answer, value=value)


class WrongRound(GroupSigner):
    def share_ownership(self, request, payload, approvals):
        return replace(super().share_ownership(request, payload, approvals), index=SHARE_INDEX)


class Impostor(GroupSigner):
    def share_ownership(self, request, payload, approvals):
        return replace(super().share_ownership(request, payload, approvals), key=BOB.public)


class Forgetful(GroupSigner):
    # Restarts between the rounds.
    def __init__(self, house, number):
        super().__init__(house.benches[number])
        self.house, self.number = house, number

    def share_ownership(self, request, payload, approvals):
        answer = GroupSigner(self.house.benches[self.number]).share_ownership(request, payload, approvals)
        self.house.restart(self.number)
        return answer


@pytest.mark.parametrize("kind", [Silent, Garbled, BadShare, WrongRound, Impostor, Forgetful])
def test_one_that_fails_is_passed_over_and_two_are_too_many(house, asked, kind):
    def failing(number):
        return Forgetful(house, number) if kind is Forgetful else kind(house.benches[number])

    signers, approvals = signers_of(house), approve_ownership(asked)
    signed = sign_together(house.wallet, {**signers, 2: failing(2)}, asked, approvals)
    ed25519.verify(house.wallet.group, asked.text().encode(), bytes.fromhex(signed.signature))
    with pytest.raises(QuorumNotReached):
        sign_together(house.wallet, {**signers, 1: failing(1), 2: failing(2)}, asked, approvals)


# The one signature is what a statement's verifier accepts --------------------------------------


def test_the_group_signs_what_the_verifier_of_statements_accepts_and_each_time_anew(house, asked):
    address = house.wallet.address
    claim = claim_for(HEADER, asked.chain, address, NONCE)
    assert claim.text() == asked.text()
    quorum = AttestedQuorum(asked.chain, address, (address,), 1, HEIGHT)
    seen = set()
    for _ in range(2):
        signed = sign_together(house.wallet, signers_of(house), asked, approve_ownership(asked))
        evidence = as_evidence(claim, Family.SOLANA, [signed])
        assert evidence.method == "ed25519-members"
        verify_ownership(evidence, HEADER, NONCE, quorum, NOW)
        seen.add(signed.signature)
        last = "00" if signed.signature[:2] != "00" else "01"
        bent = replace(evidence, signatures=((signed.key, last + signed.signature[2:]),))
        with pytest.raises(BadSignature):
            verify_ownership(bent, HEADER, NONCE, quorum, NOW)
        alone = replace(quorum, keys=(house.wallet.members[0].text,))
        with pytest.raises(OwnershipNotShown):  # one member's verifying share is not the group
            verify_ownership(evidence, HEADER, NONCE, alone, NOW)
    assert len(seen) == 2
