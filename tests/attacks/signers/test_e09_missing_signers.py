# E09 at the start and afterwards, against real signer processes: a quorum is enough, and nobody is asked for anything
# before its keys were seen.
import socket
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from simulators.signer_kit import approve, intent, request, wallet_json
from simulators.toy_family import CHAIN, pay

from custody.primitives.errors import InvariantBroken, MalformedPayload, SignerUnavailable
from custody.withdrawals.lanes import Member
from exchange.app.checked_signers import CheckedSigner, SignerMismatch, SignersMissing, missing_step, verify_signers

WALLET = wallet_json()["id"]
FAR = 4_000_000_000


@pytest.fixture(scope="module")
def three(make_signer):
    return [make_signer(name, number) for number, name in enumerate(["dora", "emil", "fred"], start=100)]


@pytest.fixture
def own_trio(three):
    yield three
    for each in three:
        if each.process is None:
            each.start()


def lane_of(trio, keys, threshold=2):
    members = tuple(
        Member(CheckedSigner(each.name, each.client, CHAIN, WALLET, key), key)
        for each, key in zip(trio, keys, strict=True)
    )
    return SimpleNamespace(wallet_id=WALLET, members=members, threshold=threshold)


def keys_of(trio):
    return [each.client.public_keys(CHAIN, WALLET)[0] for each in trio]


def asked_of(number):
    item = intent(f"missing-{number}", "bob-address", 1, expires_at_s=FAR)
    return request(pay(("bob-address", 1), fee=0, key=f"toy:missing-{number}"), item, approvals=approve(item))


def test_e09_the_start_goes_on_with_a_quorum_and_the_third_shows_its_keys_before_it_is_asked(own_trio):
    lane = lane_of(own_trio, keys_of(own_trio))
    own_trio[2].stop()
    verify_signers(lane)
    third = lane.members[2].signer
    assert [each.signer.is_verified for each in lane.members] == [True, True, False]
    look = missing_step([lane])
    with pytest.raises(SignersMissing, match=f"signer {own_trio[2].name} does not answer"):
        look()
    with pytest.raises(SignerUnavailable):
        third.tombstone("missing-1")
    own_trio[2].start()
    look()
    assert third.is_verified
    third.tombstone("missing-1")


def test_e09_the_start_needs_as_many_signers_as_sign(own_trio):
    lane = lane_of(own_trio, keys_of(own_trio))
    own_trio[0].stop()
    own_trio[1].stop()
    with pytest.raises(SignersMissing, match="needs 2 of 3 signers"):
        verify_signers(lane)
    own_trio[1].start()
    verify_signers(lane)


def test_a_signer_with_other_keys_stops_the_start(own_trio):
    keys = keys_of(own_trio)
    with pytest.raises(SignerMismatch, match=own_trio[1].name):
        verify_signers(lane_of(own_trio, [keys[0], keys[2], keys[1]]))


def test_a_signer_that_comes_back_with_other_keys_is_not_asked_and_is_named(own_trio):
    # Another process answers where the third one did: its client reaches the second one's socket.
    lane = lane_of(own_trio, keys_of(own_trio))
    verify_signers(lane)
    third, client = lane.members[2].signer, own_trio[2].client
    own_trio[2].stop()
    with pytest.raises(SignerUnavailable):
        third.releases(0)
    client._path = own_trio[1].socket
    for question in (lambda: third.releases(0), lambda: third.tombstone("missing-2"), lambda: third.sign(asked_of(2))):
        with pytest.raises(SignerUnavailable, match="does not hold its key"):
            question()
    with pytest.raises(SignersMissing, match=f"{third.name} does not hold its key of {WALLET}"):
        missing_step([lane])()
    client._path = own_trio[2].socket
    own_trio[2].start()
    missing_step([lane])()
    assert third.is_verified


@pytest.mark.parametrize(
    "result",
    [b'{"keys":7}', b'{"keys":[7]}', b'{"keys":[{}]}', b'{"keys":[{"curve":"p256","raw":"00"}]}'],
    ids=["number", "numbers", "empty", "curve"],
)
def test_e09_keys_that_are_nonsense_name_the_liar_and_the_others_are_looked_for(own_trio, tmp_path, result):
    lane = lane_of(own_trio, keys_of(own_trio))
    first, client = lane.members[0].signer, own_trio[0].client
    with answering(tmp_path / "s", b'{"ok":true,"result":' + result + b"}"):
        client._path = tmp_path / "s"
        try:
            with pytest.raises(SignersMissing, match=f"^signer {first.name} answered nonsense"):
                missing_step([lane])()
        finally:
            client._path = own_trio[0].socket
    assert [each.signer.is_verified for each in lane.members] == [False, True, True]


def test_e09_whatever_a_signer_answers_the_others_are_looked_for_but_a_bug_of_ours_stops(own_trio):
    lane = lane_of(own_trio, keys_of(own_trio))
    first = lane.members[0].signer
    first._signer = Raising(MalformedPayload("what was asked does not decode"))
    with pytest.raises(SignersMissing, match="what was asked does not decode"):
        missing_step([lane])()
    assert [each.signer.is_verified for each in lane.members] == [False, True, True]
    first._signer = Raising(InvariantBroken("a bug"))
    with pytest.raises(InvariantBroken):
        missing_step([lane])()


class Raising:
    def __init__(self, error):
        self.error = error

    def public_keys(self, chain, wallet_id):
        raise self.error


@contextmanager
def answering(path, body):
    """One process that answers one question with this frame."""

    def answer():
        connection, _ = listener.accept()
        with connection:
            connection.recv(1 << 16)
            connection.sendall(len(body).to_bytes(4, "big") + body)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(1)
        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join()
