# The published vectors of the intent hash and of approvals, checked by a slow encoder that shares no code with ours.
import hashlib
import itertools
import json
from pathlib import Path

import pytest

from custody.keys import ed25519
from custody.keys.material import Curve, PublicKey
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.approval import Verdict, approval_message
from custody.primitives.asset import Asset
from custody.primitives.errors import BadSignature
from custody.primitives.intent import TransferIntent, intent_hash

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "intent.json").read_text())
FIELDS = [
    "tag",
    "chain",
    "asset_key",
    "to",
    "memo",
    "units",
    "fee_max_units",
    "withdrawal_id",
    "policy_version",
    "salt",
    "expires_at_s",
]


def slow_bytes(texts):
    out = []
    for text in texts:
        encoded = list(text.encode("utf-8"))
        length = len(encoded)
        out += [length // 16777216 % 256, length // 65536 % 256, length // 256 % 256, length % 256]
        out += encoded
    return bytes(out)


def slow_hash(fields):
    return hashlib.sha256(slow_bytes([fields[name] for name in FIELDS])).hexdigest()


def built(fields):
    chain, contract = fields["asset_key"].split("/", 1)
    asset = Asset("ANY", 8, chain, None if contract == "native" else contract)
    return TransferIntent(
        fields["withdrawal_id"], Address(chain, fields["to"]), Amount(int(fields["units"]), asset), Amount(int(fields["fee_max_units"]), Asset("COIN", 8, chain)),
        fields["memo"], int(fields["policy_version"]), fields["salt"], int(fields["expires_at_s"]),
    )  # fmt: skip


def test_there_are_at_least_five_and_all_hashes_differ():
    assert len({vector["intent_hash"] for vector in VECTORS["intents"]}) == len(VECTORS["intents"]) >= 5


@pytest.mark.parametrize("vector", VECTORS["intents"], ids=lambda vector: vector["name"])
def test_slow_encoder_file_and_code_agree(vector):
    fields = vector["fields"]
    assert sorted(fields) == sorted(FIELDS)
    assert slow_bytes([fields[name] for name in FIELDS]).hex() == vector["encoding"]
    assert slow_hash(fields) == vector["intent_hash"] == intent_hash(built(fields)).hex()


@pytest.mark.parametrize("vector", VECTORS["intents"], ids=lambda vector: vector["name"])
@pytest.mark.parametrize("name", FIELDS)
def test_a_change_in_any_field_is_another_hash(vector, name):
    changed = {**vector["fields"], name: vector["fields"][name] + "1"}
    assert slow_hash(changed) != vector["intent_hash"]


# A letter moved from one field to the next must not leave the hash as it was.
@pytest.mark.parametrize("vector", VECTORS["intents"], ids=lambda vector: vector["name"])
@pytest.mark.parametrize(("left", "right"), list(itertools.pairwise(FIELDS)))
def test_fields_do_not_run_into_each_other(vector, left, right):
    fields = vector["fields"]
    moved = {**fields, left: fields[left] + fields[right][:1], right: fields[right][1:]}
    if moved != fields:
        assert slow_hash(moved) != vector["intent_hash"]


@pytest.mark.parametrize("vector", VECTORS["approvals"], ids=lambda vector: vector["verdict"])
def test_approvals_verify_and_are_bound_to_every_field(vector):
    key = PublicKey(Curve.ED25519, bytes.fromhex(vector["public_key"]))
    message = approval_message(
        bytes.fromhex(vector["intent_hash"]), vector["approver"], Verdict(vector["verdict"]), vector["at_s"]
    )
    slow = slow_bytes(["mext/approval/1"]) + (32).to_bytes(4, "big") + bytes.fromhex(vector["intent_hash"])
    slow += slow_bytes([vector["approver"], vector["verdict"], str(vector["at_s"])])
    assert message == slow
    ed25519.verify(key, message, bytes.fromhex(vector["signature"]))
    for place in range(len(message)):
        with pytest.raises(BadSignature):
            ed25519.verify(
                key,
                message[:place] + bytes([message[place] ^ 1]) + message[place + 1 :],
                bytes.fromhex(vector["signature"]),
            )
