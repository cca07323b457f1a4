"""Moves within an EVM wallet, asked of the real signer service: a sweep, and the rejection of a stuck nonce."""

from dataclasses import replace

import pytest
from simulators.anvil import DEPOSIT_PATH, ETH, OWNER_PATH, SENDER_PATH, STATION_PATH, make_wallet
from simulators.signer_kit import NOW, Bench, approve, rules_json

from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.deposit import DepositBranch
from custody.chains.evm.params import ETHEREUM_LOCAL
from custody.chains.evm.plan import SafeState, SenderState
from custody.chains.evm.sweep import SweepCodec, SweepState
from custody.chains.evm.upkeep import filler, top_up
from custody.chains.evm.wallet import Owner
from custody.keys.hd import PrivateNode
from custody.keys.material import Curve, SigningRequest, SigningRole
from custody.keys.xkeys import KeyNetwork, encode_xpub
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.errors import LimitExceeded, Refused
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent
from custody.primitives.secret import Secret
from custody.signers.keyring import Keyring

CHAIN = ETHEREUM_LOCAL.chain.id
SEEDS = [Secret(bytes([number]) * 64) for number in (1, 2, 3)]
RINGS = [Keyring(seed) for seed in SEEDS]
PATHS = {"member": OWNER_PATH, "sender": SENDER_PATH, "deposits": "m/44h/60h/5h", "gas_station": STATION_PATH}
GWEI = 10**9
STATE = SafeState({ETH.key: 10**18}, 4, SenderState(9, 10**18, GWEI, 3 * GWEI))
SWEEP = SweepState(7, ETH, 10**18, 10**18, 0, GWEI, 2 * GWEI)


def wallet():
    owners = tuple(Owner(OWNER_PATH, ring.public_key(OWNER_PATH, Curve.SECP256K1)) for ring in RINGS)
    node = PrivateNode.from_seed(SEEDS[0]).derive(PATHS["deposits"]).public()
    deposits = DepositBranch(PATHS["deposits"], encode_xpub(node, KeyNetwork.MAIN), 100)
    sender = RINGS[0].public_key(SENDER_PATH, Curve.SECP256K1)
    station = RINGS[0].public_key(STATION_PATH, Curve.SECP256K1)
    return replace(make_wallet(), owners=owners, sender=sender, deposits=deposits, station=station)


WALLET = wallet()


def bench(folder, number=0, *, own_moves=(WALLET.id,), fee_cap=10**16):
    folder = folder / str(number)
    folder.mkdir()
    paths = PATHS if number == 0 else {"member": OWNER_PATH}
    rules = rules_json(
        own_moves=list(own_moves),
        fee_caps={CHAIN: str(fee_cap)},
        buckets={ETH.key: {"capacity": str(10**18), "refill_per_hour": "0"}},
    )
    roles = ["member", "sender"] if number == 0 else ["member"]
    return Bench(folder, rules, [{**WALLET.registration(), "our_paths": paths, "roles": roles}], SEEDS[number])


def ask(need, *intents):
    approvals = tuple(vote for intent in intents for vote in approve(intent))
    return SigningRequest(CHAIN, WALLET.id, need.role, need.payload, intents, approvals)


def test_refuses_a_sweep_where_the_rules_do_not_allow_own_moves(tmp_path):
    codec = SweepCodec(WALLET)
    need = codec.next_need(codec.plan((), SWEEP), ())
    with pytest.raises(Refused, match="not allowed"):
        bench(tmp_path, own_moves=()).sign(ask(need))


def test_refuses_a_sweep_that_burns_more_than_the_signers_own_cap(tmp_path):
    codec = SweepCodec(WALLET)
    plan = codec.plan((), SWEEP)
    with pytest.raises(LimitExceeded):
        bench(tmp_path, fee_cap=plan.gas.fee_max_wei - 1).sign(ask(codec.next_need(plan, ())))


# E07: what the station gives away counts against the signer's own fee cap, gas and all.
def test_refuses_more_gas_for_an_account_than_the_signers_own_cap(tmp_path):
    move = top_up(WALLET, 7, 10**15, STATE.sender)
    cost = 10**15 + move.gas.fee_max_wei
    with pytest.raises(LimitExceeded):
        bench(tmp_path, fee_cap=cost - 1).sign(ask(move.next_need(())))


def test_refuses_gas_where_the_rules_do_not_allow_own_moves(tmp_path):
    move = top_up(WALLET, 7, 10**15, STATE.sender)
    with pytest.raises(Refused, match="not allowed"):
        bench(tmp_path, own_moves=()).sign(ask(move.next_need(())))


def test_signs_gas_and_fillers_with_the_keys_of_station_and_sender(tmp_path):
    signer = bench(tmp_path)
    for move, key in (
        (top_up(WALLET, 7, 10**15, STATE.sender), WALLET.station),
        (filler(WALLET, 3, STATE.sender), WALLET.sender),
    ):
        made = signer.sign(ask(move.next_need(())))
        assert made[0].key == key
        assert move.assemble(made).conflict_key == move.conflict_key


def test_signs_a_sweep_with_the_key_of_the_deposit_account(tmp_path):
    codec = SweepCodec(WALLET)
    plan = codec.plan((), SWEEP)
    made = bench(tmp_path).sign(ask(codec.next_need(plan, ())))
    assert made[0].key == WALLET.deposits.public_key(7)
    assert codec.assemble(plan, made).conflict_key == codec.reservations(plan)[0]
    assert PATHS["deposits"] != DEPOSIT_PATH


def test_signers_that_signed_a_payment_also_sign_the_rejection_of_its_nonce(tmp_path):
    codec = SafeCodec(WALLET)
    to = Address(CHAIN, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    amounts = (Amount(10**15, ETH), Amount(10**17, ETH))
    intent = TransferIntent(WithdrawalId("w1"), to, *amounts, "", 1, "00" * 16, NOW + 600)
    benches = [bench(tmp_path, number) for number in (0, 1)]

    def signed(plan, *intents):
        signatures = []
        while (need := codec.next_need(plan, signatures)) is not None:
            signing = benches[:1] if need.role is SigningRole.SENDER else benches
            signatures += [made for each in signing for made in each.sign(ask(need, *intents))]
        return codec.assemble(plan, signatures)

    payment = signed(codec.plan([intent], STATE), intent)
    rejection = signed(codec.reject(STATE.nonce, replace(STATE.sender, nonce=10)))
    bumped = signed(codec.bump(codec.plan([intent], STATE), STATE, [intent]), intent)
    assert payment.conflict_key == bumped.conflict_key != rejection.conflict_key
