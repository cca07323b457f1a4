# Bytes, ids and signatures are compared with tronweb, which shares no code with us.
import hashlib

import pytest
from simulators.tron import ALICE, BOB, COLD, MEMBERS, OPENER, USDT, make_intent, make_wallet, rich, tronweb, window

from custody.chains.tron.codec import TronCodec
from custody.chains.tron.params import MAX_INT64
from custody.chains.tron.rawtx import (
    RawPayment,
    bandwidth_bytes,
    operations_mask,
    payment_bytes,
    permission_update_bytes,
    signed_bytes,
    txid_of,
)
from custody.primitives.errors import InvalidInput

JSON_OF = """
const base = (contract, extra) => ({visible: false, txID: '', raw_data_hex: '', raw_data: {
  contract: [contract], ref_block_bytes: g.ref[0], ref_block_hash: g.ref[1],
  expiration: g.expiration, timestamp: g.timestamp, ...extra}});
const any = (type, value) => ({parameter: {value, type_url: 'type.googleapis.com/protocol.' + type}, type});
const hex = a => TronWeb.address.toHex(a);
const answer = tx => { const pb = utils.transaction.txJsonToPb(tx);
  return {raw: utils.transaction.txPbToRawDataHex(pb), txid: utils.transaction.txPbToTxID(pb).replace('0x', '')}; };
"""
REFERENCE = {
    "ref": ["1234", "0102030405060708"],
    "expiration": window().expiration_ms,
    "timestamp": window().timestamp_ms,
}


def theirs(script, **given):
    answer = tronweb(JSON_OF + script, **REFERENCE, **given)
    return answer["raw"].lower(), answer["txid"].lower()


def ours(raw):
    return raw.hex(), txid_of(raw)


@pytest.mark.parametrize("units", [0, -1, MAX_INT64 + 1])
def test_refuses_sums_that_the_network_cannot_express(units):
    with pytest.raises(InvalidInput):
        payment_bytes(RawPayment(ALICE, BOB, units, None, 2, 0, window()))


@pytest.mark.parametrize("permission_id", [0, 2])
def test_a_trx_payment_has_the_bytes_and_the_id_that_tronweb_makes(permission_id):
    raw = payment_bytes(RawPayment(ALICE, BOB, 123_456_789, None, permission_id, 0, window()))
    script = """
    const c = any('TransferContract', {owner_address: hex(g.from), to_address: hex(g.to), amount: 123456789});
    if (g.permission) c.Permission_id = g.permission;
    out = answer(base(c, {}));"""
    assert ours(raw) == theirs(script, **{"from": ALICE, "to": BOB, "permission": permission_id})


def test_another_permission_is_another_id():
    one, two = (payment_bytes(RawPayment(ALICE, BOB, 5, None, number, 0, window())) for number in (2, 3))
    assert txid_of(one) != txid_of(two)


def test_a_token_payment_has_the_bytes_and_the_id_that_tronweb_makes():
    raw = payment_bytes(RawPayment(ALICE, BOB, 10**30, USDT.contract, 2, 100_000_000, window()))
    script = """
    const data = 'a9059cbb' + hex(g.to).slice(2).padStart(64, '0') + BigInt(g.units).toString(16).padStart(64, '0');
    const c = any('TriggerSmartContract', {owner_address: hex(g.from), contract_address: hex(g.contract), data});
    c.Permission_id = 2;
    out = answer(base(c, {fee_limit: 100000000}));"""
    given = {"from": ALICE, "to": BOB, "units": str(10**30), "contract": USDT.contract}
    assert ours(raw) == theirs(script, **given)


def test_a_permission_update_has_the_bytes_and_the_id_that_tronweb_makes():
    wallet = make_wallet()
    raw = permission_update_bytes(wallet.address.text, wallet.owners.on_chain(), wallet.quorum(), window())
    script = """
    const keys = list => list.map(address => ({address: hex(address), weight: 1}));
    const value = {owner_address: hex(g.account),
      owner: {type: 0, permission_name: 'owner', threshold: 3, keys: keys(g.owners)},
      actives: [{type: 2, id: 2, permission_name: 'payments', threshold: 2, operations: g.mask, keys: keys(g.members)}]};
    out = answer(base(any('AccountPermissionUpdateContract', value), {}));"""
    given = {
        "account": wallet.address.text,
        "owners": wallet.owners.on_chain().keys,
        "members": wallet.quorum().keys,
        "mask": operations_mask().hex(),
    }
    assert ours(raw) == theirs(script, **given)


def test_tronweb_recovers_our_members_from_our_signatures_and_signs_the_same():
    codec = TronCodec(make_wallet())
    plan = codec.plan([make_intent()], rich())
    digest = bytes.fromhex(plan.txid)
    given = [MEMBERS[n].signature(digest) for n in (0, 1)]
    secrets = [MEMBERS[n].node("m/44h/195h/0h/0/0").key.reveal().hex() for n in (0, 1)]
    script = """
    out = {signers: g.signatures.map(s => TronWeb.address.fromHex(utils.crypto.ecRecover(g.txid, s))),
           signed: g.secrets.map(k => utils.crypto.ECKeySign(utils.code.hexStr2byteArray(g.txid),
                                                             utils.code.hexStr2byteArray(k)).toLowerCase())};"""
    signatures = [each.value.hex() for each in given]
    answer = tronweb(script, txid=plan.txid, signatures=signatures, secrets=secrets)
    assert answer["signers"] == [codec.wallet.members[n].address for n in (0, 1)]
    assert answer["signed"] == signatures


def test_the_mask_allows_trx_payments_and_contract_calls_only():
    mask = operations_mask()
    assert [bit for bit in range(256) if mask[bit // 8] >> bit % 8 & 1] == [1, 31]


def test_the_counted_size_is_that_of_the_signed_bytes_and_the_room_for_the_result():
    raw = payment_bytes(RawPayment(ALICE, BOB, 5, None, 2, 0, window()))
    signed = signed_bytes(raw, [hashlib.sha512(bytes([n])).digest() + b"\x1b" for n in range(2)])
    assert bandwidth_bytes(raw, 2) == len(signed) + 64


def test_owners_are_other_keys_than_the_one_that_opens_the_account():
    assert OPENER.key("m/44h/195h/9h/0/0") not in {holder.key() for holder in COLD}
