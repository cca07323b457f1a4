"""Moves that need no approval must not become payments: what a signer refuses to sign as gas or as a filler."""

import pytest
from simulators.anvil import (
    DEPOSIT_PATH,
    ETH,
    OWNER_PATH,
    OWNERS,
    SENDER,
    SENDER_PATH,
    STATION_PATH,
    TestSigner,
    make_wallet,
)

from custody.chains.evm.abi import transfer_call
from custody.chains.evm.outer_tx import Gas, OuterTx
from custody.chains.evm.params import ETHEREUM_LOCAL
from custody.chains.evm.plan import SenderState
from custody.chains.evm.upkeep import FILL_TAG, TOP_UP_TAG, filler, top_up
from custody.keys.material import Signature, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.encoding import encode
from custody.primitives.errors import (
    BadSignature,
    InsufficientFunds,
    InvalidInput,
    LimitExceeded,
    MalformedPayload,
    QuorumNotReached,
    Refused,
)

EVIL = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
TOKEN = Asset("MXT", 18, ETHEREUM_LOCAL.chain.id, "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB")
WALLET = make_wallet(tokens=(TOKEN,))
ACCOUNT = WALLET.deposits.address(7)
GWEI = 10**9
RICH = SenderState(9, 10**18, GWEI, 3 * GWEI)
SIGNS = SigningRole.SENDER


@pytest.fixture
def decoder():
    return SENDER.decoder(WALLET.registration(), SENDER_PATH, DEPOSIT_PATH, STATION_PATH)


def unsigned(to, value=0, call=b"", chain_id=31337) -> bytes:
    return OuterTx(chain_id, Gas(9, GWEI, 2 * GWEI, 21_000), to, value, call).unsigned()


def given(to=ACCOUNT, value=5, call=b"", *, index=7, account=ACCOUNT, chain_id=31337) -> bytes:
    return encode(TOP_UP_TAG, index, bytes.fromhex(account[2:]), unsigned(to, value, call, chain_id))


def filled(to=WALLET.sender_address, value=0, call=b"", *, account=WALLET.sender_address, chain_id=31337) -> bytes:
    return encode(FILL_TAG, bytes.fromhex(account[2:]), unsigned(to, value, call, chain_id))


# C08: gas that goes anywhere but to a deposit account of the wallet.
@pytest.mark.parametrize(
    "payload",
    [
        given(EVIL),
        given(EVIL, account=EVIL),
        given(WALLET.safe, account=WALLET.safe),
        given(value=0),
        given(call=b"\1"),
        given(TOKEN.contract, 0, transfer_call(EVIL, 5)),
        given(index=8),
        given(index=1_000),
        given(WALLET.sender_address, account=WALLET.sender_address),
        given(chain_id=1),
    ],
)
def test_gas_goes_to_the_wallets_own_deposit_accounts_only(decoder, payload):
    with pytest.raises(Refused):
        decoder.understand(payload, SIGNS)


@pytest.mark.parametrize(
    "payload",
    [
        filled(EVIL),
        filled(EVIL, account=EVIL),
        filled(ACCOUNT, account=ACCOUNT),
        filled(value=1),
        filled(call=b"\1"),
        filled(WALLET.safe),
        filled(WALLET.station_address),
        filled(chain_id=1),
    ],
)
def test_a_filler_sends_nothing_and_only_to_itself(decoder, payload):
    with pytest.raises(Refused):
        decoder.understand(payload, SIGNS)


@pytest.mark.parametrize("tag", [TOP_UP_TAG, FILL_TAG])
def test_a_move_with_other_fields_is_malformed(decoder, tag):
    with pytest.raises(MalformedPayload):
        decoder.understand(encode(tag, unsigned(ACCOUNT, 5)), SIGNS)


def test_a_signer_without_the_key_or_of_another_role_refuses(decoder):
    without = SENDER.decoder(WALLET.registration(), SENDER_PATH, DEPOSIT_PATH)
    with pytest.raises(Refused, match="no key"):
        without.understand(given(), SIGNS)
    owner = OWNERS[0].decoder(WALLET.registration(), OWNER_PATH)
    with pytest.raises(Refused, match="no key"):
        owner.understand(filled(), SIGNS)
    with pytest.raises(Refused, match="role"):
        decoder.understand(given(), SigningRole.MEMBER)


def test_a_wallet_without_a_station_lends_nothing():
    registration = WALLET.registration()
    del registration["gas_station"]
    with pytest.raises(Refused, match="gas station"):
        SENDER.decoder(registration, SENDER_PATH, DEPOSIT_PATH, STATION_PATH).understand(given(), SIGNS)


@pytest.mark.parametrize("other", ["sender", "owner", "text"])
def test_a_signer_with_a_wrong_station_does_not_start(other):
    registration = WALLET.registration()
    wrong = {"sender": WALLET.sender_address, "owner": WALLET.owners[0].address, "text": "0x12"}[other]
    with pytest.raises(InvalidInput):
        SENDER.decoder({**registration, "gas_station": wrong}, SENDER_PATH)


def test_no_plan_beyond_cap_balance_or_window():
    dear = SenderState(9, 10**30, GWEI, ETHEREUM_LOCAL.pricing.fee_cap_wei_per_gas + 1)
    for plan in (lambda payer: top_up(WALLET, 7, 5, payer), lambda payer: filler(WALLET, 3, payer)):
        with pytest.raises(LimitExceeded):
            plan(dear)
        with pytest.raises(InsufficientFunds):
            plan(SenderState(9, 1, GWEI, GWEI))
    with pytest.raises(LimitExceeded):
        top_up(WALLET, 1_000, 5, RICH)
    with pytest.raises(InvalidInput):
        top_up(WALLET, 7, 0, RICH)


def test_a_foreign_or_wrong_signature_is_not_assembled(decoder):
    move = top_up(WALLET, 7, 5, RICH)
    good = SENDER.sign(decoder, move.next_need(()).payload, SIGNS)
    stranger = Signature(TestSigner(50).key(STATION_PATH), 0, good.value)
    flipped = Signature(good.key, 0, good.value[:5] + bytes([good.value[5] ^ 1]) + good.value[6:])
    for bad in (stranger, flipped):
        assert move.next_need([bad]).missing == 1
        with pytest.raises(BadSignature):
            move.assemble([bad])
    with pytest.raises(QuorumNotReached):
        move.assemble([])
    assert move.next_need([good]) is None


# What is brought to the account is meant to be burnt: the signer's fee cap bounds it.
def test_lent_gas_counts_as_fee_and_pays_nobody(decoder):
    move = top_up(WALLET, 7, 12_345, RICH)
    shown = decoder.understand(move.next_need(()).payload, SIGNS)
    assert shown.summary.to == ()
    assert shown.summary.change == ((Address(ETHEREUM_LOCAL.chain.id, ACCOUNT), Amount(12_345, ETH)),)
    assert shown.summary.fee.units == move.gas.fee_max_wei + 12_345
    assert shown.conflict_key == move.conflict_key == f"evm:31337:{WALLET.station_address.lower()}:9"


def test_a_filler_uses_up_the_counter_value_it_is_planned_for(decoder):
    move = filler(WALLET, 3, RICH)
    shown = decoder.understand(move.next_need(()).payload, SIGNS)
    assert (shown.summary.to, shown.summary.change) == ((), ())
    assert shown.conflict_key == move.conflict_key == f"evm:31337:{WALLET.sender_address.lower()}:3"
