# A back office that uses ownership texts to get what it must not have: other texts, other keys, or money.
import hashlib
import json
from dataclasses import replace

import base58
import pytest
from coincurve import PublicKey as CurvePublicKey
from simulators.bitcoin import make_coins
from simulators.signer_kit import NOW, Bench, approve, intent, request, rules_json
from simulators.signer_ownership import (
    HELD,
    SEEDS,
    OwnershipBench,
    approve_ownership,
    own_rules,
    ownership_request,
)
from simulators.toy_family import pay
from solders.message import from_bytes_versioned

from custody.chains.evm.address import checksum
from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.keccak import keccak256
from custody.chains.evm.plan import SafeState, SenderState
from custody.chains.utxo.codec import UtxoCodec
from custody.keys import ecdsa
from custody.keys.material import Curve, PublicKey, SigningRequest, SigningRole
from custody.keys.quorum import ApprovalDenied
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.approval import Verdict
from custody.primitives.errors import (
    BadSignature,
    InvalidInput,
    MalformedPayload,
    NotFound,
    QuorumNotReached,
    Refused,
)
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent
from custody.signers import audit
from custody.signers.faults import SignerBroken
from custody.signers.memory import Frozen
from custody.signers.ownership import InvalidOwnershipText, NotOurAddress, OwnershipExpired
from custody.signers.wire import encode_ownership

FOREIGN = {
    "utxo": "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry",
    "evm": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "solana": "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
    "tron": "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
    "xrpl": "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
}
ELSEWHERE = {"utxo": "bip122:000000000019d6689c085ae165831e93", "evm": "eip155:1", "solana": "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "tron": "tron:0x2b6653dc", "xrpl": "xrpl:0"}  # fmt: skip


@pytest.fixture(params=HELD)
def family(request):
    return request.param


@pytest.fixture
def held(family):
    return HELD[family]()


@pytest.fixture
def bench(held, tmp_path):
    return OwnershipBench(tmp_path, held)


def last_result(bench):
    return json.loads(bench.log()[-1])["result"]


# Refusals by the request ---------------------------------------------------------------


def test_a_foreign_address_is_refused(bench, held, family):
    with pytest.raises(NotOurAddress):
        bench.own(ownership_request(held, address=FOREIGN[family]))
    assert last_result(bench) == "not_our_address"


# One spelling only: the verifier compares texts, and so do we.
def test_another_spelling_of_the_address_is_refused(bench, held):
    with pytest.raises(NotOurAddress):
        bench.own(ownership_request(held, address=held.address.upper()))


def test_an_unregistered_wallet_is_refused(bench, held):
    with pytest.raises(NotFound):
        bench.own(ownership_request(held, wallet_id="cold"))


def test_the_address_of_another_wallet_of_ours_is_refused(tmp_path, family):
    # Two wallets in one signer; the text names one, the address is of the other.
    held, other = HELD[family](), next(HELD[name]() for name in HELD if name != family)
    both = [
        {**each.registration, "id": name, "our_paths": {"member": each.member_path}, "roles": ["member"]}
        for name, each in (("hot", held), ("other", other))
    ]
    two = Bench(tmp_path, own_rules(), both, SEEDS[0])
    asked = ownership_request(held, address=other.address)
    with pytest.raises(NotOurAddress):
        two.call("own", request=encode_ownership(asked, approve_ownership(asked)))
    asked = ownership_request(held, wallet_id="other")
    with pytest.raises(Refused):
        two.call("own", request=encode_ownership(asked, approve_ownership(asked)))


def test_another_chain_is_refused(bench, held, family):
    with pytest.raises(Refused, match="is registered on"):
        bench.own(ownership_request(held, chain=ELSEWHERE[family]))
    assert last_result(bench) == "refused"


# The registered name of the network is not enough where no CAIP-2 name is pinned for it.
def test_a_network_without_a_pinned_name_signs_no_texts(tmp_path):
    held = HELD["solana"]()
    stored = {**held.registration, "chain": "solana-other", "our_paths": {"member": held.member_path}}
    bench = Bench(tmp_path, own_rules(), [{**stored, "roles": ["member"]}], SEEDS[0])
    asked = ownership_request(held)
    with pytest.raises(Refused, match="solana-other"):
        bench.call("own", request=encode_ownership(asked, approve_ownership(asked)))


def test_an_expired_text_is_refused_by_the_signers_own_clock(bench, held):
    asked = ownership_request(held)
    bench.clock.at_s = asked.expires_at_s() + 1
    with pytest.raises(OwnershipExpired):
        bench.own(asked, approve_ownership(asked, at_s=asked.expires_at_s()))


# A text that never expires could be shown for ever by whoever keeps the nonce.
def test_a_text_for_years_is_refused(bench, held):
    with pytest.raises(OwnershipExpired):
        bench.own(ownership_request(held, expires="2033-11-14T22:13:20Z"))


@pytest.mark.parametrize("part", ["exchange", "ctx", "chain", "address", "nonce", "expires", "wallet_id"])
@pytest.mark.parametrize("value", ["a\nb", "a b", "", "\u2028", "a\r\nb"])
def test_no_part_can_smuggle_a_line(bench, held, part, value):
    asked = ownership_request(held)
    wire = {**encode_ownership(asked, approve_ownership(asked)), part: value}
    with pytest.raises(InvalidOwnershipText):
        bench.call("own", request=wire)
    assert bench.log() == []


@pytest.mark.parametrize(
    "change", [{"text": "PORv1-ownership"}, {"role": "sender"}, {"payload": "00"}, {"seq": "12"}, {"approvals": {}}]
)
def test_the_request_has_these_fields_and_no_others(bench, held, change):
    asked = ownership_request(held)
    with pytest.raises(MalformedPayload):
        bench.call("own", request={**encode_ownership(asked, approve_ownership(asked)), **change})


# Refusals by people ----------------------------------------------------------------------


def test_without_approval_nothing_is_signed(bench, held):
    with pytest.raises(QuorumNotReached):
        bench.own(ownership_request(held), ())
    assert last_result(bench) == "quorum_not_reached"


def test_one_approval_too_few(bench, held):
    asked = ownership_request(held)
    for approvals in (approve_ownership(asked, "ann"), approve_ownership(asked, "ann", "ann"), approve_ownership(asked, "ann", "eve")):  # fmt: skip
        with pytest.raises(QuorumNotReached):
            bench.own(asked, approvals)


def test_a_denial_stops_it(bench, held):
    asked = ownership_request(held)
    with pytest.raises(ApprovalDenied):
        bench.own(asked, (*approve_ownership(asked), *approve_ownership(asked, "cem", verdict=Verdict.DENY)))


def test_a_forged_approval_is_named(bench, held):
    asked = ownership_request(held)
    forged = replace(approve_ownership(asked, "bob")[0], approver="cem")
    with pytest.raises(BadSignature):
        bench.own(asked, (*approve_ownership(asked, "ann"), forged))


@pytest.mark.parametrize(
    "change",
    [
        {"exchange": "evil.com"}, {"seq": 13}, {"ctx": "ab" * 32}, {"nonce": "cd" * 32}, {"expires": "2023-11-28T22:00:01Z"},
    ],
    ids=repr,
)  # fmt: skip
def test_an_approval_covers_one_text_only(bench, held, change):
    approved = ownership_request(held)
    with pytest.raises(QuorumNotReached):
        bench.own(replace(approved, **change), approve_ownership(approved))


def test_an_approval_for_one_address_does_not_cover_another(tmp_path):
    held = HELD["utxo"]()
    bench = OwnershipBench(tmp_path, held)
    with pytest.raises(QuorumNotReached):
        bench.own(
            ownership_request(held, address=held.wallet.address(0, 8).text), approve_ownership(ownership_request(held))
        )


def test_a_wallet_with_a_quorum_of_its_own_needs_that_quorum(held, tmp_path):
    strict = own_rules(wallet_quorums={"hot": {"threshold": 3, "max_age_s": 86_400, "min_organisations": 1}})
    bench = OwnershipBench(tmp_path, held, rules=strict)
    asked = ownership_request(held)
    with pytest.raises(QuorumNotReached):
        bench.own(asked)
    assert bench.own(asked, approve_ownership(asked, "ann", "bob", "cem"))


# Strangers cannot make the signer search its whole window.
def test_nothing_is_searched_for_those_without_approval(tmp_path, monkeypatch):
    held = HELD["utxo"]()
    bench = OwnershipBench(tmp_path, held)
    searched = []
    monkeypatch.setattr("custody.signers.decoders.utxo.address_at", lambda *place: searched.append(place) or "x")
    with pytest.raises(QuorumNotReached):
        bench.own(ownership_request(held, address=FOREIGN["utxo"]), ())
    assert searched == []
    with pytest.raises(NotOurAddress):
        bench.own(ownership_request(held, address=FOREIGN["utxo"]))
    assert len(searched) == 2 * held.wallet.window


# Refusals by the signer's state ------------------------------------------------------------


def test_a_frozen_signer_signs_no_texts(bench, held):
    asked = ownership_request(held)
    bench.own(asked)
    bench.call("freeze", reason="drill")
    with pytest.raises(Frozen):
        bench.own(asked)
    assert last_result(bench) == "signer_frozen"


def test_a_signer_frozen_by_its_rules_signs_no_texts(held, tmp_path):
    with pytest.raises(Frozen):
        OwnershipBench(tmp_path, held, rules=own_rules(frozen=True)).own(ownership_request(held))


# D15
def test_a_freeze_between_judgement_and_signature_holds(tmp_path, monkeypatch):
    held = HELD["evm"]()
    bench = OwnershipBench(tmp_path, held)
    decoder = type(bench.service._desks["hot"].decoder)
    proven = decoder.owned_place

    def freeze_meanwhile(self, address):
        bench.memory.freeze("meanwhile")
        return proven(self, address)

    monkeypatch.setattr(decoder, "owned_place", freeze_meanwhile)
    with pytest.raises(Frozen):
        bench.own(ownership_request(held))


def test_approvals_from_before_the_thaw_are_void(bench, held):
    asked = ownership_request(held)
    old = approve_ownership(asked)
    bench.memory.freeze("drill")
    bench.memory.thaw(NOW + 1)
    bench.clock.at_s = NOW + 2
    with pytest.raises(QuorumNotReached):
        bench.own(asked, old)
    assert bench.own(asked, approve_ownership(asked, at_s=NOW + 2))


@pytest.mark.parametrize("name", ["evm", "solana"])
def test_a_signer_that_only_pays_fees_signs_no_texts(name, tmp_path):
    held = HELD[name]()
    with pytest.raises(Refused, match="no member key"):
        OwnershipBench(tmp_path, held, roles=["sender"]).own(ownership_request(held))


def test_a_family_without_a_text_scheme_signs_no_texts(tmp_path):
    bench = Bench(tmp_path, rules_json())
    asked = ownership_request(HELD["utxo"]())
    with pytest.raises(Refused, match="signs no ownership texts"):
        bench.call("own", request=encode_ownership(asked, approve_ownership(asked)))


# C14
def test_c14_a_nonce_point_that_served_another_message_freezes_the_signer(bench, held):
    asked = ownership_request(held)
    bench.own(asked)
    with bench.memory.transaction() as db:
        assert db.execute("SELECT COUNT(*) FROM nonce_point").fetchone() == (1,)
        db.execute("UPDATE nonce_point SET message = ?", (bytes(32),))
    with pytest.raises(SignerBroken):
        bench.own(asked)
    assert "nonce point" in bench.memory.frozen()


# Domain separation ---------------------------------------------------------------------------


# An approval of a text is not an approval of a payment, nor the other way round.
def test_approvals_of_texts_and_of_payments_do_not_mix(tmp_path):
    item, text = intent(), ownership_request(HELD["utxo"]())
    with pytest.raises(QuorumNotReached):
        Bench(tmp_path).sign(request(pay(("bob-address", 100)), item, approvals=approve_ownership(text)))
    (tmp_path / "own").mkdir()
    with pytest.raises(QuorumNotReached):
        OwnershipBench(tmp_path / "own", HELD["utxo"]()).own(text, approve(item))


# The other door: a text handed in as a transaction is not understood by any decoder.
@pytest.mark.parametrize("role", list(SigningRole))
def test_a_text_is_no_payload(bench, held, role):
    asked = ownership_request(held)
    as_payment = SigningRequest(
        held.wallet.registration()["chain"], "hot", role, asked.text().encode(), (), approve_ownership(asked)
    )
    with pytest.raises((InvalidInput, Refused)):
        bench.sign(as_payment)
    assert bench.memory.highest_sequence() == 0


# Bitcoin: a transaction's digest is a hash of 32 bytes, a text is hashed once and is longer; so the signature,
# with the byte a witness needs, fits no digest of any transaction, here one that spends the very same address.
def test_a_text_signature_spends_no_coin(tmp_path):
    held = HELD["utxo"]()
    asked = ownership_request(held, address=held.wallet.address(0, 0).text)
    bench = OwnershipBench(tmp_path, held)
    owned, codec, native = bench.own(asked), UtxoCodec(held.wallet), held.wallet.params.asset
    item = TransferIntent(
        WithdrawalId("w1"), Address(native.chain, FOREIGN["utxo"]), Amount(40_000, native), Amount(20_000, native),
        "", 1, "00" * 16, NOW + 600,
    )  # fmt: skip
    plan = codec.plan([item], make_coins(held.wallet, 90_000), ())
    need = codec.next_need(plan, [])
    (to_sign,) = bench.service._desks["hot"].decoder.understand(need.payload, SigningRole.MEMBER).to_sign
    key, value = PublicKey(Curve.SECP256K1, bytes.fromhex(owned.key)), bytes.fromhex(owned.signature)
    assert to_sign.path == "m/48h/1h/0h/2h/0/0"  # the same key
    with pytest.raises(BadSignature):
        ecdsa.verify_der(key, to_sign.message, value)
    text = asked.text().encode()
    ecdsa.verify_der(key, hashlib.sha256(text).digest(), value)
    with pytest.raises(BadSignature):  # Bitcoin hashes its transactions twice
        ecdsa.verify_der(key, hashlib.sha256(hashlib.sha256(text).digest()).digest(), value)
    assert len(text) != 32


# EVM: what a Safe recovers from the signature, plain or as the personal message of a SafeTx digest (v + 4), is no owner.
def test_a_text_signature_executes_nothing(tmp_path):
    held = HELD["evm"]()
    bench = OwnershipBench(tmp_path, held)
    asked = ownership_request(held)
    owned, text = bytes.fromhex(bench.own(asked).signature), asked.text().encode()
    native = held.wallet.params.native
    item = TransferIntent(
        WithdrawalId("w1"), Address(native.chain, FOREIGN["evm"]), Amount(10**15, native), Amount(10**16, native),
        "", 1, "00" * 16, NOW + 600,
    )  # fmt: skip
    codec = SafeCodec(held.wallet)
    plan = codec.plan([item], SafeState({native.key: 10**18}, 0, SenderState(0, 10**18, 10**9, 3 * 10**9)), ())
    payload = codec.next_need(plan, []).payload
    (to_sign,) = bench.service._desks["hot"].decoder.understand(payload, SigningRole.MEMBER).to_sign
    as_personal = keccak256(b"\x19Ethereum Signed Message:\n32" + to_sign.message)
    owners = held.wallet.sorted_owners()
    for digest in (to_sign.message, as_personal, keccak256(text), hashlib.sha256(text).digest()):
        assert recovered(digest, owned) not in owners
    preimage = b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text
    assert recovered(keccak256(preimage), owned) in owners
    assert preimage[:2] != b"\x19\x01"
    assert preimage[0] not in (0x01, 0x02, 0x03, 0x04)
    assert preimage[0] < 0xC0  # neither typed nor old transactions begin like this
    assert owned[64] in (27, 28)  # below 31, a Safe never adds the prefix of a personal message


def recovered(digest, signature):
    try:
        compact = signature[:64] + bytes([signature[64] - 27])
        point = CurvePublicKey.from_signature_and_message(compact, digest, hasher=None)
    except ValueError:
        return ""
    return checksum(keccak256(point.format(compressed=False)[1:])[12:])


# Solana: the signature is over the text itself; as a message it would need 80 signatures of 64 bytes.
def test_a_text_is_no_solana_message(tmp_path):
    held = HELD["solana"]()
    asked = ownership_request(held)
    owned, text = OwnershipBench(tmp_path, held).own(asked), asked.text().encode()
    assert base58.b58encode(bytes.fromhex(owned.key)).decode() in {member.text for member in held.wallet.members}
    assert text[0] == 0x50  # no version bit: an old message, asking for 80 signatures
    assert text[0] * 64 > 1_232
    with pytest.raises(ValueError, match=r".*"):
        from_bytes_versioned(text)


# What is signed is logged, and the same question gets the same answer.
def test_the_same_request_gets_the_same_signature_and_the_log_holds(bench, held):
    asked = ownership_request(held)
    assert bench.own(asked) == bench.own(asked)
    entries = [json.loads(entry) for entry in bench.log()]
    assert [(e["op"], e["result"], e["address"]) for e in entries] == [("own", "signed", held.address)] * 2
    assert bench.own(asked).signature not in "".join(map(str, bench.log()))
    assert bench.memory.highest_sequence() == 0  # no release: nothing was paid
    with bench.memory.transaction() as db:
        assert audit.verify_chain(db) == 3
