import hashlib

import pytest
from embit.script import Script
from hypothesis import given
from hypothesis import strategies as st
from simulators.bitcoin import make_coins, make_intent, make_wallet

from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.malleability import canonical_txid
from custody.chains.utxo.params import DOGECOIN_REGTEST
from custody.chains.utxo.psbt import parse_tx
from custody.chains.utxo.signing import signing_digests
from custody.primitives.errors import MalformedPayload

WALLET, MEMBERS = make_wallet("doge", 2, 3, DOGECOIN_REGTEST)
CODEC = UtxoCodec(WALLET)
INTENT = make_intent(WALLET.address(0, 9), 5 * 10**8, fee_max=10**8, params=DOGECOIN_REGTEST)
PLAN = CODEC.plan([INTENT], make_coins(WALLET, 4 * 10**8, 3 * 10**8, rate=1_000_000), ())
DIGESTS = signing_digests(WALLET, PLAN)
SIGNED = CODEC.assemble(PLAN, [s for m in MEMBERS[:2] for s in m.sign_plan(WALLET, PLAN, DIGESTS)])


def changed(change, raw=SIGNED.raw):
    tx = parse_tx(raw)
    change(tx)
    return bytes(tx.serialize())


def test_refuses_what_is_no_transaction():
    with pytest.raises(MalformedPayload):
        canonical_txid(SIGNED.raw[:-1])


@pytest.mark.parametrize("which", [0, 1])
def test_another_value_destination_or_coin_is_another_payment(which):
    def value(tx):
        tx.vout[which].value += 1

    def script(tx):
        tx.vout[which].script_pubkey = Script(WALLET.script_pubkey(0, 8))

    def coin(tx):
        tx.vin[which].vout += 1

    def sequence(tx):
        tx.vin[which].sequence -= 1

    for change in (value, script, coin, sequence):
        assert canonical_txid(changed(change)) != SIGNED.txid


def test_other_signatures_are_another_payment():
    again = CODEC.assemble(PLAN, [s for m in MEMBERS[1:] for s in m.sign_plan(WALLET, PLAN, DIGESTS)])
    assert again.txid != SIGNED.txid
    assert canonical_txid(again.raw) == again.txid


@given(st.binary(max_size=300))
def test_no_script_can_break_the_reading(script):
    def spoil(tx):
        tx.vin[0].script_sig = Script(script)

    assert canonical_txid(changed(spoil)) != SIGNED.txid


@given(st.lists(st.binary(max_size=75), max_size=4))
def test_useless_items_in_front_change_nothing(items):
    def stuff(tx):
        front = b"".join(bytes([len(item)]) + item for item in items)
        tx.vin[1].script_sig = Script(front + tx.vin[1].script_sig.data)

    raw = changed(stuff)
    assert canonical_txid(raw) == SIGNED.txid
    assert (parse_tx(raw).txid().hex() == SIGNED.txid) == (not items)


def test_what_we_write_is_in_its_own_form():
    assert (
        canonical_txid(SIGNED.raw)
        == SIGNED.txid
        == hashlib.sha256(hashlib.sha256(SIGNED.raw).digest()).digest()[::-1].hex()
    )
