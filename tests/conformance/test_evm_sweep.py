"""Deposit accounts and their sweeps, against a real node."""

from dataclasses import replace

import pytest
from simulators.anvil import DEPOSIT_PATH, ETH, SENDER, SENDER_PATH, make_intent, make_wallet, running_house

from custody.chains.evm.abi import transfer_call
from custody.chains.evm.broadcaster import BytesRejected
from custody.chains.evm.params import ETHEREUM_LOCAL
from custody.chains.evm.sweep import NATIVE_SWEEP_GAS, TOKEN_SWEEP_GAS, SweepCodec, SweepState, sweepable
from custody.chains.evm.sweep_reader import SweepPending, SweepReader
from custody.devnet.anvil import AnvilNode, AnvilOptions, find_anvil
from custody.keys.material import SigningRole
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import Finality
from custody.primitives.errors import (
    BadSignature,
    InsufficientFunds,
    InvalidInput,
    LimitExceeded,
    MalformedPayload,
    QuorumNotReached,
    Refused,
    UnknownAsset,
    WrongNetwork,
)

pytestmark = pytest.mark.node

ALICE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
GWEI = 10**9
ROOMY = SweepState(3, ETH, 10**18, 10**18, 0, GWEI, 2 * GWEI)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_house(tmp_path_factory.mktemp("anvil")) as house:
        yield house


@pytest.fixture
def house(shared):
    with shared.undone():
        yield shared


@pytest.fixture
def codec(house):
    return SweepCodec(house.wallet)


def signatures(codec, plan):
    decoder = SENDER.decoder(codec.wallet.registration(), SENDER_PATH, DEPOSIT_PATH)
    return [SENDER.sign(decoder, codec.next_need(plan, ()).payload, SigningRole.SENDER)]


def swept(house, codec, state):
    plan = codec.plan((), state)
    signed = codec.assemble(plan, signatures(codec, plan))
    house.broadcaster.broadcast(signed)
    return signed, house.wait(signed.txid)


def test_refuses_intents_unlisted_tokens_and_wallets_without_accounts(codec):
    with pytest.raises(InvalidInput, match="no intent"):
        codec.plan([make_intent(ALICE, Amount(1, ETH))], ROOMY)
    with pytest.raises(UnknownAsset):
        codec.plan((), replace(ROOMY, asset=Asset("EVL", 18, ETHEREUM_LOCAL.chain.id, ALICE)))
    with pytest.raises(InvalidInput):
        SweepCodec(replace(make_wallet(), deposits=None))


# E07: worthless deposits must not burn gas.
def test_refuses_what_is_not_worth_its_gas(codec, house):
    reserve = NATIVE_SWEEP_GAS * ROOMY.fee_wei_per_gas
    assert sweepable(replace(ROOMY, balance_wei=2 * reserve)) == 0
    assert sweepable(replace(ROOMY, balance_wei=2 * reserve + 1)) == reserve + 1
    with pytest.raises(InsufficientFunds):
        codec.plan((), replace(ROOMY, balance_wei=2 * reserve))
    dry = replace(ROOMY, asset=house.token, units=5, balance_wei=TOKEN_SWEEP_GAS * ROOMY.fee_wei_per_gas - 1)
    with pytest.raises(InsufficientFunds):
        codec.plan((), dry)


def test_refuses_prices_above_the_cap_and_indexes_outside_the_window(codec):
    with pytest.raises(LimitExceeded):
        codec.plan(
            (), replace(ROOMY, balance_wei=10**30, fee_wei_per_gas=ETHEREUM_LOCAL.pricing.fee_cap_wei_per_gas + 1)
        )
    with pytest.raises(LimitExceeded, match="window"):
        codec.plan((), replace(ROOMY, index=1_000))


def test_refuses_signatures_of_another_account_and_wrong_bits(codec):
    plan = codec.plan((), ROOMY)
    (good,) = signatures(codec, plan)
    (foreign,) = signatures(codec, codec.plan((), replace(ROOMY, index=4)))
    flipped = replace(good, value=good.value[:5] + bytes([good.value[5] ^ 1]) + good.value[6:])
    for bad in (foreign, flipped):
        assert codec.next_need(plan, [bad]).missing == 1
        with pytest.raises(BadSignature):
            codec.assemble(plan, [bad])
    with pytest.raises(QuorumNotReached):
        codec.assemble(plan, [])
    assert codec.next_need(plan, [good]) is None


def test_refuses_stored_plans_that_are_cut_or_of_another_safe(codec):
    raw = codec.encode(codec.plan((), ROOMY))
    for end in range(len(raw)):
        with pytest.raises(MalformedPayload):
            codec.decode(raw[:end])
    with pytest.raises(MalformedPayload):
        SweepCodec(make_wallet(salt_nonce=9)).decode(raw)
    assert codec.decode(raw) == codec.plan((), ROOMY)


# E06: one sweep of an account at a time; withdrawals use another account.
def test_a_pending_sweep_blocks_only_its_own_account(house, codec):
    reader = SweepReader(house.reader, 3, ETH)
    plan = codec.plan((), replace(ROOMY, nonce=0))
    reserved = frozenset(codec.reservations(plan))
    with pytest.raises(SweepPending):
        reader.spendable(reserved)
    assert SweepReader(house.reader, 4, ETH).spendable(reserved).nonce == 0
    house.reader.spendable(reserved)


def test_a_rejected_sweep_is_dead_only_when_its_nonce_is_finally_used(house, codec):
    account = house.wallet.deposits.address(3)
    house.anvil.fund(account, 10**18)
    reader = SweepReader(house.reader, 3, ETH)
    plan = codec.plan((), reader.spendable(frozenset()))
    signed = codec.assemble(plan, signatures(codec, plan))
    other, receipt = swept(
        house, codec, replace(reader.spendable(frozenset()), tip_wei_per_gas=2 * GWEI, fee_wei_per_gas=9 * GWEI)
    )
    assert receipt.succeeded
    assert other.txid != signed.txid
    with pytest.raises(BytesRejected):
        house.broadcaster.broadcast(signed)
    assert house.finality(signed) is Finality.UNKNOWN
    house.anvil.mine(3)
    assert (house.finality(signed), house.finality(other)) == (Finality.DEAD, Finality.FINAL)


def test_sweeps_coins_to_the_safe_within_the_reserved_gas(house, codec):
    account = house.wallet.deposits.address(3)
    house.anvil.fund(account, 10**18)
    before = house.wei(house.wallet.safe)
    state = SweepReader(house.reader, 3, ETH).spendable(frozenset())
    signed, receipt = swept(house, codec, state)
    assert receipt.succeeded
    assert receipt.gas_used <= NATIVE_SWEEP_GAS
    gained = house.wei(house.wallet.safe) - before
    assert gained == sweepable(state) == 10**18 - state.gas.fee_max_wei
    assert 0 <= house.wei(account) < state.gas.fee_max_wei
    assert house.finality(signed) is Finality.MINED


def test_sweeps_a_token_once_the_safe_has_paid_for_the_gas(house, codec):
    account = house.wallet.deposits.address(5)
    house.anvil.send(house.token.contract, transfer_call(account, 77))
    reader = SweepReader(house.reader, 5, house.token)
    assert sweepable(reader.spendable(frozenset())) == 0
    house.pay(make_intent(account, Amount(10**16, ETH)))
    before = house.tokens(house.wallet.safe)
    _, receipt = swept(house, codec, reader.spendable(frozenset()))
    assert receipt.succeeded
    assert receipt.gas_used <= TOKEN_SWEEP_GAS
    assert house.tokens(house.wallet.safe) - before == 77


def test_a_deposit_is_seen_at_the_derived_address(house):
    account = house.wallet.deposits.address(9)
    txid = house.anvil.fund(account, 321)
    reader = SweepReader(house.reader, 9, ETH)
    (found,) = reader.deposits(frozenset({account}), house.block_of(txid))
    assert (found.to.text, found.amount.units) == (account, 321)
    assert reader.balance(found.to, ETH).units == 321
    assert reader.block_at(reader.tip().height) == reader.tip()


@pytest.mark.skipif(find_anvil() is None, reason="no anvil here: run npm ci")
def test_a_kept_chain_survives_a_restart_and_another_chain_id_is_refused(tmp_path):
    options = AnvilOptions(keep_state=True)
    with AnvilNode.start(tmp_path, ETHEREUM_LOCAL, options) as anvil:
        anvil.fund(ALICE, 5)
        height = anvil.node.tip().height
    with AnvilNode.start(tmp_path, ETHEREUM_LOCAL, options) as anvil:
        assert anvil.node.tip().height == height
        assert anvil.node.balance(ALICE, ETH) == 5
        with pytest.raises(WrongNetwork):
            type(anvil.node)(anvil.rpc, replace(ETHEREUM_LOCAL, chain_id=5)).require_chain()


@pytest.mark.skipif(find_anvil() is None, reason="no anvil here: run npm ci")
def test_contracts_are_written_only_into_local_chains(tmp_path):
    with pytest.raises(Refused):
        AnvilNode.start(tmp_path, replace(ETHEREUM_LOCAL, local=False)).stop()
