# RFC 9591 FROST(Ed25519, SHA-512): official vectors byte for byte, refusals, and both ways with @noble/curves.
import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from simulators.frost import deal, scalar_of

from custody.keys import ed25519, frost, frost_shares
from custody.keys import frost_group as group
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import BadSignature, InvalidInput, MalformedPayload, QuorumNotReached
from custody.primitives.secret import Secret

ROOT = Path(__file__).parents[4]


def random_of(name):
    return hashlib.sha256(name.encode()).digest()


class Room:
    def __init__(self, message=b"message", numbers=(1, 3), threshold=2):
        coefficients = [scalar_of(f"coefficient {place}") for place in range(threshold - 1)]
        self.dealt = deal(scalar_of("secret"), coefficients, 4)
        self.shares = self.dealt.shares
        self.verifying = {number: frost.verifying_share(share) for number, share in self.shares.items()}
        self.nonces = {n: self.draw(n) for n in numbers}
        commitments = tuple(frost.Commitment(n, self.nonces[n].commitment) for n in numbers)
        self.package = frost.Package(self.dealt.group, message, commitments)

    def draw(self, number, name=""):
        return frost.draw_nonces(
            self.shares[number], random_of(f"hiding {number} {name}"), random_of(f"binding {number} {name}")
        )

    def sign(self, number):
        return frost.sign_share(self.package, number, self.shares[number], self.nonces[number])

    def made(self):
        return {number: self.sign(number) for number in self.package.identifiers}


@pytest.fixture
def room():
    return Room()


@pytest.fixture
def vectors(load_vectors):
    return load_vectors("rfc9591_frost_ed25519_sha512.json")


def test_a_share_that_is_one_bit_wrong_is_refused_and_named(room):
    made = room.made()
    for place in range(256):
        wrong = bytearray(made[3])
        wrong[place // 8] ^= 1 << place % 8
        with pytest.raises(BadSignature, match="participant 3") as caught:
            frost.aggregate(room.package, made | {3: bytes(wrong)}, room.verifying)
        assert caught.value.facts["key"] == room.verifying[3].raw.hex()


@pytest.mark.parametrize("wrong", [b"", bytes(32), bytes(33), group.ORDER.to_bytes(32, "little")])
def test_a_share_that_is_no_scalar_is_refused(room, wrong):
    with pytest.raises(BadSignature):
        frost.verify_share(room.package, 1, room.verifying[1], wrong)


def test_a_share_plus_the_group_order_is_refused(room):
    same = (int.from_bytes(room.sign(1), "little") + group.ORDER).to_bytes(32, "little")
    with pytest.raises(BadSignature):
        frost.verify_share(room.package, 1, room.verifying[1], same)


def test_the_share_of_another_participant_is_refused(room):
    with pytest.raises(BadSignature, match="participant 1"):
        frost.aggregate(room.package, room.made() | {1: room.sign(3)}, room.verifying)


def test_one_share_is_not_enough(room):
    with pytest.raises(QuorumNotReached):
        frost.aggregate(room.package, {1: room.sign(1)}, room.verifying)


def test_fewer_participants_than_the_threshold_make_no_signature():
    room = Room(numbers=(1, 3), threshold=3)
    with pytest.raises(BadSignature, match="does not verify under"):
        frost.aggregate(room.package, room.made(), room.verifying)


def test_a_stranger_in_the_package_makes_no_signature(room):
    made = frost.sign_share(room.package, 3, scalar_of("stranger"), room.nonces[3])
    with pytest.raises(BadSignature, match="participant 3"):
        frost.aggregate(room.package, room.made() | {3: made}, room.verifying)


def test_shares_for_another_message_or_list_are_refused(room):
    others = (
        replace(room.package, message=b"other"),
        replace(
            room.package,
            commitments=(room.package.commitments[0], frost.Commitment(3, room.draw(3, "again").commitment)),
        ),
    )
    for other in others:
        made = frost.sign_share(other, 1, room.shares[1], room.nonces[1])
        with pytest.raises(BadSignature, match="participant 1"):
            frost.verify_share(room.package, 1, room.verifying[1], made)


def test_nonces_that_are_not_in_the_package_sign_nothing(room):
    with pytest.raises(InvalidInput, match="another commitment"):
        frost.sign_share(room.package, 1, room.shares[1], room.draw(1, "again"))
    with pytest.raises(InvalidInput, match="takes no part"):
        frost.sign_share(room.package, 2, room.shares[2], room.draw(2))


SMALL_ORDER = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
NOT_CANONICAL = "ee" + "ff" * 30 + "7f"
NOT_ON_CURVE = "02" + "00" * 31


@pytest.mark.parametrize("point", ["01" + "00" * 31, "00" * 32, SMALL_ORDER, NOT_CANONICAL, NOT_ON_CURVE])
def test_points_outside_the_prime_order_group_are_refused(room, point):
    good = room.nonces[1].commitment[:32]
    for value in (bytes.fromhex(point) + good, good + bytes.fromhex(point)):
        with pytest.raises(MalformedPayload):
            frost.Commitment(1, value)
    with pytest.raises(MalformedPayload):
        replace(room.package, group=PublicKey(Curve.ED25519, bytes.fromhex(point)))


def test_a_point_with_a_torsion_part_is_refused(room):
    mixed = group.sum_points((room.nonces[1].commitment[:32], bytes.fromhex(SMALL_ORDER)))
    with pytest.raises(MalformedPayload):
        frost.Commitment(1, mixed + room.nonces[1].commitment[32:])


def test_a_list_out_of_order_twice_or_empty_is_refused(room):
    one, three = room.package.commitments
    for commitments in ((three, one), (one, one), (one, three, three), ()):
        with pytest.raises(InvalidInput):
            replace(room.package, commitments=commitments)
    with pytest.raises(InvalidInput):
        replace(one, identifier=0)


def test_randomness_is_32_bytes_and_never_the_same_twice(room):
    for pair in ((bytes(31), bytes(32)), (bytes(32), bytes(33)), (bytes(32), bytes(32))):
        with pytest.raises(InvalidInput):
            frost.draw_nonces(room.shares[1], *pair)


@pytest.mark.parametrize("wrong", [bytes(32), group.ORDER.to_bytes(32, "little"), b"short"])
def test_a_share_that_is_no_key_share_is_refused(room, wrong):
    with pytest.raises(MalformedPayload):
        frost_shares.verify_dealt(1, Secret(wrong), room.dealt.commitments)
    with pytest.raises(MalformedPayload):
        frost.verifying_share(Secret(wrong))


def test_a_share_off_the_polynomial_is_refused(room):
    for number, share in room.shares.items():
        frost_shares.verify_dealt(number, share, room.dealt.commitments)
    with pytest.raises(frost_shares.BadShare):
        frost_shares.verify_dealt(2, room.shares[1], room.dealt.commitments)


def test_nonces_and_shares_print_nothing(room):
    assert "***" in repr(room.nonces[1])
    assert repr(room.nonces[1].hiding.reveal()) not in repr(room.nonces[1])


def test_verifying_shares_interpolate_to_the_group_key(room):
    for numbers in ((1, 2), (2, 4), (1, 3, 4)):
        assert frost_shares.group_key_from({n: room.verifying[n] for n in numbers}) == room.dealt.group
    for number in room.shares:
        assert frost_shares.verifying_share_at(number, room.dealt.commitments) == room.verifying[number]


@pytest.mark.parametrize("numbers", [(1, 2), (1, 4), (2, 3), (1, 2, 3), (1, 2, 3, 4)])
def test_any_quorum_makes_a_plain_ed25519_signature(numbers):
    room = Room(numbers=numbers)
    signature = frost.aggregate(room.package, room.made(), room.verifying)
    ed25519.verify(room.dealt.group, b"message", signature)


def test_official_vectors_byte_for_byte(vectors):
    inputs, numbers = vectors["inputs"], vectors["inputs"]["participant_list"]
    coefficients = [Secret(bytes.fromhex(each)) for each in inputs["share_polynomial_coefficients"]]
    dealt = deal(Secret(bytes.fromhex(inputs["group_secret_key"])), coefficients, 3)
    assert dealt.group.raw.hex() == inputs["group_public_key"]
    for each in inputs["participant_shares"]:
        assert dealt.shares[each["identifier"]].reveal().hex() == each["participant_share"]
    nonces = {}
    for each in vectors["round_one_outputs"]["outputs"]:
        number = each["identifier"]
        drawn = [bytes.fromhex(each[f"{name}_nonce_randomness"]) for name in ("hiding", "binding")]
        nonces[number] = frost.draw_nonces(dealt.shares[number], *drawn)
        assert nonces[number].hiding.reveal().hex() == each["hiding_nonce"]
        assert nonces[number].binding.reveal().hex() == each["binding_nonce"]
        expected = each["hiding_nonce_commitment"] + each["binding_nonce_commitment"]
        assert nonces[number].commitment.hex() == expected
    commitments = tuple(frost.Commitment(n, nonces[n].commitment) for n in numbers)
    package = frost.Package(dealt.group, bytes.fromhex(inputs["message"]), commitments)
    for each in vectors["round_one_outputs"]["outputs"]:
        assert package.binding_factors[each["identifier"]].hex() == each["binding_factor"]
    made = {n: frost.sign_share(package, n, dealt.shares[n], nonces[n]) for n in numbers}
    for each in vectors["round_two_outputs"]["outputs"]:
        assert made[each["identifier"]].hex() == each["sig_share"]
    verifying = {n: frost.verifying_share(dealt.shares[n]) for n in numbers}
    assert frost.aggregate(package, made, verifying).hex() == vectors["final_output"]["sig"]


NOBLE = """
const { ed25519_FROST: frost } = require('@noble/curves/ed25519.js');
const asked = JSON.parse(require('fs').readFileSync(0, 'utf8'), (k, v) =>
  typeof v === 'string' && v.startsWith('0x') ? Uint8Array.from(Buffer.from(v.slice(2), 'hex')) : v);
const ids = [1, 2, 3].map(n => frost.Identifier.fromNumber(n));
const steps = {
  generate() {  // distributed: nobody holds the key
    const signers = { min: 2, max: 3 };
    const first = ids.map(id => frost.DKG.round1(id, signers));
    const others = (list, own) => list.filter((_, place) => place !== own);
    const sent = first.map((mine, n) => frost.DKG.round2(mine.secret, others(first.map(f => f.public), n)));
    return ids.map((id, n) => frost.DKG.round3(
      first[n].secret, others(first.map(f => f.public), n), others(sent, n).map(made => made[id])));
  },
  commit() { return frost.commit(asked.secret); },
  share() { return frost.signShare(asked.secret, asked.public, asked.nonces, asked.list, asked.message); },
  aggregate() { return frost.aggregate(asked.public, asked.list, asked.message, asked.shares); },
};
process.stdout.write(JSON.stringify(steps[asked.step](), (k, v) =>
  v instanceof Uint8Array ? '0x' + Buffer.from(v).toString('hex') : v));
"""


def noble(step, **asked):
    done = subprocess.run(
        ["node", "-e", NOBLE],
        input=json.dumps({"step": step, **asked}),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def raw(text):
    return bytes.fromhex(text[2:])


def test_interoperates_with_noble_in_both_directions():
    keys = noble("generate")
    public, message = keys[0]["public"], b"from two libraries"
    ids = [key["secret"]["identifier"] for key in keys]
    commitments = [raw(each) for each in public["commitments"]]
    shares = {n: Secret(raw(key["secret"]["signingShare"])) for n, key in enumerate(keys, start=1)}
    verifying = {n: frost.verifying_share(share) for n, share in shares.items()}
    for number, share in shares.items():
        frost_shares.verify_dealt(number, share, commitments)
        assert raw(public["verifyingShares"][ids[number - 1]]) == verifying[number].raw
    theirs = noble("commit", secret=keys[2]["secret"])
    ours = frost.draw_nonces(shares[1], random_of("h"), random_of("b"))
    halves = {"hiding": "0x" + ours.commitment[:32].hex(), "binding": "0x" + ours.commitment[32:].hex()}
    listed = [{"identifier": ids[0], **halves}, theirs["commitments"]]
    common = {"public": public, "list": listed, "message": "0x" + message.hex()}
    their_share = noble("share", secret=keys[2]["secret"], nonces=theirs["nonces"], **common)
    their_commitment = raw(theirs["commitments"]["hiding"]) + raw(theirs["commitments"]["binding"])
    package = frost.Package(
        PublicKey(Curve.ED25519, commitments[0]),
        message,
        (frost.Commitment(1, ours.commitment), frost.Commitment(3, their_commitment)),
    )
    made = {1: frost.sign_share(package, 1, shares[1], ours), 3: raw(their_share)}
    signature = frost.aggregate(package, made, verifying)
    assert raw(noble("aggregate", shares={ids[0]: "0x" + made[1].hex(), ids[2]: their_share}, **common)) == signature
    ed25519.verify(package.group, message, signature)
