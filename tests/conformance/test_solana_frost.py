# Native SOL by FROST on the real VM: what the network refuses, crash and restart between the rounds, deposits, finality.
import base64
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from simulators.frost import NATIVE, LiveFrost
from simulators.solana import FINAL, SOL, Key, send

from custody.chains.solana import frost_plan, instructions, message
from custody.chains.solana.broadcaster import NodeRefuses
from custody.chains.solana.frost_setup import FrostOpener, verify_frost_deposits, verify_frost_wallet
from custody.chains.solana.params import LOCAL
from custody.devnet.solana_vm import SolanaVm
from custody.keys import frost
from custody.keys.frost_group import add
from custody.keys.material import Signature
from custody.nodes.jsonrpc import NodeError
from custody.primitives.chain import Finality
from custody.primitives.errors import (
    BadSignature,
    InvalidAddress,
    NodeUnavailable,
    QuorumNotReached,
    StaleState,
    UnknownAsset,
    VerificationFailed,
)
from custody.signers.frost_rounds import FrostNonceGone

pytestmark = pytest.mark.node
BOB, MALLORY = Key("bob"), Key("mallory")
RENT = LOCAL.empty_account_rent


@pytest.fixture(scope="module")
def vm():
    with TemporaryDirectory() as folder, SolanaVm.start(Path(folder), slot_ms=0) as running:
        yield running


@pytest.fixture
def live(vm, request, tmp_path):
    made = LiveFrost(vm, request.node.name.split("[")[0][-50:], tmp_path)
    vm.fund(made.wallet.address, 20 * SOL)
    vm.mine(1)
    return made


def past_our_checks(live, plan, signature):
    raw = frost_plan.message_bytes(live.wallet, plan)
    return message.transaction_bytes(raw, [signature])


def test_network_refuses_the_aggregate_of_one_share(live):
    intent = live.intent(BOB.text, SOL)
    plan = live.plan(intent)
    signatures = live.sign(plan, intent)
    point = frost_package(live, plan, signatures).point
    with pytest.raises(NodeError, match="signature verification failure"):
        live.node.send(past_our_checks(live, plan, point + signatures[2].value))


def frost_package(live, plan, signatures):
    commitments = tuple(frost.Commitment(n, s.value) for n, s in zip(plan.participants, signatures, strict=False))
    return frost.Package(live.wallet.group, frost_plan.message_bytes(live.wallet, plan), commitments)


def test_network_refuses_the_same_share_twice(live):
    intent = live.intent(BOB.text, SOL)
    plan = live.plan(intent)
    signatures = live.sign(plan, intent)
    doubled = add(signatures[2].value, signatures[2].value)
    with pytest.raises(NodeError, match="signature verification failure"):
        live.node.send(past_our_checks(live, plan, frost_package(live, plan, signatures).point + doubled))


def test_network_refuses_a_stranger_and_a_missing_signature(live):
    plan = live.plan(live.intent(BOB.text, SOL))
    raw = frost_plan.message_bytes(live.wallet, plan)
    for signature in (MALLORY.sign(raw), bytes(64)):
        with pytest.raises(NodeError, match="signature verification failure"):
            live.node.send(past_our_checks(live, plan, signature))


def test_broadcaster_names_a_signature_failure_as_refusal(live):
    intent = live.intent(BOB.text, SOL)
    plan = live.plan(intent)
    signed = live.codec.assemble(plan, live.sign(plan, intent))
    with pytest.raises(NodeRefuses, match="signature verification failure"):
        live.broadcaster.broadcast(replace(signed, raw=past_our_checks(live, plan, bytes(64))))


def test_one_share_twice_is_no_quorum_and_a_bad_one_is_named(live):
    intent = live.intent(BOB.text, SOL)
    plan = live.plan(intent)
    first, second, one, other = live.sign(plan, intent)
    with pytest.raises(QuorumNotReached):
        live.codec.assemble(plan, [first, second, one, one])
    wrong = replace(other, value=one.value)
    with pytest.raises(BadSignature) as caught:
        live.codec.assemble(plan, [first, second, one, wrong])
    assert caught.value.facts["key"] == live.wallet.verifying[2].raw.hex()
    stranger = Signature(MALLORY.public, 1, one.value)
    with pytest.raises(BadSignature, match=MALLORY.text):
        live.codec.assemble(plan, [first, second, one, stranger])


def test_network_refuses_replay_once_the_nonce_is_used(live):
    _, signed = live.pay(live.intent(BOB.text, SOL))
    with pytest.raises(NodeError, match="AlreadyProcessed"):
        live.node.send(signed.raw)
    live.vm.mine(FINAL)
    assert live.broadcaster.broadcast(signed) == signed.txid  # the same bytes again are safe
    live.vm.mine(150)
    before = live.lamports(BOB.text)
    with pytest.raises(NodeError, match="BlockhashNotFound"):
        live.node.send(signed.raw)
    options = {"encoding": "base64", "skipPreflight": True}
    live.vm.rpc.call("sendTransaction", base64.b64encode(signed.raw).decode(), options)
    live.vm.mine(1)
    assert live.lamports(BOB.text) == before


def test_same_payment_by_other_signers_is_one_payment_and_never_dead(live):
    intent = live.intent(BOB.text, SOL)
    plans = [live.plan(intent, members=members) for members in ((1, 2), (2, 3))]
    first, second = (live.codec.assemble(plan, live.sign(plan, intent)) for plan in plans)
    assert first.conflict_key == second.conflict_key
    assert first.txid != second.txid
    live.broadcaster.broadcast(first)
    live.vm.mine(FINAL)
    assert live.reader.finality(first.txid, first.conflict_key) is Finality.FINAL
    assert live.reader.finality(second.txid, second.conflict_key) is Finality.FINAL


def test_another_payment_on_the_same_nonce_is_dead_once_the_first_is_final(live):
    state = live.reader.spendable(frozenset())
    intents = [live.intent(BOB.text, SOL), live.intent(MALLORY.text, SOL, number=2)]
    plans = [live.codec.plan([intent], state, live.chosen()) for intent in intents]
    first = live.codec.assemble(plans[0], live.sign(plans[0], intents[0]))
    live.forget()  # honest signers refuse the second payment on one nonce
    second = live.codec.assemble(plans[1], live.sign(plans[1], intents[1]))
    live.broadcaster.broadcast(first)
    live.vm.mine(1)
    with pytest.raises(NodeUnavailable, match="BlockhashNotFound"):  # not final yet: no proof
        live.broadcaster.broadcast(second)
    live.vm.mine(FINAL)
    assert live.reader.finality(second.txid, second.conflict_key) is Finality.DEAD
    with pytest.raises(NodeRefuses, match="BlockhashNotFound"):
        live.broadcaster.broadcast(second)


def test_signer_killed_between_the_rounds_refuses_and_a_new_visit_completes(live):
    intent = live.intent(BOB.text, SOL)
    plan = live.plan(intent)
    committed = live.round(plan, [], intent)
    live.restart(2)
    need = live.codec.next_need(plan, committed)
    share = live.answer(1, need, intent)
    with pytest.raises(FrostNonceGone):
        live.answer(2, need, intent)
    assert live.answer(1, need, intent) == share
    signatures = live.sign(plan, intent)
    assert signatures[0].value != committed[0].value
    assert signatures[1].value != committed[1].value
    live.broadcaster.broadcast(live.codec.assemble(plan, signatures))
    live.vm.mine(FINAL)
    assert live.lamports(BOB.text) >= SOL


def test_coordinator_killed_between_the_rounds_asks_anew_and_pays_once(live):
    intent = live.intent(BOB.text, SOL)
    plan = live.plan(intent)
    before = live.lamports(BOB.text)
    committed = live.round(plan, [], intent)
    assert live.round(plan, [], intent) == committed  # unused commitments are repeated
    first = live.codec.assemble(plan, committed + live.round(plan, committed, intent))
    second = live.codec.assemble(plan, live.sign(plan, intent))  # its answer was lost: fresh nonces, same message
    assert first.raw != second.raw
    live.broadcaster.broadcast(first)
    live.vm.mine(FINAL)
    # The same payment under another signature: calling it dead would refund what was paid.
    assert live.reader.finality(second.txid, second.conflict_key) is Finality.FINAL
    assert live.broadcaster.broadcast(second) == second.txid
    assert live.lamports(BOB.text) == before + SOL


def test_memory_restored_from_a_backup_makes_no_second_share_of_a_nonce(live):
    intent = live.intent(BOB.text, SOL)
    plan = live.plan(intent)
    committed = live.round(plan, [], intent)
    home = live.folder / "signer-1"
    backup = {path: path.read_bytes() for path in home.iterdir()}  # while the nonce is open
    live.round(plan, committed, intent)
    live.benches[1].memory.close()
    shutil.rmtree(home)
    home.mkdir()
    for path, content in backup.items():
        path.write_bytes(content)
    live.benches[1] = live.start(1)
    live.restart(2)
    other = live.answer(2, live.codec.next_need(plan, []), intent)
    need = live.codec.next_need(plan, [committed[0], other])
    with pytest.raises(FrostNonceGone):
        live.answer(1, need, intent)


def test_deposits_are_credited_above_the_rent_and_once(live):
    to = live.wallet.deposit_address(0)
    live.vm.fund(MALLORY.text, 10 * SOL)
    live.vm.mine(1)
    send(live.vm, MALLORY, [instructions.transfer_lamports(MALLORY.text, to.text, 3 * SOL)])
    live.vm.mine(1)
    seen = live.reader.deposits(frozenset({to.text, live.wallet.address}), live.reader.tip())
    assert [(each.to, each.amount.units, each.senders) for each in seen] == [(to, 3 * SOL, (MALLORY.text,))]
    assert [each.lamports for each in live.reader.spendable(frozenset()).deposits] == [3 * SOL]
    with pytest.raises(StaleState):
        live.reader.deposits(frozenset(), replace(live.reader.tip(), hash="11111111111111111111111111111111"))
    live.pay(live.intent(BOB.text, 22 * SOL))
    live.vm.mine(1)
    assert live.reader.deposits(frozenset({to.text, live.wallet.address}), live.reader.tip()) == []  # our own move


def test_asks_for_nothing_but_its_own_accounts_and_sol(live, vm):
    with pytest.raises(UnknownAsset):
        live.reader.balance(live.wallet.receive_address, replace(NATIVE, contract=BOB.text))
    with pytest.raises(VerificationFailed, match="not a nonce"):
        verify_frost_wallet(live.node, replace(live.wallet, nonce_count=3))
    with pytest.raises(VerificationFailed, match="not opened"):
        verify_frost_deposits(live.node, live.wallet, [99])


def test_somebody_elses_lamports_cannot_make_a_planned_payment_fail(live):
    place = live.wallet.deposit_address(1).text
    live.vm.fund(place, 5 * SOL)
    live.vm.mine(FINAL)
    intent = live.intent(BOB.text, 23 * SOL)
    plan = live.plan(intent)
    assert [(draw.index, draw.lamports) for draw in plan.draws] == [(1, 5 * SOL)]
    signed = live.codec.assemble(plan, live.sign(plan, intent))
    live.vm.fund(place, 1)
    live.vm.mine(1)
    live.broadcaster.broadcast(signed)
    live.vm.mine(FINAL)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.FINAL
    assert live.lamports(place) == RENT + 1


def test_payment_in_flight_holds_its_nonce_its_money_and_its_deposits(live):
    live.vm.fund(live.wallet.deposit_address(1).text, 5 * SOL)
    live.vm.mine(FINAL)
    intent = live.intent(BOB.text, 23 * SOL)
    plan = live.plan(intent)
    reserved = frozenset(live.codec.reservations(plan))
    state = live.reader.spendable(reserved)
    assert plan.nonce.account not in {nonce.account for nonce in state.nonces}
    assert state.deposits == ()
    assert state.lamports == live.lamports(live.wallet.address) - 18 * SOL - 5_000


def test_opening_again_changes_nothing(live):
    opener = FrostOpener(live.node, live.wallet, live.opener.sign)
    assert opener.open_wallet() + opener.open_deposits(range(2)) == []


def test_exact_amounts_arrive_and_one_signature_is_the_fee(live):
    carol = Key(f"carol {live.wallet.id}")
    before = live.lamports(live.wallet.address)
    intents = [live.intent(carol.text, SOL + 7), live.intent(BOB.text, 2 * SOL, number=2)]
    plan, signed = live.pay(*intents, members=(1, 3))
    live.vm.mine(FINAL)
    assert live.codec.bump(plan, live.reader.spendable(frozenset()), intents) is None
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.FINAL
    assert live.lamports(carol.text) == SOL + 7
    assert live.lamports(live.wallet.address) == before - 3 * SOL - 7 - 5_000
    assert live.reader.balance(live.wallet.receive_address, NATIVE).units == before - 3 * SOL - 7 - 5_000


def test_address_that_is_not_ours_is_not_watched(live, monkeypatch):
    monkeypatch.setattr("custody.chains.solana.frost_reader.MAX_DEPOSIT_ACCOUNTS", 1_000)
    with pytest.raises(InvalidAddress, match="no deposit address"):
        live.reader.deposits(frozenset({BOB.text}), live.reader.tip())
