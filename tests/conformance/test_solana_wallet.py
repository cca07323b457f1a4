# The whole way on the real VM: deposits, payments of SOL and tokens, collection, finality, crash, refusals by the network.
import base64
import struct
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from simulators.solana import FINAL, SOL, House, Key, LiveHouse, make_mint, mint_to, send, token_step

from custody.chains.solana import derivation, instructions, message
from custody.chains.solana.broadcaster import NodeRefuses
from custody.chains.solana.destination import verify_destination
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.params import LOCAL, NATIVE_MINT
from custody.chains.solana.places import DeadEnd
from custody.chains.solana.reader import SplReader
from custody.chains.solana.setup import Opener, verify_deposits, verify_wallet
from custody.chains.solana.state import NoFreeNonce
from custody.devnet.solana_vm import SolanaVm
from custody.keys.material import SigningRole
from custody.keys.signing_key import UnsealedKey
from custody.nodes.jsonrpc import NodeError
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.chain import Finality
from custody.primitives.errors import InvalidAddress, NodeUnavailable, StaleState, VerificationFailed
from custody.signers.registry import family_of

pytestmark = pytest.mark.node
NATIVE = LOCAL.native


@pytest.fixture(scope="module")
def vm():
    with TemporaryDirectory() as folder, SolanaVm.start(Path(folder), slot_ms=0) as running:
        yield running


@pytest.fixture(scope="module")
def minted(vm):
    return make_mint(vm, "usdc")


@pytest.fixture
def live(vm, minted, request):
    made = LiveHouse(vm, request.node.name, (minted[0],))
    vm.fund(made.wallet.vault(NATIVE), 20 * SOL)
    vm.mine(1)
    return made


def signed_by(live, plan, members):
    # As an attacker would send it: past our codec's own checks.
    payload = message.message_bytes(live.wallet, plan)
    keys = {key.text: key for key in (*live.members, live.fee_payer, MALLORY)}
    return message.transaction_bytes(payload, [keys[text].sign(payload) for text in message.signer_keys(payload)])


MALLORY, BOB = Key("mallory"), Key("bob")


def test_network_refuses_one_signature(live):
    plan = live.plan(live.intent(BOB.text, SOL))
    alone = replace(plan, members=plan.members[:1])
    with pytest.raises(NodeError, match="MissingRequiredSignature"):
        live.node.send(signed_by(live, alone, (0,)))


def test_network_refuses_stranger(live):
    plan = live.plan(live.intent(BOB.text, SOL))
    strange = replace(plan, members=(plan.members[0], MALLORY.text))
    with pytest.raises(NodeError, match="MissingRequiredSignature"):
        live.node.send(signed_by(live, strange, ()))


def test_network_refuses_the_same_member_twice(live):
    plan = live.plan(live.intent(BOB.text, SOL))
    with pytest.raises(NodeError, match="MissingRequiredSignature"):
        live.node.send(signed_by(live, replace(plan, members=(plan.members[0],) * 2), ()))


def test_network_refuses_missing_message_signature(live):
    signed = live.complete(live.plan(live.intent(BOB.text, SOL)))
    broken = signed.raw[:65] + bytes(64) + signed.raw[129:]
    with pytest.raises(NodeError, match="signature verification failure"):
        live.node.send(broken)


def test_network_refuses_replay_once_the_nonce_is_used(live):
    signed = live.pay(live.intent(BOB.text, SOL))
    with pytest.raises(NodeError, match="AlreadyProcessed"):
        live.node.send(signed.raw)
    live.vm.mine(FINAL)
    assert live.broadcaster.broadcast(signed) == signed.txid  # the same bytes again are safe
    live.vm.mine(150)  # the node's memory of recent transactions ends here; only the nonce stands in the way
    before = live.lamports(BOB.text)
    with pytest.raises(NodeError, match="BlockhashNotFound"):
        live.node.send(signed.raw)
    live.vm.rpc.call("sendTransaction", *base64_skipping_preflight(signed.raw))
    live.vm.mine(1)
    assert live.lamports(BOB.text) == before


def test_second_payment_with_the_same_nonce_value_is_dead_for_good(live):
    state = live.reader.spendable(frozenset())
    first, second = (
        live.complete(live.codec.plan([live.intent(BOB.text, SOL, number=n)], state, live.chosen())) for n in (1, 2)
    )
    assert first.conflict_key == second.conflict_key
    live.broadcaster.broadcast(first)
    live.vm.mine(1)
    with pytest.raises(NodeUnavailable, match="BlockhashNotFound"):  # not final yet: no proof
        live.broadcaster.broadcast(second)
    assert live.reader.finality(second.txid, second.conflict_key) is Finality.UNKNOWN
    live.vm.mine(FINAL)
    assert live.reader.finality(first.txid, first.conflict_key) is Finality.FINAL
    assert live.reader.finality(second.txid, second.conflict_key) is Finality.DEAD
    with pytest.raises(NodeRefuses, match="BlockhashNotFound"):
        live.broadcaster.broadcast(second)


def test_payment_that_fails_on_chain_is_failed_and_uses_its_nonce_up(live):
    plan = live.plan(live.intent(BOB.text, SOL))
    signed = live.complete(plan)
    # Between planning and sending somebody puts lamports where the throw-away account would be made.
    live.vm.fund(message.scratch_account(live.wallet, plan), SOL)
    live.vm.mine(1)
    with pytest.raises(NodeRefuses):
        live.broadcaster.broadcast(signed)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.UNKNOWN  # it was not executed
    before = live.lamports(BOB.text), live.lamports(live.fee_payer.text)
    live.vm.rpc.call("sendTransaction", *base64_skipping_preflight(signed.raw))
    live.vm.mine(1)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.MINED
    live.vm.mine(FINAL)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.FAILED
    assert (live.lamports(BOB.text), live.lamports(live.fee_payer.text)) == (before[0], before[1] - 15_000)
    fresh = {nonce.value for nonce in live.reader.spendable(frozenset()).nonces}
    assert plan.nonce.value not in {
        n.value for n in live.reader.spendable(frozenset()).nonces if n.account == plan.nonce.account
    }
    assert fresh


def base64_skipping_preflight(raw):
    return base64.b64encode(raw).decode(), {"encoding": "base64", "skipPreflight": True}


def test_payment_in_flight_holds_its_nonce_and_its_money(live):
    plan = live.plan(live.intent(BOB.text, 15 * SOL))
    reserved = frozenset(live.codec.reservations(plan))
    state = live.reader.spendable(reserved)
    assert plan.nonce.account not in {nonce.account for nonce in state.nonces}
    assert [s.units for s in state.sources] == [5 * SOL]
    assert state.fee_payer_lamports == live.lamports(live.fee_payer.text) - 15_000 - 2_039_280
    live.broadcaster.broadcast(live.complete(plan))
    live.vm.mine(FINAL)
    assert [s.units for s in live.reader.spendable(reserved).sources] == [5 * SOL]  # not subtracted twice


def test_no_nonce_left_when_all_are_in_flight(live):
    reserved = frozenset()
    for number in range(2):
        plan = live.plan(live.intent(BOB.text, SOL, number=number), reserved=reserved)
        reserved |= set(live.codec.reservations(plan))
    with pytest.raises(NoFreeNonce):
        live.plan(live.intent(BOB.text, SOL, number=9), reserved=reserved)


def test_native_payment_arrives_exactly_and_costs_the_signatures_only(live):
    before = live.lamports(BOB.text), live.lamports(live.fee_payer.text)
    intents = [live.intent(BOB.text, SOL + 7, number=1), live.intent(Key("carol").text, 2 * SOL, number=2)]
    plan = live.plan(*intents)
    for key, role in ((live.members[1], SigningRole.MEMBER), (live.fee_payer, SigningRole.SENDER)):
        understood = live.decoder(key).understand(live.codec.next_need(plan, []).payload, role)
        assert understood.summary == live.codec.summarize(plan)
    signed = live.complete(live.codec.decode(live.codec.encode(plan)))
    assert live.broadcaster.broadcast(signed) == signed.txid
    live.vm.mine(FINAL)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.FINAL
    assert live.lamports(BOB.text) == before[0] + SOL + 7
    assert live.lamports(live.fee_payer.text) == before[1] - live.codec.fee(plan).units
    assert live.reader.balance(live.wallet.receive_address(NATIVE), NATIVE).units == 17 * SOL - 7
    scratch = message.scratch_account(live.wallet, plan)
    assert live.node.accounts([scratch], "processed") == [None]


def test_native_payment_draws_on_deposits_that_were_never_synced(live):
    deposit = live.wallet.deposit_address(1).text
    live.vm.fund(deposit, 30 * SOL)
    live.vm.mine(1)
    plan = live.plan(live.intent(BOB.text, 40 * SOL))
    assert [(d.account, d.units, d.stale) for d in plan.draws] == [
        (deposit, 30 * SOL, True),
        (live.wallet.vault(NATIVE), 10 * SOL, True),
    ]
    live.broadcaster.broadcast(live.complete(plan))
    live.vm.mine(FINAL)
    assert [s.units for s in live.reader.spendable(frozenset()).sources] == [10 * SOL]


def test_named_deposit_accounts_are_looked_at_and_no_others(live):
    for index in (0, 1):
        live.vm.fund(live.wallet.deposit_address(index).text, SOL)
    live.vm.mine(1)
    named = SplReader(live.wallet, live.node, funded=lambda: [1])
    accounts = {source.account for source in named.spendable(frozenset()).sources}
    assert accounts == {live.wallet.vault(NATIVE), live.wallet.deposit_address(1).text}


def test_signers_registry_reads_and_signs_the_payload(live):
    intent = live.intent(BOB.text, SOL)
    need = live.codec.next_need(live.plan(intent), [])
    member = live.members[0]
    decoder = family_of("solana").load()(live.wallet.registration(), {member.entry.path: member.public})
    paid = decoder.understand(need.payload, need.role).summary
    assert paid.to == ((intent.to, intent.amount),)
    assert paid.fee <= intent.fee_max
    scheme = family_of("solana").scheme
    scheme.verify(member.public, need.payload, scheme.sign(UnsealedKey(member.secret, member.public), need.payload))


def test_token_payment_opens_the_account_and_splits_over_sources(live, minted):
    usdc, authority = minted
    for account, units in (
        (live.wallet.vault(usdc), 5_000_000),
        (live.wallet.deposit_address(0, usdc).text, 9_000_000),
    ):
        mint_to(live.vm, usdc, authority, account, units)
    dave = Key(f"dave {live.wallet.id}")
    before = live.lamports(live.fee_payer.text)
    plan = live.plan(
        live.intent(dave.text, 8_000_000, usdc, number=1),
        live.intent(dave.text, 1_000_001, usdc, number=2),
        live.intent(dave.text, 4_000_000, usdc, number=3),
    )
    understood = live.decoder(live.members[0]).understand(live.codec.next_need(plan, []).payload, SigningRole.MEMBER)
    assert understood.summary == live.codec.summarize(plan)
    signed = live.complete(plan)
    live.broadcaster.broadcast(signed)
    live.vm.mine(FINAL)
    assert live.reader.balance(Address(LOCAL.chain.id, dave.text), usdc).units == 13_000_001
    assert live.lamports(live.fee_payer.text) == before - signed.fee_max.units
    assert [s.units for s in live.reader.spendable(frozenset()).sources if s.asset == usdc] == [999_999]


def test_collection_moves_deposits_into_the_vault(live, minted):
    usdc, authority = minted
    live.vm.fund(live.wallet.deposit_address(0).text, 3 * SOL)
    mint_to(live.vm, usdc, authority, live.wallet.deposit_address(1, usdc).text, 77)
    for asset, units in ((NATIVE, 3 * SOL), (usdc, 77)):
        to = live.wallet.receive_address(asset).text
        plan = live.plan(live.intent(to, units, asset))
        understood = live.decoder(live.members[0]).understand(
            live.codec.next_need(plan, []).payload, SigningRole.MEMBER
        )
        assert understood.summary == live.codec.summarize(plan)
        live.broadcaster.broadcast(live.complete(plan))
        live.vm.mine(FINAL)
    assert live.reader.balance(live.wallet.receive_address(NATIVE), NATIVE).units == 23 * SOL
    assert live.reader.balance(live.wallet.receive_address(usdc), usdc).units == 77
    assert live.reader.balance(live.wallet.deposit_address(0), NATIVE).units == 0


def test_treasury_moves_reach_the_vault_of_another_wallet(live, minted):
    usdc, authority = minted
    cold = LiveHouse(live.vm, f"cold of {live.wallet.id}", (usdc,), deposits=0)
    mint_to(live.vm, usdc, authority, live.wallet.vault(usdc), 500)
    for asset, units in ((NATIVE, 4 * SOL), (usdc, 400)):
        to = cold.wallet.receive_address(asset)
        verify_destination(live.node, to, asset)
        live.broadcaster.broadcast(live.complete(live.plan(live.intent(to.text, units, asset))))
        live.vm.mine(FINAL)
        assert cold.reader.balance(to, asset).units == units
    assert {s.asset.symbol: s.units for s in cold.reader.spendable(frozenset()).sources} == {
        "SOL": 4 * SOL,
        "USDC": 400,
    }


def test_refuses_destinations_where_money_would_be_stuck(live, minted):
    usdc, authority = minted
    token_account = live.wallet.vault(usdc)
    nonce, multisig, wrapped = live.wallet.nonce_accounts[0], live.wallet.multisig, live.wallet.vault(NATIVE)
    dead = [(usdc.contract, NATIVE), (token_account, NATIVE), (nonce, NATIVE), (multisig, NATIVE)]
    dead += [(token_account, usdc), (wrapped, usdc), (usdc.contract, usdc), (nonce, usdc)]
    dead += [("ComputeBudget111111111111111111111111111111", NATIVE)]
    for text, asset in dead:
        with pytest.raises(DeadEnd):
            live.reader.verify_destination(Address(LOCAL.chain.id, text), Amount(1, asset), "")
    for text, asset in [(Key("new").text, NATIVE), (authority.text, usdc), (multisig, usdc), (wrapped, NATIVE)]:
        verify_destination(live.node, Address(LOCAL.chain.id, text), asset)


def test_opening_again_changes_nothing(live):
    opener = Opener(live.node, live.wallet, live.opener.sign)
    assert opener.open_wallet() == []
    assert opener.open_deposits(range(2)) == []


def test_opening_is_not_stopped_by_lamports_that_were_there_first(live):
    native, token = live.wallet.deposit_address(5), live.wallet.deposit_address(5, live.wallet.tokens[0])
    for address in (native, token):
        live.vm.fund(address.text, 1_000_000)
    live.vm.mine(1)
    Opener(live.node, live.wallet, live.opener.sign).open_deposits([5])
    live.vm.mine(FINAL)
    verify_deposits(live.node, live.wallet, [5])


def test_wallet_that_is_not_what_was_registered_is_refused(live):
    others = (*live.wallet.members[:2], MALLORY.entry)
    for changed in (replace(live.wallet, members=others), replace(live.wallet, nonce_count=3)):
        with pytest.raises(VerificationFailed):
            verify_wallet(live.node, changed)
    with pytest.raises(VerificationFailed, match="not our own account"):
        verify_deposits(live.node, live.wallet, [99])


def test_deposits_are_seen_once_and_survive_a_reorg_only_if_repeated(live, minted):
    usdc, authority = minted
    to = live.wallet.deposit_address(0)
    watched = frozenset({to.text, live.wallet.deposit_address(1).text})
    live.vm.mine(1)
    txid = live.vm.fund(to.text, SOL)
    live.vm.mine(3)
    heights = range(live.reader.tip().height - 3, live.reader.tip().height + 1)
    seen = [(h, d) for h in heights for d in live.reader.deposits(watched, live.reader.block_at(h))]
    assert [(d.txid, d.to, d.amount.units) for _, d in seen] == [(txid, to, SOL)]
    block = live.reader.block_at(seen[0][0])
    assert live.reader.block_at(block.height + 1).parent == block.hash
    assert txid in live.vm.reorg(4)
    live.vm.mine(5)
    assert live.reader.block_at(block.height).hash != block.hash
    with pytest.raises(StaleState):
        live.reader.deposits(watched, block)
    assert live.reader.balance(to, NATIVE).units == 0
    mint_to(live.vm, usdc, authority, live.wallet.deposit_address(1, usdc).text, 42)
    tip = live.reader.tip()
    found = live.reader.deposits(watched, tip)
    assert [(d.to, d.amount.units, d.amount.asset) for d in found] == [(live.wallet.deposit_address(1), 42, usdc)]


def test_refuses_to_watch_an_address_that_is_not_derived(live, monkeypatch):
    monkeypatch.setattr("custody.chains.solana.deposits.MAX_DEPOSIT_ACCOUNTS", 1_000)
    with pytest.raises(InvalidAddress, match="no deposit address"):
        live.reader.deposits(frozenset({BOB.text}), live.reader.tip())


def test_balance_as_of_an_earlier_block(live, minted):
    usdc, authority = minted
    vault, tokens = live.wallet.receive_address(NATIVE), live.wallet.receive_address(usdc)
    mint_to(live.vm, usdc, authority, live.wallet.vault(usdc), 10)
    first = live.reader.tip()
    live.pay(live.intent(BOB.text, SOL))
    live.vm.mine(1)
    second = live.reader.tip()
    mint_to(live.vm, usdc, authority, live.wallet.vault(usdc), 5)
    with pytest.raises(NodeUnavailable, match="not final"):
        live.reader.balance(vault, NATIVE, first)
    live.vm.mine(FINAL)
    assert [live.reader.balance(vault, NATIVE, at).units for at in (first, second, None)] == [
        20 * SOL,
        19 * SOL,
        19 * SOL,
    ]
    assert [live.reader.balance(tokens, usdc, at).units for at in (first, second, None)] == [10, 10, 15]


def test_same_plan_after_a_crash_and_the_chain_goes_on_after_a_restart(tmp_path):
    with SolanaVm.start(tmp_path, slot_ms=0) as vm:
        live = LiveHouse(vm, "hot")
        vm.fund(live.wallet.vault(NATIVE), 9 * SOL)
        vm.mine(FINAL)
        state = live.reader.spendable(frozenset())
        plan = live.codec.plan([live.intent(BOB.text, SOL)], state, live.chosen())
        signed = live.complete(plan)
        live.broadcaster.broadcast(signed)
        vm.mine(2)
        vm.reorg(1)
        vm.mine(1)
        tip = live.reader.tip()
        vm.process.kill()
    again = House("hot")
    assert (
        again.codec.assemble(again.codec.plan([again.intent(BOB.text, SOL)], state, again.chosen()), again.sign(plan))
        == signed
    )
    with SolanaVm.start(tmp_path, slot_ms=0) as vm:
        vm.mine(FINAL)
        live.node = SolanaNode(vm.rpc)
        reader = type(live.reader)(live.wallet, live.node)
        assert reader.block_at(tip.height).hash == tip.hash
        assert reader.finality(signed.txid, signed.conflict_key) is Finality.FINAL
        assert reader.balance(live.wallet.receive_address(NATIVE), NATIVE).units == 8 * SOL
        later = live.codec.plan([live.intent(BOB.text, SOL, number=2)], reader.spendable(frozenset()), live.chosen())
        live.node.send(live.complete(later).raw)
        vm.mine(1)
        assert reader.balance(Address(LOCAL.chain.id, BOB.text), NATIVE).units == 2 * SOL
        assert len({state.nonces[0].value, later.nonce.value}) == 2


def test_wrapped_sol_that_arrives_as_a_token_is_one_credit(live):
    payer, to = Key(f"payer {live.wallet.id}"), live.wallet.deposit_address(0)
    live.vm.fund(payer.text, 5 * SOL)
    live.vm.mine(1)
    own = derivation.associated_token_account(payer.text, NATIVE_MINT)
    wrap = [
        instructions.create_associated(payer.text, own, payer.text, NATIVE_MINT),
        instructions.transfer_lamports(payer.text, own, 2 * SOL),
        instructions.sync_native(own),
        token_step(
            struct.pack("<BQB", 12, SOL, 9),
            [(own, "w"), (NATIVE_MINT, ""), (to.text, "w"), (payer.text, "s")],
        ),
        instructions.sync_native(to.text),
    ]
    send(live.vm, payer, wrap)
    live.vm.mine(1)
    found = live.reader.deposits(frozenset({to.text}), live.reader.tip())
    assert [(d.amount.units, d.senders) for d in found] == [(SOL, (payer.text,))]
