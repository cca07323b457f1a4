# F07: somebody who was revoked comes back, with their key or their vote from before.
from dataclasses import replace

import pytest
from simulators.bitcoin import make_coins
from simulators.signer_kit import NOW, Bench, approve, intent, request, rules_json
from simulators.toy_family import pay

from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.params import BITCOIN_REGTEST
from custody.chains.utxo.wallet import CHANGE, RECEIVE, KeyOrigin, UtxoWallet
from custody.keys.hd import PrivateNode
from custody.keys.paths import parse_path
from custody.keys.xkeys import KeyNetwork, encode_xpub
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.errors import QuorumNotReached, ToolkitError
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent
from custody.primitives.secret import Secret
from custody.signers.keyring import Keyring
from custody.signers.provision import create_home, replace_rules
from custody.signers.registry import BITCOIN_SCHEME

PATH = "m/48h/1h/0h/2h"
SEEDS = {name: Secret(bytes([number]) * 64) for number, name in enumerate(("ann", "ben", "cem", "dan"), start=1)}
NATIVE = BITCOIN_REGTEST.asset
RULES = rules_json(
    fee_caps={BITCOIN_REGTEST.chain.id: "20000"},
    buckets={NATIVE.key: {"capacity": "1000000", "refill_per_hour": "0"}},
)


def origin(name):
    node = PrivateNode.from_seed(SEEDS[name])
    xpub = encode_xpub(node.derive(PATH).public(), KeyNetwork.TEST)
    return KeyOrigin(node.public().fingerprint(), parse_path(PATH), xpub)


def wallet_of(*names):
    return UtxoWallet("hot", BITCOIN_REGTEST, 2, tuple(origin(name) for name in names))


OLD, NEW = wallet_of("ann", "ben", "cem"), wallet_of("ann", "ben", "dan")


def signer(folder, name, wallet):
    folder.mkdir()
    registration = {**wallet.registration(), "our_paths": {"member": PATH}, "roles": ["member"]}
    return Bench(folder, RULES, [registration], SEEDS[name])


def payment(to):
    return TransferIntent(
        *(WithdrawalId("w1"), Address(BITCOIN_REGTEST.chain.id, to), Amount(40_000, NATIVE), Amount(20_000, NATIVE)),
        *("", 1, "00" * 16, NOW + 600),
    )


def ask(need, item):
    return request(need.payload, item, approvals=approve(item), role=need.role, chain=BITCOIN_REGTEST.chain.id)


@pytest.mark.parametrize("branch", [RECEIVE, CHANGE])
def test_f07_without_the_revoked_key_every_address_is_another(branch):
    before = {OLD.address(branch, index).text for index in range(50)}
    assert not before & {NEW.address(branch, index).text for index in range(50)}


def test_f07_the_remaining_holders_empty_the_old_wallet_into_the_new_one(tmp_path):
    codec, item = UtxoCodec(OLD), payment(NEW.address(RECEIVE, 0).text)
    plan = codec.plan([item], make_coins(OLD, 50_000), ())
    need = codec.next_need(plan, [])
    made = [each for name in ("ann", "ben") for each in signer(tmp_path / name, name, OLD).sign(ask(need, item))]
    assert codec.assemble(plan, made).raw


def test_f07_the_signature_of_a_revoked_key_is_no_signature_of_the_new_wallet(tmp_path):
    codec, item = UtxoCodec(NEW), payment(OLD.address(RECEIVE, 0).text)
    plan = codec.plan([item], make_coins(NEW, 50_000), ())
    need = codec.next_need(plan, [])
    (ann,) = signer(tmp_path / "ann", "ann", NEW).sign(ask(need, item))
    (dan,) = signer(tmp_path / "dan", "dan", NEW).sign(ask(need, item))
    place = f"{PATH}/{RECEIVE}/0"
    key, value = Keyring(SEEDS["cem"]).sign(PATH, place, BITCOIN_SCHEME, b"\x07" * 32)
    for forged in (replace(ann, key=key, value=value), replace(dan, value=value), replace(ann, key=key)):
        with pytest.raises(ToolkitError):
            codec.assemble(plan, [ann, forged] if forged.key != ann.key else [dan, forged])
    assert codec.assemble(plan, [ann, dan]).raw


def test_f07_a_restored_signer_of_the_revoked_holder_does_not_know_the_new_wallet(tmp_path):
    codec, item = UtxoCodec(NEW), payment(OLD.address(RECEIVE, 0).text)
    need = codec.next_need(codec.plan([item], make_coins(NEW, 50_000), ()), [])
    with pytest.raises(ToolkitError):
        signer(tmp_path / "cem", "cem", OLD).sign(ask(need, item))
    with pytest.raises(ToolkitError):
        signer(tmp_path / "cem-new", "cem", NEW)  # no key of this seed is in the new wallet


# An approver who left the roster: neither a new verdict counts nor one from before.
@pytest.mark.parametrize("at_s", [NOW - 3_600, NOW])
def test_f07_the_vote_of_a_revoked_approver_does_not_count(tmp_path, at_s):
    item = intent()
    payload = pay((item.to.text, item.amount.units))
    asked = request(payload, item, approvals=(*approve(item, "ann", at_s=NOW), *approve(item, "cem", at_s=at_s)))
    after = rules_json(version=2)
    after["roster"] = [each for each in after["roster"] if each["approver"] != "cem"]
    (tmp_path / "after").mkdir()
    (tmp_path / "before").mkdir()
    with pytest.raises(QuorumNotReached):
        Bench(tmp_path / "after", after).sign(asked)
    assert Bench(tmp_path / "before").sign(asked)
    create_home(
        tmp_path / "home", Secret(b"a passphrase of some length"), rules_json(), None, unsafe_scrypt_n_for_tests=16
    )
    replace_rules(tmp_path / "home", after)
    with pytest.raises(ToolkitError, match="not above"):
        replace_rules(tmp_path / "home", rules_json(version=1))  # the old roster does not come back
