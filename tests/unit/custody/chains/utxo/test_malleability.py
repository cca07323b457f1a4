import pytest
from embit.script import Script
from hypothesis import given
from hypothesis import strategies as st
from simulators.bitcoin import make_coins, make_intent, make_wallet

from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.malleability import is_same_payment
from custody.chains.utxo.params import DOGECOIN_REGTEST
from custody.chains.utxo.psbt import parse_tx
from custody.chains.utxo.signing import signing_digests
from custody.primitives.errors import MalformedPayload, NodeUnavailable

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


def same(raw):
    return is_same_payment(SIGNED.raw, raw, parse_tx(raw).txid().hex())


def test_refuses_what_is_no_transaction():
    with pytest.raises(MalformedPayload):
        is_same_payment(SIGNED.raw, SIGNED.raw[:-1], SIGNED.txid)


def test_refuses_bytes_of_another_id():
    other = changed(lambda tx: setattr(tx.vout[0], "value", tx.vout[0].value + 1))
    with pytest.raises(NodeUnavailable):
        is_same_payment(SIGNED.raw, other, SIGNED.txid)


@pytest.mark.parametrize("which", [0, 1])
def test_another_value_destination_coin_or_lock_is_another_payment(which):
    def value(tx):
        tx.vout[which].value += 1

    def script(tx):
        tx.vout[which].script_pubkey = Script(WALLET.script_pubkey(0, 8))

    def coin(tx):
        tx.vin[which].vout += 1

    def sequence(tx):
        tx.vin[which].sequence -= 1

    def lock(tx):
        tx.locktime = 1 + which

    def version(tx):
        tx.version = which

    for change in (value, script, coin, sequence, lock, version):
        assert not same(changed(change))


def test_an_input_or_output_more_or_less_is_another_payment():
    for change in (
        lambda tx: tx.vin.pop(),
        lambda tx: tx.vout.pop(),
        lambda tx: tx.vin.reverse(),
        lambda tx: tx.vout.reverse(),
        lambda tx: tx.vout.append(tx.vout[0]),
    ):
        assert not same(changed(change))


def test_other_signatures_over_it_are_the_same_payment():
    again = CODEC.assemble(PLAN, [s for m in MEMBERS[1:] for s in m.sign_plan(WALLET, PLAN, DIGESTS)])
    assert again.txid != SIGNED.txid
    assert is_same_payment(SIGNED.raw, again.raw, again.txid)


@given(st.binary(max_size=300))
def test_whatever_stands_in_an_input_script_it_stays_the_same_payment(script):
    def spoil(tx):
        tx.vin[0].script_sig = Script(script)

    raw = changed(spoil)
    assert parse_tx(raw).txid().hex() != SIGNED.txid
    assert same(raw)
