# Withdrawals of native SOL through the pipeline: three signer processes hold the shares, the Solana VM executes.
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from simulators.frost_pipeline import NATIVE, SIGNERS, FrostRoom
from simulators.solana import SOL, Key

from custody.devnet.solana_vm import SolanaVm
from custody.keys import ed25519
from custody.keys.frost_dkg import Committee, Publication, verify_publications
from custody.keys.frost_group import sum_points
from custody.keys.frost_shares import verifying_share_at
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import Conflict
from custody.withdrawals.states import WithdrawalState

pytestmark = [pytest.mark.node, pytest.mark.slow]


@pytest.fixture(scope="module")
def vm():
    with TemporaryDirectory() as folder, SolanaVm.start(Path(folder), slot_ms=0) as running:
        yield running


@pytest.fixture(scope="module")
def shared(vm):
    with TemporaryDirectory() as folder:
        room = FrostRoom(vm=vm, folder=Path(folder) / "room")
        yield room
        room.close()


@pytest.fixture
def room(shared):
    for name in SIGNERS:
        if name not in shared.processes:
            shared.start(name)
    return shared.reopen()


class Bent:
    # A signer that does something on the way of one call: what a crash or a liar looks like from outside.
    def __init__(self, signer, before):
        self.signer, self.name, self.before = signer, signer.name, before

    def public_keys(self, chain, wallet_id):
        return self.signer.public_keys(chain, wallet_id)

    def sign(self, request):
        return self.before(self.signer, request)

    def tombstone(self, withdrawal_id):
        self.signer.tombstone(withdrawal_id)

    def releases(self, after):
        return self.signer.releases(after)


def held(room, place):
    return room.node.accounts([place], "processed")[0].lamports


def test_signer_that_restarts_between_the_rounds_costs_another_set_and_nothing_else(room):
    to, restarted = Key("restart").text, []

    def restart_before_round_two(signer, request):
        if request.payload[19] == 2 and not restarted:
            restarted.append(signer.name)
            room.stop(signer.name)
            room.start(signer.name)
        return signer.sign(request)

    room.reopen(lambda signer: Bent(signer, restart_before_round_two))
    paid = room.ask(SOL, to, "restart")
    room.settle()
    assert len(restarted) == 1
    assert room.state(paid) is WithdrawalState.SETTLED
    assert held(room, to) == SOL


def test_liar_in_round_two_is_found_and_bypassed(room):
    to = Key("liar").text

    def lie(signer, request):
        (made,) = signer.sign(request)
        wrong = bytes([made.value[0] ^ 1]) + made.value[1:]
        return (type(made)(made.key, made.index, wrong),) if signer.name == "signer-a" and made.index == 1 else (made,)

    room.reopen(lambda signer: Bent(signer, lie))
    paid = room.ask(2 * SOL, to, "liar")
    room.settle()
    payment = room.store.payment(room.service.get(paid).payment_id)
    first, last = room.store.attempts(payment.id)
    liar = room.wallet.members[0].key
    assert liar in first.members
    assert liar not in last.members
    assert room.state(paid) is WithdrawalState.SETTLED
    assert held(room, to) == 2 * SOL


def test_one_signer_alone_pays_nothing_and_the_rest_of_a_quorum_completes_it(room):
    to = Key("alone").text
    room.pipeline.step(room.now_s)  # the gate of the start opens while all can still be heard
    for name in SIGNERS[1:]:
        room.stop(name)
    paid = room.ask(SOL, to, "alone")
    room.settle()
    assert room.state(paid) is not WithdrawalState.SETTLED
    assert room.node.accounts([to], "processed") == [None]
    room.start(SIGNERS[2])
    room.settle()
    assert room.state(paid) is WithdrawalState.SETTLED
    assert held(room, to) == SOL


def test_crash_of_the_back_office_between_the_rounds_pays_once(room):
    to = Key("crash").text

    class Killed(Exception):
        pass

    def die_before_round_two(signer, request):
        if request.payload[19] == 2:
            raise Killed
        return signer.sign(request)

    room.reopen(lambda signer: Bent(signer, die_before_round_two))
    paid = room.ask(3 * SOL, to, "crash")
    with pytest.raises(Killed):
        room.settle()
    room.reopen()
    room.settle()
    assert room.state(paid) is WithdrawalState.SETTLED
    assert held(room, to) == 3 * SOL
    with pytest.raises(Conflict):
        room.signers[SIGNERS[0]].tombstone(paid)


def test_ceremony_writes_a_transcript_that_anybody_can_check(room):
    stated = json.loads(room.ceremony.transcript)
    group = PublicKey(Curve.ED25519, bytes.fromhex(stated["group"]))
    text = f"mext/frost-ceremony/1 hot-sol {stated['group']}".encode()
    ed25519.verify(group, text, bytes.fromhex(stated["test_signature"]))
    commitments = [bytes.fromhex(each) for each in stated["commitments"]]
    publications = {
        number: Publication(tuple(map(bytes.fromhex, each["commitments"])), bytes.fromhex(each["proof"]))
        for number, each in enumerate(stated["publications"], start=1)
    }
    verify_publications(Committee(2, 3), publications)
    constants = [each.commitments[0] for each in publications.values()]
    assert sum_points(constants) == commitments[0] == group.raw
    for number, member in enumerate(stated["members"], start=1):
        assert verifying_share_at(number, commitments).raw.hex() == member["key"]
    for name, folder in room.folders.items():
        sealed = (folder / "frost" / "hot-sol.json").read_bytes()
        assert b"sealed" in sealed
        keys = room.signers[name].public_keys(NATIVE.chain, "hot-sol")
        assert [key.raw.hex() for key in keys] == [m["key"] for m in stated["members"] if m["signer"] == name]


def test_payment_by_three_processes_and_the_vm(room):
    to, before = Key("plain").text, held(room, room.wallet.address)
    paid = room.ask(SOL + 5, to, "plain")
    room.settle()
    assert room.state(paid) is WithdrawalState.SETTLED
    assert held(room, to) == SOL + 5
    assert held(room, room.wallet.address) == before - SOL - 5 - 5_000
    assert room.ledger.total() == 100 * SOL
