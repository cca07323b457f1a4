# Dogecoin's multisig spend judged by two engines that are not ours: libbitcoinkernel and bitcore-lib-doge (JavaScript).
# No Dogecoin node can be had, so these two are the evidence for its scripts.
import json
import shutil
import subprocess
from pathlib import Path

import pbk
import pytest
from embit.script import Script
from simulators.bitcoin import make_coins, make_intent, make_wallet

from custody.chains.utxo.address import address_of_script
from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.params import DOGECOIN, DOGECOIN_REGTEST
from custody.chains.utxo.psbt import parse_tx, unsigned_tx
from custody.chains.utxo.signing import signing_digests
from custody.devnet.dogecoin_rules import SimCoin, TxRefused, verify_scripts

ROOT = Path(__file__).parents[2]
PROGRAM = """
const doge = require("bitcore-lib-doge");
const { raw, script, index, keys, version } = JSON.parse(require("fs").readFileSync(0));
const tx = new doge.Transaction(raw);
const engine = new doge.Script.Interpreter();
const I = doge.Script.Interpreter;
const flags = I.SCRIPT_VERIFY_P2SH | I.SCRIPT_VERIFY_DERSIG | I.SCRIPT_VERIFY_NULLDUMMY | I.SCRIPT_VERIFY_CHECKLOCKTIMEVERIFY;
const holds = engine.verify(tx.inputs[index].script, doge.Script(script), tx, index, flags);
const address = doge.Address.createMultisig(keys.map((k) => new doge.PublicKey(k)), 2, version).toString();
console.log(JSON.stringify({ holds, error: engine.errstr, txid: tx.hash, address }));
"""
WALLET, MEMBERS = make_wallet("engines", 2, 3, DOGECOIN_REGTEST)
STRANGER = make_wallet("other engines", 2, 3, DOGECOIN_REGTEST)[1][0]
CODEC = UtxoCodec(WALLET)
INTENT = make_intent(WALLET.address(0, 9), 5 * 10**8, fee_max=10**8, params=DOGECOIN_REGTEST)
PLAN = CODEC.plan([INTENT], make_coins(WALLET, 4 * 10**8, 3 * 10**8, rate=1_000_000), ())
DIGESTS = signing_digests(WALLET, PLAN)


def by_javascript(raw, index=0):
    if shutil.which("node") is None or not (ROOT / "node_modules" / "bitcore-lib-doge").exists():
        pytest.skip("bitcore-lib-doge is not installed; npm ci --ignore-scripts")
    coin = PLAN.inputs[index]
    question = {
        "raw": raw.hex(),
        "script": WALLET.script_pubkey(coin.branch, coin.index).hex(),
        "index": index,
        "keys": [key.raw.hex() for key in WALLET.public_cosigner_keys(coin.branch, coin.index)],
        "version": "mainnet",
    }
    done = subprocess.run(
        ["node", "-e", PROGRAM], input=json.dumps(question), capture_output=True, text=True, cwd=ROOT, check=True
    )
    return json.loads(done.stdout)


def by_kernel(raw):
    coins = [
        SimCoin(coin.value_sat, WALLET.script_pubkey(coin.branch, coin.index), 1, coinbase=False)
        for coin in PLAN.inputs
    ]
    try:
        verify_scripts(raw, coins)
    except TxRefused:
        return False
    return True


def signatures(member):
    return {s.index: s.value for s in member.sign_plan(WALLET, PLAN, DIGESTS)}


def by_hand(*signers):
    tx = unsigned_tx(PLAN)
    for number, coin in enumerate(PLAN.inputs):
        items = [signatures(each)[number] for each in signers]
        redeem = WALLET.multisig_script(coin.branch, coin.index)
        pushes = b"".join(bytes([len(item)]) + item for item in items)
        tx.vin[number].script_sig = Script(b"\x00" + pushes + b"\x4c" + bytes([len(redeem)]) + redeem)
    return bytes(tx.serialize())


@pytest.mark.parametrize(
    ("signers", "error"),
    [
        (MEMBERS[:1], "SCRIPT_ERR_INVALID_STACK_OPERATION"),
        ((MEMBERS[0], MEMBERS[0]), "SCRIPT_ERR_EVAL_FALSE_IN_P2SH_STACK"),
        ((MEMBERS[0], STRANGER), "SCRIPT_ERR_EVAL_FALSE_IN_P2SH_STACK"),
    ],
    ids=["one signature", "the same twice", "a stranger"],
)
def test_both_engines_refuse_what_is_no_quorum(signers, error):
    raw = by_hand(*signers)
    assert not by_kernel(raw)
    answer = by_javascript(raw)
    assert (answer["holds"], answer["error"]) == (False, error)


def test_both_engines_take_a_quorum_under_the_same_txid_and_derive_the_same_address():
    signed = CODEC.assemble(PLAN, [s for m in MEMBERS[1:] for s in m.sign_plan(WALLET, PLAN, DIGESTS)])
    assert by_kernel(signed.raw)
    for index, coin in enumerate(PLAN.inputs):
        answer = by_javascript(signed.raw, index)
        assert (answer["holds"], answer["txid"]) == (True, signed.txid)
        assert answer["address"] == address_of_script(WALLET.script_pubkey(coin.branch, coin.index), DOGECOIN).text
    assert bytes(pbk.Transaction(signed.raw).txid)[::-1].hex() == parse_tx(signed.raw).txid().hex() == signed.txid
